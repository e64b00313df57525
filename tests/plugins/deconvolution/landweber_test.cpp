// Landweber against matrices, and the solutions it tends to.

#include "least_squares.h"

namespace pellucid {
namespace {

using namespace iterated;
using ::testing::HasSubstr;

Outputs landweber(const Measured& p, const Settings& settings) {
  return solved("landweber", p.y, p.a, settings);
}

/// 1 / |A|^2 as it is bounded.
double unit_step(const Measured& p) {
  const Tensor kernel = dynamic_cast<const ConvolutionOperator&>(*p.a).kernel();
  return 1 / (kernel.sum().item<double>() * p.matrix.sum(0).max().item<double>());
}

TEST(Landweber, equals_the_iteration_with_a_matrix_for_every_boundary_and_constraint) {
  const std::vector<std::pair<Value, std::pair<double, double>>> constraints{
      {"none", {-direct::kInfinity, direct::kInfinity}},
      {"non_negative", {0, direct::kInfinity}},
      {Value::map({{"bounds", Value::map({{"lower", -0.1}, {"upper", 2.5}})}}), {-0.1, 2.5}}};
  for (const auto& problem : {image, volume})
    for (const char* boundary : kBoundaries)
      for (const auto& [constraint, range] : constraints) {
        const Measured p = problem(boundary, false);
        const double step = 1.5 * unit_step(p);
        Tensor x = constant(p).flatten().clamp(range.first, range.second);
        for (int k = 0; k < 8; ++k)
          x = (x - step * p.half_gradient(x)).clamp(range.first, range.second);
        const Tensor found =
            landweber(p, with({{"step", 1.5}, {"constraint", constraint}}, 8, "constant"))[kX];
        EXPECT_EQ(found.sizes(), p.truth.sizes());
        EXPECT_LT(largest(found.flatten() - x), 1e-9 * largest(x)) << boundary;
      }
}

TEST(Landweber, steps_at_most_as_far_as_the_norm_of_the_blur_lets_it) {
  for (const char* boundary : kBoundaries) {
    const Measured p = image(boundary, false);
    const double norm = at::linalg_matrix_norm(p.matrix, 2).item<double>();
    EXPECT_LE(unit_step(p), (1 + 1e-12) / (norm * norm)) << boundary;
    if (boundary == std::string("circular")) {
      EXPECT_NEAR(unit_step(p) * norm * norm, 1, 1e-9);
    }
  }
}

TEST(Landweber, tends_to_the_pseudo_inverse) {
  // A blur that passes nothing at a quarter of the sampling frequency.
  at::manual_seed(4);
  Tensor kernel = at::zeros({1, 1, 1, 3}, at::kDouble);
  kernel[0][0][0][0] = kernel[0][0][0][2] = 0.5;
  const Measured p("circular", {8, 16}, kernel);
  const Tensor x = landweber(p, with({}, 300))[kX];
  const Tensor nearest = at::mv(at::linalg_pinv(p.matrix, 1e-8), p.flat());
  EXPECT_LT(largest(x.flatten() - nearest), 1e-9);
}

TEST(Landweber, within_bounds_tends_to_the_active_sets_of_stark_and_parker) {
  const Measured p = image("zero");
  const Tensor x = landweber(
      p,
      with({{"step", 1.9}, {"constraint", Value::map({{"bounds", Value::map({{"upper", 2.5}})}})}},
           300))[kX];
  EXPECT_LT(largest(x.flatten() - stark_parker(p.matrix, p.flat(), 0, 2.5)), 1e-6);
  expect_optimal(x, p.half_gradient(x), 0, 2.5, 1e-6);
}

TEST(Landweber, never_increases_its_objective) {
  for (const char* boundary : kBoundaries)
    for (const char* constraint : {"none", "non_negative"}) {
      const Measured p = image(boundary, false);
      Settings settings = with({{"step", 1.99}, {"constraint", constraint}, {"every", 1}}, 40);
      const Outputs out = landweber(p, settings);
      expect_falling(out[kHistory].reals("objective"));
      EXPECT_NEAR(out[kHistory].reals("objective").back(), p.objective(out[kX]), 1e-9);
      EXPECT_NEAR(out[kHistory].reals("residual").back(), std::sqrt(p.objective(out[kX])), 1e-9);
    }
}

TEST(Landweber, stays_where_the_measurement_is_explained) {
  for (const char* boundary : kBoundaries) {
    const Measured p = image(boundary);
    const Tensor y = p.a->forward(p.truth);
    const Tensor x =
        solved("landweber", y, p.a, {{"constraint", "non_negative"}}, {.init = p.truth})[kX];
    EXPECT_LT(largest(x - p.truth), 1e-12) << boundary;
  }
}

TEST(Landweber, takes_blurs_with_negative_taps_and_without_a_sum) {
  at::manual_seed(5);
  Tensor kernel = at::randn({1, 1, 5, 4}, at::kDouble);
  kernel -= kernel.mean();
  for (const char* boundary : kBoundaries) {
    const Measured p(boundary, {16, 16}, kernel);
    const Outputs out = landweber(p, {{"iterations", 30}, {"every", 1}, {"step", 1.9}});
    expect_falling(out[kHistory].reals("objective"));
    // The constant start is 0 where no flux gets through, which only a border lets.
    if (boundary == std::string("circular") || boundary == std::string("valid")) {
      EXPECT_NEAR(out[kHistory].reals("residual").front(), p.y.norm().item<double>(), 1e-9);
    }
  }
}

TEST(Landweber, obeys_the_laws_of_iterative_methods) {
  expect_independent_items("landweber", {{"constraint", "non_negative"}}, true);
  expect_precision_of_images("landweber", {});
  expect_limits("landweber", {{"constraint", "non_negative"}}, 1e-12);
  expect_any_size("landweber", {});
  expect_course("landweber", {});
  expect_refusals("landweber", {});
}

TEST(Landweber, refuses_steps_that_diverge_and_bounds_without_room) {
  const Measured p = image("zero");
  const auto message = [&](const Settings& settings) {
    return testing::message_of<Error>([&] { landweber(p, settings); });
  };
  EXPECT_THAT(message({{"step", 2.0}}), HasSubstr("'step' must be in (0, 2), got 2"));
  const auto bounds = [](double lower, double upper) {
    return Settings{
        {"constraint", Value::map({{"bounds", Value::map({{"lower", lower}, {"upper", upper}})}})}};
  };
  EXPECT_THAT(message(bounds(2, 1)),
              HasSubstr("'lower' must be below 'upper', got lower 2 and upper 1"));
  EXPECT_THAT(message(bounds(1, 1)), HasSubstr("'lower' must be below 'upper'"));
}

}  // namespace
}  // namespace pellucid
