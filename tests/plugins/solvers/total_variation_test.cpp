// Total variation against another algorithm on small problems, and in closed form.

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "plugins/solvers/problem.h"

namespace pellucid {
namespace {

using testing::kHistory;
using testing::kX;
using testing::largest;
using testing::MatrixOperator;
using testing::Settings;

/// The matrix of all differences of an array, (axes, numbers, numbers); zero rows at the ends.
Tensor difference_matrix(const std::vector<std::int64_t>& shape) {
  std::int64_t numbers = 1;
  for (const std::int64_t n : shape) numbers *= n;
  const Tensor all = at::zeros({std::int64_t(shape.size()), numbers, numbers}, at::kDouble);
  std::int64_t stride = numbers;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    stride /= shape[axis];
    for (std::int64_t i = 0; i < numbers; ++i)
      if (i / stride % shape[axis] + 1 < shape[axis]) {
        all[std::int64_t(axis)][i][i] = -1;
        all[std::int64_t(axis)][i][i + stride] = 1;
      }
  }
  return all;
}

/// 1/2 |M x - y|^2 + weight TV(x) of flat vectors.
double objective(const Tensor& matrix, const Tensor& y, const Tensor& d, const Tensor& x,
                 double weight) {
  const double fit = (at::mv(matrix, x) - y).abs().square().sum().item<double>() / 2;
  const Tensor along = at::matmul(d.to(x.scalar_type()), x);
  return fit + weight * along.abs().square().sum(0).sqrt().sum().item<double>();
}

/// The same problem by the alternating direction method of multipliers, with dense solutions.
Tensor by_splitting(const Tensor& matrix, const Tensor& y, const Tensor& d, double weight) {
  const double rho = 1;
  const Tensor flat = d.flatten(0, 1).to(matrix.scalar_type());
  const Tensor back = matrix.conj().transpose(0, 1);
  const Tensor inverse =
      at::linalg_inv(at::matmul(back, matrix) + rho * at::matmul(flat.transpose(0, 1), flat));
  Tensor x, z = at::zeros({d.size(0), d.size(1)}, matrix.options()), u = z;
  for (int i = 0; i < 3000; ++i) {
    x = at::mv(inverse, at::mv(back, y) + rho * at::mv(flat.transpose(0, 1), (z - u).flatten()));
    const Tensor along = at::mv(flat, x).view_as(z) + u;
    const Tensor size = along.abs().square().sum(0).sqrt().clamp_min(1e-300);
    z = along * (1 - weight / rho / size).clamp_min(0);
    u = along - z;
  }
  return x;
}

Outputs solved(const Tensor& y, const std::shared_ptr<const Component>& a, const Settings& settings,
               const Tensor& init = {}) {
  return testing::solved("solvers/total_variation", y, a, settings, init);
}

std::shared_ptr<const Component> identity() {
  return testing::load_linear_operator("operators/identity");
}

TEST(TotalVariation, equals_another_algorithm_for_real_and_complex_images_and_volumes) {
  at::manual_seed(3);
  struct Case {
    std::vector<std::int64_t> shape;
    at::ScalarType dtype;
    std::int64_t rows;
  };
  for (const Case& c : std::vector<Case>{{{8, 8}, at::kDouble, 90},
                                         {{8, 8}, at::kComplexDouble, 90},
                                         {{3, 4, 4}, at::kDouble, 60}}) {
    std::int64_t numbers = 1;
    for (const std::int64_t n : c.shape) numbers *= n;
    const Tensor matrix = at::randn({c.rows, numbers}, c.dtype) / std::sqrt(double(c.rows));
    const Tensor y = at::randn({c.rows}, c.dtype);
    const double weight = 0.2;
    const Tensor expected = by_splitting(matrix, y, difference_matrix(c.shape), weight);
    const std::string axes = c.shape.size() == 2 ? "hw" : "zyx";
    const Outputs out =
        solved(y.unsqueeze(0), std::make_shared<MatrixOperator>(matrix, axes, c.shape),
               {{"weight", weight},
                {"dimensions", int(c.shape.size())},
                {"iterations", 4000},
                {"tolerance", 1e-12},
                {"every", 500}});
    EXPECT_LT(largest(out[kX].flatten() - expected), 1e-6 * largest(expected)) << axes;
    const double least = objective(matrix, y, difference_matrix(c.shape), expected, weight);
    EXPECT_NEAR(out[kHistory].reals("objective").back(), least, 1e-9 * least);
    EXPECT_LT(out[kHistory].reals("gap").back(), 1e-5 * least);
  }
}

TEST(TotalVariation, records_a_gap_that_bounds_the_objective_and_goes_to_zero) {
  at::manual_seed(4);
  const Tensor y = at::randn({1, 1, 16, 16}, at::kDouble);
  const Settings settings{{"weight", 0.5}, {"iterations", 2000}, {"tolerance", 0}, {"every", 50}};
  const Outputs out = solved(y, identity(), settings);
  const auto objective = out[kHistory].reals("objective"), gap = out[kHistory].reals("gap");
  for (std::size_t row = 1; row < gap.size(); ++row)
    EXPECT_LE(objective[row] - gap[row], objective.back() * (1 + 1e-9)) << row;
  EXPECT_LT(gap.back(), 1e-4 * objective.back());
}

TEST(TotalVariation, keeps_what_is_constant_and_makes_everything_so_with_a_large_weight) {
  const Tensor flat = at::full({1, 2, 7, 5}, 3.25);
  const Settings strong{{"weight", 100.0}, {"iterations", 1500}};
  EXPECT_LT(largest(solved(flat, identity(), strong)[kX] - flat), 1e-4);
  const Tensor y = at::rand({1, 2, 7, 5}, at::kDouble);
  const Tensor x = solved(y, identity(), strong)[kX];
  EXPECT_LT(largest(x - y.mean({-2, -1}, true)), 1e-3);  // each channel has its own mean
}

TEST(TotalVariation, of_no_weight_is_least_squares) {
  const Tensor y = at::rand({1, 1, 6, 6}, at::kDouble);
  EXPECT_LT(largest(solved(y, identity(), {{"weight", 0}, {"tolerance", 1e-12}})[kX] - y), 1e-9);
}

TEST(TotalVariation, lowers_a_disc_by_twice_the_weight_over_its_radius) {
  // In the plane the solution of a disc of height 1 is 1 - 2 weight / radius inside [T. Chan,
  // S. Esedoglu, SIAM J. Appl. Math. 65:1817-1837, 2005]; pixels make the edge a little longer.
  const double radius = 12, weight = 1;
  const Tensor i = at::arange(64, at::kDouble) - 32;
  const Tensor disc = (radius + 0.5 - (i.square().unsqueeze(1) + i.square()).sqrt()).clamp(0, 1);
  const Tensor x =
      solved(disc.view({1, 1, 64, 64}), identity(), {{"weight", weight}, {"iterations", 1000}})[kX];
  EXPECT_NEAR(x[0][0][32][32].item<double>(), 1 - 2 * weight / radius, 0.03);
}

TEST(TotalVariation, keeps_within_its_bounds) {
  at::manual_seed(5);
  const Tensor y = at::randn({1, 1, 8, 8}, at::kDouble);
  const Tensor free = solved(y, identity(), {{"weight", 0.1}})[kX];
  const Tensor x = solved(y, identity(),
                          {{"weight", 0.1},
                           {"bounds", "non_negative"},
                           {"iterations", 3000},
                           {"tolerance", 1e-12}})[kX];
  EXPECT_LT(free.min().item<double>(), 0);
  EXPECT_GE(x.min().item<double>(), 0);
  // No admissible point nearby is better.
  const Tensor d = difference_matrix({8, 8}), eye = at::eye(64, at::kDouble);
  const double found = objective(eye, y.flatten(), d, x.flatten(), 0.1);
  for (int i = 0; i < 200; ++i) {
    const Tensor other = (x + 0.01 * at::randn_like(x)).clamp_min(0);
    EXPECT_GE(objective(eye, y.flatten(), d, other.flatten(), 0.1), found - 1e-9);
  }
}

TEST(TotalVariation, steps_less_far_the_more_unknowns_there_are) {
  // The first step is 4 / (3 L), and the squared norm of the identity is 1.
  const Settings once{{"weight", 0}, {"iterations", 1}, {"tolerance", 0}};
  const auto bound = [&](std::int64_t size) {
    const Tensor x = solved(at::ones({1, 1, size, size}), identity(), once)[kX];
    return 4 / (3 * x.mean(at::kDouble).item<double>());
  };
  EXPECT_NEAR(bound(8), 1.69, 1e-4);
  EXPECT_NEAR(bound(1100), 1 / (1 - 0.871 * std::log(1100.0 * 1100) / 29), 1e-4);
}

TEST(TotalVariation, starts_where_it_is_told) {
  const Tensor y = at::rand({2, 1, 8, 8}, at::kDouble);
  const Settings settings{{"weight", 0.1}, {"iterations", 3000}, {"tolerance", 1e-12}};
  const Tensor x = solved(y, identity(), settings)[kX];
  const Settings once{{"weight", 0.1}, {"iterations", 1}, {"tolerance", 0}};
  const Outputs from = solved(y, identity(), once, y);
  EXPECT_NEAR(from[kHistory].reals("residual")[0], 0, 1e-12);
  EXPECT_LT(largest(solved(y, identity(), settings, y)[kX] - x), 1e-6);
}

TEST(TotalVariation, gives_each_item_the_same_bits_whatever_the_block) {
  const auto a =
      testing::load_linear_operator("operators/radon", {{"angles", Value::map({{"even", 9}})}});
  const Tensor y = at::rand({3, 1, 9, 12}) * at::tensor({1.0f, 0.0f, 40.0f}).view({3, 1, 1, 1});
  const auto solution = [&](const Tensor& part) {
    return testing::run_stage("solvers/total_variation",
                              {{"weight", 0.5}, {"iterations", 40}, {"tolerance", 1e-3}},
                              {{"y", part, "caw"}, {"A", {}, {}, a}})[kX];
  };
  const Tensor x = solution(y), kept = y.clone();
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(at::equal(solution(y.narrow(0, i, 1)), x.narrow(0, i, 1))) << i;
  EXPECT_EQ(largest(x[1]), 0);
  EXPECT_TRUE(at::equal(y, kept));
}

TEST(TotalVariation, is_indifferent_to_the_phase_of_complex_images) {
  const Tensor y = at::rand({1, 1, 8, 8}, at::kDouble);
  const Settings settings{{"weight", 0.2}};
  const c10::complex<double> turn(0.6, 0.8);
  const Tensor real = solved(y, identity(), settings)[kX];
  const Tensor turned = solved(y.to(at::kComplexDouble) * turn, identity(), settings)[kX];
  EXPECT_LT(largest(turned / turn - real), 1e-9);
}

TEST(TotalVariation, refuses_what_it_cannot_solve) {
  const auto message = [](const Tensor& y, const Settings& settings,
                          const std::shared_ptr<const Component>& a, const Tensor& init = {}) {
    return testing::message_of<Error>([&] { solved(y, a, settings, init); });
  };
  const Settings settings{{"weight", 0.1}};
  EXPECT_THAT(message(at::full({1, 1, 4, 4}, INFINITY), settings, identity()),
              ::testing::HasSubstr("'y' must be finite, found inf or nan in item 0"));
  EXPECT_THAT(message(at::rand({1, 1, 4, 4}), settings, identity(), at::full({1, 1, 4, 4}, NAN)),
              ::testing::HasSubstr("'init' must be finite"));
  EXPECT_THAT(message(at::rand({1, 1, 4, 4}), settings, identity(), at::rand({1, 1, 4, 5})),
              ::testing::HasSubstr("give an 'init' of the right shape"));
  EXPECT_THAT(message(at::zeros({1, 1, 4, 4}, at::kComplexFloat),
                      {{"weight", 0.1}, {"bounds", "non_negative"}}, identity()),
              ::testing::HasSubstr("needs a real x"));
  const Tensor matrix = at::randn({16, 16}, at::kDouble);
  const auto wrong = std::make_shared<MatrixOperator>(matrix, "hw", std::vector<std::int64_t>{4, 4},
                                                      -matrix.transpose(0, 1));
  EXPECT_THAT(message(at::ones({1, 16}, at::kDouble), settings, wrong),
              ::testing::HasSubstr("the adjoint of A is not the adjoint of A, or power iterations "
                                   "found too small a norm of A"));
}

}  // namespace
}  // namespace pellucid
