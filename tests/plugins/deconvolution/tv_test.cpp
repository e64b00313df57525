// Total variation against matrices, at the minimum, and both solvers against each other.

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "least_squares.h"

namespace pellucid {
namespace {

using iterated::blur;
using iterated::kBoundaries;
using iterated::kHistory;
using iterated::kX;
using iterated::largest;
using iterated::Measured;
using iterated::Settings;
using iterated::Sizes;
using iterated::solved;
using iterated::with;
using ::testing::HasSubstr;

const std::string kUse = "tv";

struct How {
  double weight;
  bool admm = true;
  std::vector<double> spacing = {};
  double lower = -direct::kInfinity, upper = direct::kInfinity;

  Settings settings() const {
    Settings all{{"weight", weight}, {"solver", admm ? "admm" : "primal_dual"}};
    if (!spacing.empty()) {
      std::vector<Value> lengths(spacing.begin(), spacing.end());
      all.push_back({"spacing", Value::list(lengths)});
    }
    if (std::isfinite(upper))
      all.push_back({"constraint",
                     Value::map({{"bounds", Value::map({{"lower", lower}, {"upper", upper}})}})});
    else if (std::isfinite(lower)) all.push_back({"constraint", "non_negative"});
    return all;
  }
};

/// D as a matrix: (axes, samples, samples). `around`: what follows the last sample is the first.
Tensor differences(const Sizes& sizes, std::vector<double> spacing, bool around) {
  if (spacing.empty()) spacing.assign(sizes.size(), 1);
  const std::int64_t n = c10::multiply_integers(sizes);
  Sizes shape = sizes;
  shape.insert(shape.begin(), n);
  const Tensor points = at::eye(n, at::kDouble).view(shape);
  std::vector<Tensor> all;
  for (std::size_t a = 0; a < sizes.size(); ++a) {
    const auto axis = std::int64_t(a) + 1;
    Tensor d = (points.roll({-1}, {axis}) - points) / spacing[a];
    if (!around) d.select(axis, sizes[a] - 1).fill_(0);
    all.push_back(d.flatten(1).t());
  }
  return at::stack(all);
}

double squared_norm(const Measured& p) {
  return (p.matrix.abs().sum(0).max() * p.matrix.abs().sum(1).max()).item<double>();
}

/// Length of u (axes, samples) at each sample.
Tensor length(const Tensor& u) { return u.square().sum(0).sqrt(); }
Tensor in_ball(const Tensor& u, double radius) {
  return u * (radius / length(u).clamp_min(std::max(radius, 1e-300)));
}

struct Found {
  Tensor x, u;
};

/// Primal-dual with matrices, from zero.
Found primal_dual(const Measured& p, const How& how, int iterations) {
  const Tensor d = differences(p.truth.sizes().slice(2).vec(), how.spacing, false);
  const double norm = squared_norm(p);
  double squares = 0;
  for (std::int64_t a = 0; a < d.size(0); ++a)
    squares += how.spacing.empty() ? 1 : 1 / std::pow(how.spacing[std::size_t(a)], 2);
  Tensor x = at::zeros({d.size(1)}, at::kDouble).clamp(how.lower, how.upper);
  Tensor u = at::zeros({d.size(0), d.size(1)}, at::kDouble);
  for (int k = 0; k < iterations; ++k) {
    const Tensor back = at::matmul(d.transpose(1, 2), u.unsqueeze(-1)).squeeze(-1).sum(0);
    const Tensor next =
        (x - 4 / (3 * norm) * (p.half_gradient(x) + back)).clamp(how.lower, how.upper);
    u = in_ball(u + norm / (16 * squares) * at::matmul(d, 2 * next - x), how.weight);
    x = next;
  }
  return {x, u};
}

/// Alternating directions with matrices, from zero, of a circular A.
Tensor alternating(const Measured& p, const How& how, int iterations) {
  const Sizes sizes = p.truth.sizes().slice(2).vec();
  const Tensor d = differences(sizes, how.spacing, true);
  // Where a difference goes around it is free.
  const Tensor counts = differences(sizes, how.spacing, false).abs().sum(2).gt(0);
  const bool bounded = std::isfinite(how.lower);
  const double norm = squared_norm(p);
  const double r1 = 5 * how.weight * std::sqrt(norm) / p.y.std(false).item<double>();
  const double r2 = bounded ? 0.03 * norm : 0, relaxation = 1.7;
  const std::int64_t n = d.size(1);
  const Tensor stacked = d.flatten(0, 1);
  const Tensor inverse =
      at::inverse(at::mm(p.matrix.t(), p.matrix) + r1 * at::mm(stacked.t(), stacked) +
                  r2 * at::eye(n, at::kDouble));
  const Tensor data = at::mv(p.matrix.t(), p.flat());
  Tensor x = at::zeros({n}, at::kDouble).clamp(how.lower, how.upper);
  Tensor w = at::matmul(d, x), w_left = at::zeros_like(w), z = x, z_left = at::zeros_like(x);
  for (int k = 0; k < iterations; ++k) {
    const double a = k == 0 ? 1 : relaxation;
    const Tensor wanted = a * at::matmul(d, x) + (1 - a) * w + w_left;
    w_left = in_ball(wanted * counts, how.weight / r1) * counts;
    w = wanted - w_left;
    const Tensor value = a * x + (1 - a) * z + z_left;
    z = value.clamp(how.lower, how.upper);
    z_left = value - z;
    x = at::mv(inverse,
               data + r1 * at::mv(stacked.t(), (w - w_left).flatten()) + r2 * (z - z_left));
  }
  return x.clamp(how.lower, how.upper);
}

TEST(TotalVariationOfBlurs, primal_dual_equals_the_iteration_with_matrices_for_every_boundary) {
  for (const auto& problem : {iterated::image, iterated::volume})
    for (const char* boundary : kBoundaries) {
      const Measured p = problem(boundary, true);
      const std::vector<double> spacing =
          p.y.dim() == 4 ? std::vector<double>{2, 0.5} : std::vector<double>{3, 1, 0.5};
      for (const How& how : {How{.weight = 0.1, .admm = false},
                             How{.weight = 0.3, .admm = false, .spacing = spacing, .lower = 0},
                             How{.weight = 0.1, .admm = false, .lower = 0.1, .upper = 2}}) {
        const Tensor x = primal_dual(p, how, 12).x;
        const Outputs out = solved(kUse, p.y, p.a, with(how.settings(), 12));
        EXPECT_EQ(out[kX].sizes(), p.truth.sizes());
        EXPECT_LT(largest(out[kX].flatten() - x), 1e-9 * largest(x)) << boundary;
      }
    }
}

TEST(TotalVariationOfBlurs, admm_equals_the_iteration_with_matrices) {
  for (const auto& problem : {iterated::image, iterated::volume}) {
    const Measured p = problem("circular", true);
    const std::vector<double> spacing =
        p.y.dim() == 4 ? std::vector<double>{2, 0.5} : std::vector<double>{3, 1, 0.5};
    for (const How& how : {How{.weight = 0.1}, How{.weight = 0.3, .spacing = spacing, .lower = 0},
                           How{.weight = 0.1, .lower = 0.1, .upper = 2}}) {
      const Tensor x = alternating(p, how, 12);
      const Tensor found = solved(kUse, p.y, p.a, with(how.settings(), 12))[kX];
      EXPECT_LT(largest(found.flatten() - x), 1e-9 * largest(x));
    }
  }
}

double objective(const Measured& p, const How& how, const Tensor& x) {
  const Tensor d = differences(p.truth.sizes().slice(2).vec(), how.spacing, false);
  return p.objective(x) / 2 + how.weight * length(at::matmul(d, x.flatten())).sum().item<double>();
}

/// The minimum by alternating directions with the matrix of A itself, and the dual variables.
Found least(const Measured& p, const How& how) {
  const Tensor d = differences(p.truth.sizes().slice(2).vec(), how.spacing, false);
  const Tensor stacked = d.flatten(0, 1);
  const std::int64_t n = d.size(1);
  const double r = how.weight;
  const Tensor inverse = at::inverse(at::mm(p.matrix.t(), p.matrix) +
                                     r * (at::mm(stacked.t(), stacked) + at::eye(n, at::kDouble)));
  const Tensor data = at::mv(p.matrix.t(), p.flat());
  Tensor x, w = at::zeros({d.size(0), n}, at::kDouble), w_left = w, z = w[0], z_left = z;
  for (int k = 0; k < 1500; ++k) {
    x = at::mv(inverse, data + r * (at::mv(stacked.t(), (w - w_left).flatten()) + z - z_left));
    const Tensor wanted = 1.7 * at::matmul(d, x) - 0.7 * w + w_left;
    w_left = in_ball(wanted, how.weight / r);
    w = wanted - w_left;
    const Tensor value = 1.7 * x - 0.7 * z + z_left;
    z = value.clamp(how.lower, how.upper);
    z_left = value - z;
  }
  return {z, r * w_left};
}

/// How far the objective of x may be above the least, by the dual variables u: what is missing in
/// weight TV(x) >= <D x, u>, and the slope that is left where the constraint lets x move.
double gap(const Measured& p, const How& how, const Tensor& x, const Tensor& u) {
  const Tensor d = differences(p.truth.sizes().slice(2).vec(), how.spacing, false);
  const Tensor ahead = at::matmul(d, x.flatten());
  const Tensor back = at::matmul(d.transpose(1, 2), u.unsqueeze(-1)).squeeze(-1).sum(0);
  const Tensor slope = p.half_gradient(x) + back, flat = x.flatten();
  const Tensor left = flat - (flat - slope).clamp(how.lower, how.upper);
  return how.weight * length(ahead).sum().item<double>() - (ahead * u).sum().item<double>() +
         (left.norm() * (1 + flat.norm())).item<double>();
}

TEST(TotalVariationOfBlurs, both_solvers_end_at_the_minimum_for_every_boundary) {
  const How free{.weight = 0.3}, bounded{.weight = 0.3, .lower = 0, .upper = 3};
  for (const auto& [boundary, how] : {std::pair{"circular", bounded},
                                      {"reflect", bounded},
                                      {"replicate", free},
                                      {"zero", bounded},
                                      {"valid", free}}) {
    const Measured p = iterated::image(boundary, true);
    const auto [best, u] = least(p, how);
    const double value = objective(p, how, best);
    EXPECT_LT(length(u).max().item<double>(), how.weight * (1 + 1e-12));
    EXPECT_LT(gap(p, how, best, u), 2e-6 * value) << boundary;
    for (const bool admm : {true, false}) {
      How own = how;
      own.admm = admm;
      const Outputs out = solved(kUse, p.y, p.a, with(own.settings(), admm ? 1500 : 1000));
      const Tensor x = out[kX];
      EXPECT_GE(x.min().item<double>(), how.lower);
      EXPECT_LE(x.max().item<double>(), how.upper);
      const double near = admm ? 3e-5 : 1e-4;
      EXPECT_LT(largest(x.flatten() - best), 0.03) << boundary << admm;
      EXPECT_NEAR(objective(p, how, x), value, near * value) << boundary << admm;
      EXPECT_NEAR(out[kHistory].reals("objective").back(), value, near * value) << boundary << admm;
    }
  }
}

TEST(TotalVariationOfBlurs, both_solvers_end_at_the_same_volume_for_every_boundary) {
  for (const char* boundary : kBoundaries) {
    const Measured p = iterated::volume(boundary, true);
    How how{.weight = 0.3, .spacing = {2, 1, 1}, .lower = 0};
    const Tensor split = solved(kUse, p.y, p.a, with(how.settings(), 600))[kX];
    how.admm = false;
    const Tensor straight = solved(kUse, p.y, p.a, with(how.settings(), 600))[kX];
    const double value = objective(p, how, straight);
    EXPECT_NEAR(objective(p, how, split), value, 1e-3 * value) << boundary;
    EXPECT_LT((split - straight).norm().item<double>(), 0.02 * straight.norm().item<double>());
  }
}

TEST(TotalVariationOfBlurs, admm_gets_near_sooner) {
  for (const char* boundary : kBoundaries) {
    const Measured p = iterated::image(boundary, false);
    const How how{.weight = 0.1};
    const double least = objective(p, how, solved(kUse, p.y, p.a, with(how.settings(), 3000))[kX]);
    const auto above = [&](bool admm) {
      How own = how;
      own.admm = admm;
      return objective(p, how, solved(kUse, p.y, p.a, with(own.settings(), 60))[kX]) - least;
    };
    EXPECT_LT(above(true), 0.5 * above(false)) << boundary;
  }
}

TEST(TotalVariationOfBlurs, finds_what_the_solver_for_any_operator_finds) {
  const Measured p = iterated::image("reflect", true);
  const Settings general{{"weight", 0.2}, {"iterations", 3000}, {"tolerance", 0}};
  const Tensor x = testing::run_stage("solvers/total_variation", general,
                                      {{"y", p.y, "chw"}, {"A", {}, {}, p.a}})[kX];
  const How how{.weight = 0.2};
  const Tensor found = solved(kUse, p.y, p.a, with(how.settings(), 3000))[kX];
  EXPECT_LT(largest(found - x), 1e-2);
  EXPECT_NEAR(objective(p, how, found), objective(p, how, x), 1e-5 * objective(p, how, x));
}

TEST(TotalVariationOfBlurs, without_weight_are_least_squares_and_with_much_a_constant) {
  for (const char* boundary : kBoundaries)
    for (const bool admm : {true, false}) {
      const Measured p = iterated::image(boundary, true);
      if (std::string(boundary) != "valid") {  // which has less data than samples
        const Tensor exact = at::mv(at::inverse(p.matrix), p.flat());
        const Tensor x =
            solved(kUse, p.y, p.a, with(How{.weight = 0, .admm = admm}.settings(), 1000))[kX];
        EXPECT_LT(largest(x.flatten() - exact), 1e-6 * largest(exact)) << boundary << admm;
      }
      // The constant whose blur is nearest to y.
      const Tensor flat = p.matrix.sum(1);
      const double level = ((flat * p.flat()).sum() / flat.square().sum()).item<double>();
      const Tensor x =
          solved(kUse, p.y, p.a, with(How{.weight = 20, .admm = admm}.settings(), 2000))[kX];
      EXPECT_LT(largest(x - level), 5e-2 * std::abs(level)) << boundary << admm;
    }
}

TEST(TotalVariationOfBlurs, of_two_samples_move_towards_each_other) {
  // 1/2 (a - 0)^2 + 1/2 (b - 3)^2 + weight |b - a| has a = weight and b = 3 - weight.
  const Tensor y = at::tensor({0.0, 3.0}, at::kDouble).view({1, 1, 1, 2});
  const Tensor point = at::ones({1, 1, 1, 1}, at::kDouble);
  for (const bool admm : {true, false})
    for (const double spacing : {1.0, 2.0}) {
      const How how{.weight = 0.8, .admm = admm, .spacing = {7, spacing}};
      const Tensor x = solved(kUse, y, blur(point, "zero"), with(how.settings(), 4000))[kX];
      const double moved = 0.8 / spacing;
      EXPECT_LT(largest(x.flatten() - at::tensor({moved, 3 - moved}, at::kDouble)), 1e-5);
    }
}

TEST(TotalVariationOfBlurs, of_channels_with_kernels_of_their_own_are_those_of_each) {
  at::manual_seed(11);
  Tensor kernels = 0.3 * at::rand({1, 2, 3, 3}, at::kDouble) / 9;
  kernels.select(2, 1).select(2, 1).add_(0.8);
  const Tensor y = at::rand({1, 2, 12, 12}, at::kDouble);
  for (const char* boundary : {"circular", "zero", "reflect"})
    for (const bool admm : {true, false}) {
      const Settings settings = with(How{.weight = 0.02, .admm = admm}.settings(), 1500);
      const Tensor both = solved(kUse, y, blur(kernels, boundary), settings)[kX];
      for (int c = 0; c < 2; ++c) {
        const Tensor one =
            solved(kUse, y.narrow(1, c, 1), blur(kernels.narrow(1, c, 1), boundary), settings)[kX];
        EXPECT_LT(largest(both.narrow(1, c, 1) - one), 1e-4) << boundary << admm;
      }
    }
}

TEST(TotalVariationOfBlurs, obey_the_laws_of_iterated_methods) {
  for (const char* solver : {"admm", "primal_dual"}) {
    const Settings own{{"weight", 0.01}, {"solver", solver}};
    iterated::expect_independent_items(kUse, own, false);
    iterated::expect_precision_of_images(kUse, own);
    iterated::expect_any_size(kUse, own);
    iterated::expect_course(kUse, own);
    iterated::expect_refusals(kUse, own);
    iterated::expect_limits(kUse, {{"weight", 0.0}, {"solver", solver}}, 1e-6,
                            {"circular", "zero", "valid"});
    // Alternating directions keep to these two boundaries only in the end.
    iterated::expect_limits(kUse, {{"weight", 0.0}, {"solver", solver}}, 0.2,
                            {"reflect", "replicate"});
  }
}

TEST(TotalVariationOfBlurs, refuse_settings_that_mean_nothing) {
  const Measured p = iterated::image("zero", true);
  const auto message = [&](const Settings& settings) {
    return testing::message_of<Error>([&] { solved(kUse, p.y, p.a, settings); });
  };
  EXPECT_THAT(message({}), HasSubstr("weight"));
  EXPECT_THAT(message(How{.weight = 1, .spacing = {1, 1, 1}}.settings()),
              HasSubstr("'spacing' must have one length for each axis that A convolves, 2, got 3"));
  EXPECT_THAT(message(How{.weight = 1, .spacing = {1, 0}}.settings()), HasSubstr("spacing"));
  EXPECT_THAT(message(How{.weight = 1, .lower = 2, .upper = 1}.settings()),
              HasSubstr("'lower' must be below 'upper'"));
}

}  // namespace
}  // namespace pellucid
