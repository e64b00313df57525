// Sums of operators: their laws, weights, and what happens to parts that do not fit together.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "plugins/operators/combinations.h"
#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::blur;
using testing::identity;
using testing::Linear;
using testing::load_linear_operator;
using testing::message_of;
using testing::Settings;

Linear sum(const std::vector<Linear>& parts, const Settings& settings = {}) {
  return testing::combined("operators/sum", parts, settings);
}

Linear coarse(const char* method, int factor = 2) {
  return load_linear_operator("operators/downsampling", {{"method", method}, {"factor", factor}});
}

TEST(Sum, keeps_the_laws_of_linear_operators) {
  laws::Limits limits;
  limits.norm = 0.05;
  for (const Linear& a :
       {sum({identity(), blur(3, 3)}),
        sum({identity(), blur(3, 5), blur(2, 1)}, {{"weights", Value::list({-1.5, 2.0, 0.25})}}),
        sum({coarse("area"), coarse("bicubic"), coarse("decimation"), coarse("area")})})
    laws::expect_linear_operator_laws([a](std::int64_t, std::int64_t) { return a; },
                                      {{{2, 1, 8, 10}}, {{1, 3, 6, 4}}}, limits);
}

TEST(Sum, adds_results_with_their_weights) {
  const Tensor x = at::randn({1, 1, 5, 5}, at::kDouble);
  const Linear a = blur(3, 3);
  const Linear sharper = sum({identity(), a}, {{"weights", Value::list({1.0, -1.0})}});
  EXPECT_TRUE(at::allclose(sharper->forward(x), x - a->forward(x)));
}

TEST(Sum, has_the_largest_halo) {
  const Spec x = laws::spec_of_items({{1, 1, 20, 20}}, at::kFloat);
  EXPECT_EQ(sum({blur(3, 9), blur(5, 3), identity()})->halo(x),
            (std::vector<std::int64_t>{0, 2, 4}));
}

TEST(Sum, says_which_operators_do_not_agree) {
  const Linear a = sum({identity(), coarse("area")});
  EXPECT_EQ(message_of<ShapeError>([&] {
              a->range(laws::spec_of_items({{1, 1, 8, 8}}, at::kFloat));
            }),
            "'A x' and 'B x' must have the same shape, got 1x8x8 and 1x4x4");
  EXPECT_EQ(message_of<ConfigError>([] {
              sum({identity(), identity(), identity()}, {{"weights", Value::list({1.0, 2.0})}});
            }),
            "test.yaml:1:1: 'weights' must have a number for each of the 3 operators, got 2");
}

}  // namespace
}  // namespace pellucid
