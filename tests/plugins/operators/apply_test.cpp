// Operators applied to items, forwards and backwards.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::load_linear_operator;
using testing::message_of;
using testing::run_stage;
using testing::Settings;

constexpr Out<Tensor> kY{"y", ""};

Tensor applied(const std::shared_ptr<const LinearOperator>& a, const Tensor& x,
               const Settings& settings) {
  return run_stage("operators/apply", settings, {{"x", x}, {"A", {}, {}, a}})[kY];
}

TEST(Apply, gives_what_the_operator_or_its_adjoint_gives) {
  const auto a = load_linear_operator("operators/downsampling",
                                      {{"size", Value::list({9, 8})}, {"factor", 2}});
  const Tensor x = at::randn({2, 3, 9, 8}, at::kDouble);
  const Tensor y = applied(a, x, {});
  EXPECT_TRUE(at::equal(y, a->forward(x)));
  EXPECT_TRUE(at::equal(applied(a, y, {{"direction", "adjoint"}}), a->adjoint(y)));
}

TEST(Apply, is_differentiable_both_ways) {
  const auto a = load_linear_operator("operators/demosaicing");
  const Tensor x = at::randn({1, 3, 4, 5}, at::kDouble).set_requires_grad(true);
  const Tensor v = at::randn({1, 1, 4, 5}, at::kDouble).set_requires_grad(true);
  (applied(a, x, {}) * v.detach()).sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), a->adjoint(v.detach())));
  (applied(a, v, {{"direction", "adjoint"}}) * x.detach()).sum().backward();
  EXPECT_TRUE(at::equal(v.grad(), a->forward(x.detach())));
}

TEST(Apply, refuses_what_the_operator_could_not_have_given) {
  const auto a = load_linear_operator("operators/demosaicing");
  EXPECT_EQ(message_of<ShapeError>([&] {
              applied(a, at::rand({1, 3, 4, 4}), {{"direction", "adjoint"}});
            }),
            "test.yaml:1:1: the axis before those of the image must be 'c' of length 1 in y, got 1 "
            "x float32 chw 3x4x4");
}

}  // namespace
}  // namespace pellucid
