// A scaled operator: its laws, whatever the sign and size of the factor.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::load_linear_operator;

std::shared_ptr<const LinearOperator> scaled(double factor) {
  const auto coarse =
      load_linear_operator("operators/downsampling", {{"method", "area"}, {"factor", 2}});
  return load_linear_operator("operators/scale", {{"factor", factor}}, {{"A", {}, {}, coarse}});
}

TEST(Scale, keeps_the_laws_of_linear_operators) {
  for (const double factor : {-2.5, 1.0, 1e-3, 0.0})
    laws::expect_linear_operator_laws(
        [factor](std::int64_t, std::int64_t) { return scaled(factor); },
        {{{2, 1, 6, 4}}, {{1, 3, 2, 2}}});
}

TEST(Scale, multiplies_results_and_never_its_argument) {
  const auto identity = load_linear_operator("operators/identity");
  const auto a =
      load_linear_operator("operators/scale", {{"factor", 3.0}}, {{"A", {}, {}, identity}});
  const Tensor x = at::randn({1, 1, 3, 3}), kept = x.clone();
  EXPECT_TRUE(at::equal(a->forward(x), 3 * x));
  EXPECT_TRUE(at::equal(a->adjoint(x), 3 * kept));
  EXPECT_EQ(a->halo(laws::spec_of_items({{1, 1, 3, 3}}, at::kFloat)),
            (std::vector<std::int64_t>{0, 0, 0}));
}

}  // namespace
}  // namespace pellucid
