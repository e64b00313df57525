// Transmission: the law, its derivative, and what it is applied to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(Transmission, falls_exponentially_and_is_differentiated) {
  const auto a = testing::load_operator("operators/transmission", {{"attenuation", 0.3}});
  const Tensor x = at::rand({2, 5, 7}, at::kDouble) * 4, v = at::randn({2, 5, 7}, at::kDouble);
  EXPECT_LT(difference(a->forward(x), at::exp(-0.3 * x)), 1e-15);
  EXPECT_LT(testing::gradient_gap([&](const Tensor& z) { return (a->forward(z) * v).sum(); },
                                  [&](const Tensor& z) { return a->vjp(z, v); }, x),
            1e-6);
}

TEST(Transmission, is_dimensionless_and_refuses_what_is_no_length) {
  const auto a = testing::load_operator("operators/transmission");
  Spec x;
  x.axes = "aw";
  x.shape = {4, 5};
  x.unit = "px";
  EXPECT_EQ(a->range(x).unit, "1");
  EXPECT_EQ(a->domain(a->range(x)), x);
  x.unit = "photon";
  EXPECT_THAT(testing::message_of<ShapeError>([&] { a->range(x); }),
              ::testing::HasSubstr("line integrals must have the unit px"));
}

}  // namespace
}  // namespace pellucid
