// Least squares against direct solutions of the normal equations.

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

std::shared_ptr<const Component> matrix_operator(const Tensor& matrix, const Tensor& back = {}) {
  return std::make_shared<MatrixOperator>(matrix, "w", std::vector<std::int64_t>{matrix.size(1)},
                                          back);
}

Outputs solved(const Tensor& y, const std::shared_ptr<const Component>& a,
               const Settings& settings = {}, const Tensor& init = {}) {
  return testing::solved("solvers/least_squares", y, a, settings, init);
}

Tensor by_normal_equations(const Tensor& matrix, const Tensor& y, double weight) {
  const Tensor back = matrix.conj().transpose(0, 1);
  const Tensor system =
      at::matmul(back, matrix) + weight * at::eye(matrix.size(1), matrix.options());
  return at::linalg_solve(system, at::mv(back, y));
}

TEST(LeastSquares, is_the_solution_of_the_normal_equations) {
  for (const auto dtype : {at::kDouble, at::kComplexDouble})
    for (const double weight : {0.0, 2.5}) {
      const Tensor matrix = at::randn({12, 8}, dtype), y = at::randn({3, 12}, dtype);
      const Tensor x =
          solved(y, matrix_operator(matrix), {{"weight", weight}, {"tolerance", 1e-13}})[kX];
      for (int i = 0; i < 3; ++i)
        EXPECT_LT(largest(x[i] - by_normal_equations(matrix, y[i], weight)), 1e-9) << weight;
    }
}

TEST(LeastSquares, without_a_weight_stays_as_near_to_the_start_as_it_can) {
  const Tensor matrix = at::randn({4, 9}, at::kDouble), y = at::randn({1, 4}, at::kDouble);
  const Tensor start = at::randn({1, 9}, at::kDouble);
  const Tensor x = solved(y, matrix_operator(matrix), {{"tolerance", 1e-13}}, start)[kX];
  const Tensor correction = at::mv(at::linalg_pinv(matrix), y[0] - at::mv(matrix, start[0]));
  EXPECT_LT(largest(x[0] - start[0] - correction), 1e-9);
}

TEST(LeastSquares, records_a_falling_objective_and_stops_when_asked) {
  const Tensor matrix = at::randn({30, 20}, at::kDouble), y = at::randn({2, 30}, at::kDouble);
  const Outputs out = solved(y, matrix_operator(matrix), {{"weight", 0.1}, {"tolerance", 1e-4}});
  const Table& table = out[kHistory];
  const auto objective = table.reals("objective"), gradient = table.reals("gradient"),
             iteration = table.reals("iteration");
  for (std::int64_t row = 1; row < table.rows(); ++row)
    for (std::int64_t before = 0; before < row; ++before)
      if (table.item(before) == table.item(row)) {
        EXPECT_LE(objective[row], objective[before] * (1 + 1e-12));
        EXPECT_GT(gradient[before], 1e-4);
      }
  EXPECT_LE(gradient.back(), 1e-4);
  EXPECT_LT(iteration.back(), 49);
  const Tensor x = out[kX];
  const double residual = (at::mv(matrix, x[1]) - y[1]).norm().item<double>();
  double last = 0;
  for (std::int64_t row = 0; row < table.rows(); ++row)
    if (table.item(row) == 1) last = table.reals("residual")[row];
  EXPECT_NEAR(last, residual, 1e-9);
  const double length = x[1].norm().item<double>();
  EXPECT_NEAR(objective.back(), (residual * residual + 0.1 * length * length) / 2, 1e-9);
}

TEST(LeastSquares, makes_as_many_rows_as_asked_for) {
  const Tensor matrix = at::randn({30, 20}, at::kDouble), y = at::randn({1, 30}, at::kDouble);
  const Outputs out =
      solved(y, matrix_operator(matrix), {{"tolerance", 0}, {"iterations", 7}, {"every", 3}});
  EXPECT_EQ(out[kHistory].reals("iteration"), (std::vector<double>{0, 3, 6, 7}));
}

TEST(LeastSquares, gives_each_item_the_same_bits_whatever_the_block) {
  const auto a = matrix_operator(at::randn({30, 20}));
  const Tensor y = at::randn({4, 30}) * at::tensor({1.0f, 100.0f, 0.0f, 3.0f}).unsqueeze(1);
  const Tensor x = solved(y, a)[kX];
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(at::equal(solved(y.narrow(0, i, 1), a)[kX], x.narrow(0, i, 1))) << i;
  EXPECT_EQ(largest(x[2]), 0);
}

TEST(LeastSquares, leaves_its_inputs_alone_even_where_A_gives_them_back) {
  const auto identity = testing::load_linear_operator("operators/identity");
  const Tensor y = at::randn({2, 1, 4, 5}), kept = y.clone();
  const Outputs out = testing::run_stage("solvers/least_squares", {{"weight", 1.0}},
                                         {{"y", y, "chw"}, {"A", {}, {}, identity}});
  EXPECT_TRUE(at::equal(y, kept));
  EXPECT_LT(largest(out[kX] - y / 2), 1e-6);
}

TEST(LeastSquares, refuses_what_it_cannot_solve) {
  const Tensor matrix = at::randn({6, 4}, at::kDouble);
  const auto message = [](const auto& action) { return testing::message_of<Error>(action); };
  EXPECT_THAT(message([&] {
                solved(at::full({2, 6}, NAN, at::kDouble), matrix_operator(matrix));
              }),
              ::testing::HasSubstr("'y' must be finite, found inf or nan in item 0"));
  EXPECT_THAT(message([&] {
                solved(at::randn({1, 5}, at::kDouble), matrix_operator(matrix));
              }),
              ::testing::HasSubstr("but 'y' is"));
  const auto wrong = matrix_operator(matrix, -matrix.transpose(0, 1) + 3);
  EXPECT_THAT(message([&] {
                solved(at::ones({1, 6}, at::kDouble), wrong);
              }),
              ::testing::HasSubstr("the adjoint of A is not the adjoint of A"));
}

}  // namespace
}  // namespace pellucid
