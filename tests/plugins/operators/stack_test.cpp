// Stacks of operators: their laws, along which axis, and what happens to parts that do not fit.

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

Linear stack(const std::vector<Linear>& parts, const Settings& settings = {}) {
  return testing::combined("operators/stack", parts, settings);
}

Linear mosaic() { return load_linear_operator("operators/demosaicing"); }

Linear coarse(std::vector<Value> factor) {
  return load_linear_operator("operators/downsampling",
                              {{"method", "area"}, {"factor", Value::list(std::move(factor))}});
}

Settings sizes(int axis, std::vector<Value> lengths) {
  return {{"axis", axis}, {"sizes", Value::list(std::move(lengths))}};
}

TEST(Stack, keeps_the_laws_of_linear_operators) {
  laws::Limits limits;
  limits.norm = 0.05;
  for (const Linear& a : {stack({identity(), blur(3, 3)}),
                          stack({mosaic(), identity(), blur(1, 3)}, sizes(0, {1, 3, 3})),
                          stack({blur(3, 3), blur(5, 1), identity(), identity()}, {{"axis", 2}}),
                          stack({identity(), coarse({2, 1})}, sizes(1, {4, 2}))})
    laws::expect_linear_operator_laws([a](std::int64_t, std::int64_t) { return a; },
                                      {{{2, 3, 4, 6}}}, limits);
}

TEST(Stack, gives_results_one_after_the_other) {
  const Tensor x = at::randn({2, 3, 4, 6}, at::kDouble);
  const Linear a = blur(3, 3);
  const Linear all = stack({mosaic(), a}, sizes(0, {1, 3}));
  EXPECT_TRUE(at::equal(all->forward(x), at::cat({mosaic()->forward(x), a->forward(x)}, 1)));
  EXPECT_EQ(all->domain(all->range(laws::spec_of_items({{2, 3, 4, 6}}, at::kFloat))).shape,
            (std::vector<std::int64_t>{3, 4, 6}));
}

TEST(Stack, is_asked_for_sizes_where_results_differ) {
  const Spec x = laws::spec_of_items({{1, 3, 4, 6}}, at::kFloat);
  EXPECT_EQ(message_of<ShapeError>([&] {
              stack({mosaic(), identity()})->range(x);
            }),
            "the results must be [1, 1] long along axis 0, got [1, 3]; set sizes: [1, 3]");
  EXPECT_EQ(message_of<ShapeError>([&] {
              stack({mosaic(), identity()})->domain(x);
            }),
            "y is 3 long along axis 0, which cannot be cut into 2 equal parts; set 'sizes'");
  EXPECT_EQ(message_of<ShapeError>([&] {
              stack({coarse({2}), identity()})->range(x);
            }),
            "'A x' and 'B x' must have the same shape, got 3x2x3 and 3x4x6");
  EXPECT_EQ(message_of<ShapeError>([&] {
              stack({identity(), identity()}, {{"axis", 3}})->range(x);
            }),
            "'axis' must be below 3, the number of axes of y (1 x float32 chw 3x4x6), got 3");
  EXPECT_EQ(message_of<ConfigError>([&] {
              stack({identity(), identity()}, sizes(0, {1, 1, 1}));
            }),
            "test.yaml:1:1: 'sizes' must have a number for each of the 2 operators, got 3");
}

}  // namespace
}  // namespace pellucid
