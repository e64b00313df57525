// Tikhonov-Miller against dense solutions, conjugate gradients with a matrix, and active sets.

#include "least_squares.h"

namespace pellucid {
namespace {

using namespace iterated;

Outputs tikhonov_miller(const Measured& p, const Settings& settings) {
  return solved("tikhonov_miller", p.y, p.a, settings);
}

/// L of images of the size of x.
Tensor penalty_matrix(const Measured& p, const std::string& penalty, const std::string& boundary) {
  const Sizes sizes = p.truth.sizes().slice(2).vec();
  if (penalty == "identity") return at::eye(p.truth.numel(), at::kDouble);
  if (boundary == "circular") return direct::laplacian(sizes);
  return direct::matrix(sizes, [](const Tensor& x) {
    Tensor sum = at::zeros_like(x);
    for (std::int64_t axis = 2; axis < x.dim(); ++axis) {
      const std::int64_t n = x.size(axis);
      const Tensor step = x.narrow(axis, 1, n - 1) - x.narrow(axis, 0, n - 1);
      sum.narrow(axis, 1, n - 1).add_(step);
      sum.narrow(axis, 0, n - 1).sub_(step);
    }
    return sum;
  });
}

/// The least squares of the measurement and the penalty at once: m x near y.
struct Stacked {
  Stacked(const Measured& p, double weight, const std::string& penalty, const std::string& boundary)
      : m(at::cat({p.matrix, std::sqrt(weight) * penalty_matrix(p, penalty, boundary)})),
        y(at::cat({p.flat(), at::zeros({p.truth.numel()}, at::kDouble)})) {}
  Tensor half_gradient(const Tensor& x) const { return at::mv(m.t(), at::mv(m, x.flatten()) - y); }
  Tensor m, y;
};

Settings own(double weight, const char* penalty, const char* constraint = "none") {
  return {{"weight", weight}, {"penalty", penalty}, {"constraint", constraint}};
}

TEST(TikhonovMiller, equals_the_dense_solution_for_every_boundary_and_penalty) {
  for (const auto& problem : {image, volume})
    for (const char* boundary : kBoundaries)
      for (const char* penalty : {"identity", "laplacian"}) {
        const Measured p = problem(boundary, false);
        if (p.truth.dim() == 5 && penalty == std::string("identity")) continue;
        const Stacked all(p, 0.05, penalty, boundary);
        const Tensor exact = at::linalg_solve(at::mm(all.m.t(), all.m), at::mv(all.m.t(), all.y));
        const Outputs out = tikhonov_miller(p, with(own(0.05, penalty), 400));
        EXPECT_LT(largest(out[kX].flatten() - exact), 1e-6) << boundary << penalty;
        EXPECT_NEAR(out[kHistory].reals("objective").back(),
                    (at::mv(all.m, exact) - all.y).square().sum().item<double>(), 1e-6);
      }
}

TEST(TikhonovMiller, of_a_circular_blur_ends_where_tikhonov_is_in_one_step) {
  for (const auto& problem : {image, volume})
    for (const char* penalty : {"identity", "laplacian"}) {
      const Measured p = problem("circular", false);
      const Settings settings{{"weight", 0.1}, {"penalty", penalty}};
      const Tensor direct = solved("tikhonov", p.y, p.a, settings)[kX];
      EXPECT_LT(largest(tikhonov_miller(p, with(settings, 100))[kX] - direct), 1e-6);
    }
}

TEST(TikhonovMiller, takes_the_steps_of_conjugate_gradients) {
  for (const auto& problem : {image, volume})
    for (const char* boundary : kBoundaries) {
      const Measured p = problem(boundary, false);
      const Stacked all(p, 0.01, "laplacian", boundary);
      Tensor x = at::zeros({p.truth.numel()}, at::kDouble), residual = -all.y, direction;
      double before = 0;
      for (int k = 0; k < 6; ++k) {
        const Tensor gradient = at::mv(all.m.t(), residual);
        const double now = gradient.square().sum().item<double>();
        direction = k == 0 ? gradient : gradient + now / before * direction;
        const Tensor image = at::mv(all.m, direction);
        const double length = now / image.square().sum().item<double>();
        x = x - length * direction;
        residual = residual - length * image;
        before = now;
      }
      const Tensor found = tikhonov_miller(p, with(own(0.01, "laplacian"), 6))[kX];
      EXPECT_LT(largest(found.flatten() - x), 1e-9 * largest(x)) << boundary;
    }
}

TEST(TikhonovMiller, within_bounds_equals_the_active_sets_of_stark_and_parker) {
  for (const char* boundary : kBoundaries)
    for (const char* penalty : {"identity", "laplacian"}) {
      const Measured p = image(boundary, false);
      const Stacked all(p, 0.05, penalty, boundary);
      const Tensor x = tikhonov_miller(p, with(own(0.05, penalty, "non_negative"), 400))[kX];
      EXPECT_LT(largest(x.flatten() - stark_parker(all.m, all.y, 0, direct::kInfinity)), 1e-6)
          << boundary << penalty;
      expect_optimal(x, all.half_gradient(x), 0, direct::kInfinity, 1e-7);
    }
  const Measured p = volume("zero", false);
  const Stacked all(p, 0.05, "laplacian", "zero");
  Settings settings = with({{"weight", 0.05}}, 400);
  settings.push_back(
      {"constraint", Value::map({{"bounds", Value::map({{"lower", 0.2}, {"upper", 2}})}})});
  const Tensor x = tikhonov_miller(p, settings)[kX];
  EXPECT_LT(largest(x.flatten() - stark_parker(all.m, all.y, 0.2, 2)), 1e-6);
}

TEST(TikhonovMiller, never_increases_its_objective) {
  for (const char* boundary : kBoundaries)
    for (const char* constraint : {"none", "non_negative"})
      for (const double weight : {0.0, 0.02}) {
        const Measured p = image(boundary, false);
        Settings settings = with(own(weight, "laplacian", constraint), 60);
        settings.push_back({"every", 1});
        expect_falling(tikhonov_miller(p, settings)[kHistory].reals("objective"));
      }
}

TEST(TikhonovMiller, without_a_penalty_is_least_squares) {
  const Measured p = image("zero");
  const Tensor x = tikhonov_miller(p, with(own(0, "identity"), 100))[kX];
  EXPECT_LT(largest(x.flatten() - at::linalg_solve(p.matrix, p.flat())), 1e-6);
  EXPECT_TRUE(at::equal(tikhonov_miller(p, own(0, "laplacian", "non_negative"))[kX],
                        solved("nnls", p.y, p.a)[kX]));
}

TEST(TikhonovMiller, obeys_the_laws_of_iterative_methods) {
  for (const Settings& settings : {own(0.01, "laplacian"), own(0.01, "identity", "non_negative")}) {
    expect_independent_items("tikhonov_miller", settings, false);
    expect_precision_of_images("tikhonov_miller", settings);
    expect_course("tikhonov_miller", settings);
    expect_refusals("tikhonov_miller", settings);
    expect_any_size("tikhonov_miller", settings);
  }
  expect_limits("tikhonov_miller", own(0, "laplacian"), 1e-12);
}

}  // namespace
}  // namespace pellucid
