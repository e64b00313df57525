// Bounded least squares against Stark and Parker's active sets.

#include "least_squares.h"

namespace pellucid {
namespace {

using namespace iterated;
using ::testing::HasSubstr;

TEST(Bvls, equals_the_active_sets_of_stark_and_parker) {
  for (const auto& [problem, boundaries] :
       {std::pair{&image, std::vector{"circular", "reflect", "replicate", "zero"}},
        std::pair{&volume, std::vector{"circular", "zero"}}})
    for (const char* boundary : boundaries) {
      const Measured p = problem(boundary, true);
      const Tensor x =
          solved("bvls", p.y, p.a, {{"lower", 0.1}, {"upper", 2.5}, {"iterations", 60}})[kX];
      EXPECT_LT(largest(x.flatten() - stark_parker(p.matrix, p.flat(), 0.1, 2.5)), 1e-6)
          << boundary;
      for (const double bound : {0.1, 2.5})
        EXPECT_GT((x == bound).sum().item<double>(), 0.1 * double(x.numel()));
    }
}

TEST(Bvls, ends_in_the_conditions_of_karush_kuhn_and_tucker) {
  // More samples than measurements make a slope that is hardly there.
  const auto tolerance = [](const std::string& boundary) {
    return boundary == "valid" ? 1e-3 : 1e-8;
  };
  for (const auto& problem : {image, volume})
    for (const char* boundary : kBoundaries) {
      SCOPED_TRACE(boundary);
      const Measured p = problem(boundary, true);
      const Outputs out = solved(
          "bvls", p.y, p.a, {{"lower", -0.2}, {"upper", 3}, {"iterations", 400}, {"every", 1}});
      expect_optimal(out[kX], p.half_gradient(out[kX]), -0.2, 3, tolerance(boundary));
      expect_falling(out[kHistory].reals("objective"));
    }
}

TEST(Bvls, without_an_upper_bound_within_reach_is_nnls) {
  const Measured p = image("reflect", false);
  EXPECT_TRUE(
      at::equal(solved("bvls", p.y, p.a, {{"upper", 1e9}})[kX], solved("nnls", p.y, p.a)[kX]));
}

TEST(Bvls, obeys_the_laws_of_iterative_methods) {
  const Settings own{{"upper", 10}};
  expect_independent_items("bvls", own, false);
  expect_precision_of_images("bvls", own);
  expect_limits("bvls", own, 1e-12);
  expect_any_size("bvls", own);
  expect_course("bvls", own);
  expect_refusals("bvls", own);
}

TEST(Bvls, refuses_bounds_without_room) {
  const Measured p = image("zero");
  const auto message = [&](const Settings& settings) {
    return testing::message_of<ConfigError>([&] { solved("bvls", p.y, p.a, settings); });
  };
  EXPECT_THAT(message({{"lower", 3}, {"upper", 2}}),
              HasSubstr("'lower' must be below 'upper', got lower 3 and upper 2"));
  EXPECT_THAT(message({}), HasSubstr("'upper'"));
}

}  // namespace
}  // namespace pellucid
