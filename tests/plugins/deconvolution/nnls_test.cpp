// Non-negative least squares against active sets, and the conditions that its end must meet.

#include "least_squares.h"

namespace pellucid {
namespace {

using namespace iterated;

TEST(Nnls, equals_the_active_sets_of_lawson_and_hanson) {
  for (const auto& [problem, boundaries] :
       {std::pair{&image, std::vector{"circular", "reflect", "replicate", "zero"}},
        std::pair{&volume, std::vector{"circular", "zero"}}})
    for (const char* boundary : boundaries) {
      const Measured p = problem(boundary, true);
      const Tensor x = solved("nnls", p.y, p.a, {{"iterations", 60}})[kX];
      const Tensor exact = stark_parker(p.matrix, p.flat(), 0, direct::kInfinity);
      EXPECT_LT(largest(x.flatten() - exact), 1e-6) << boundary;
      EXPECT_GT((x == 0).sum().item<double>(), 0.2 * double(x.numel()));
    }
}

TEST(Nnls, ends_in_the_conditions_of_karush_kuhn_and_tucker) {
  // More samples than measurements make a slope that is hardly there.
  const auto tolerance = [](const std::string& boundary) {
    return boundary == "valid" ? 1e-3 : 1e-8;
  };
  for (const auto& problem : {image, volume})
    for (const char* boundary : kBoundaries) {
      SCOPED_TRACE(boundary);
      const Measured p = problem(boundary, true);
      const Tensor x = solved("nnls", p.y, p.a, {{"iterations", 400}})[kX];
      expect_optimal(x, p.half_gradient(x), 0, direct::kInfinity, tolerance(boundary));
    }
}

TEST(Nnls, never_increases_its_objective_and_gets_far_where_the_blur_passes_little) {
  for (const char* boundary : kBoundaries) {
    at::manual_seed(7);
    const Tensor kernel = at::rand({1, 1, 5, 4}, at::kDouble);
    const Measured p(boundary, {16, 16}, kernel / kernel.sum());
    Settings settings{{"iterations", 400}, {"every", 1}};
    const Outputs out = solved("nnls", p.y, p.a, settings);
    expect_falling(out[kHistory].reals("objective"));
    EXPECT_NEAR(out[kHistory].reals("objective").back(), p.objective(out[kX]), 1e-9);
    const Tensor x = out[kX].flatten(), g = p.half_gradient(x);
    EXPECT_LT(largest(x - (x - g).clamp_min(0)), 1e-3 * largest(p.half_gradient(x * 0)))
        << boundary;
    // Landweber's steps have not got there by then.
    const Outputs slow =
        solved("landweber", p.y, p.a, {{"iterations", 400}, {"constraint", "non_negative"}});
    EXPECT_LT(out[kHistory].reals("objective").back(), slow[kHistory].reals("objective").back());
  }
}

TEST(Nnls, stays_where_the_measurement_is_explained) {
  for (const char* boundary : kBoundaries) {
    const Measured p = image(boundary);
    const Tensor y = p.a->forward(p.truth);
    const Tensor x = solved("nnls", y, p.a, {}, {.init = p.truth})[kX];
    EXPECT_LT(largest(x - p.truth), 1e-10) << boundary;
    if (boundary != std::string("valid")) {
      EXPECT_LT(largest(solved("nnls", y, p.a, {{"iterations", 100}})[kX] - p.truth), 1e-8);
    }
  }
}

TEST(Nnls, obeys_the_laws_of_iterative_methods) {
  expect_independent_items("nnls", {}, false);
  expect_precision_of_images("nnls", {});
  expect_limits("nnls", {}, 1e-12);
  expect_any_size("nnls", {});
  expect_course("nnls", {});
  expect_refusals("nnls", {});
}

}  // namespace
}  // namespace pellucid
