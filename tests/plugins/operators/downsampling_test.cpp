// Downsampling against its formulas written out sample by sample, its laws, and its messages.

#include <gtest/gtest.h>

#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::load_linear_operator;
using testing::message_of;
using testing::Settings;

const char* const kUse = "operators/downsampling";
const std::vector<const char*> kMethods{"bicubic", "area", "decimation"};

Value list(std::vector<Value> items) { return Value::list(std::move(items)); }

Settings settings(const char* method, int factor, std::vector<Value> size) {
  return {{"method", method},
          {"factor", factor},
          {"size", list(size)},
          {"dimensions", int(size.size())}};
}

double cubic(double u) {
  u = std::abs(u);
  if (u <= 1) return 1.5 * u * u * u - 2.5 * u * u + 1;
  if (u <= 2) return -0.5 * u * u * u + 2.5 * u * u - 4 * u + 2;
  return 0;
}

std::int64_t mirrored(std::int64_t i, std::int64_t n) {
  while (i < 0 || i >= n) i = i < 0 ? -1 - i : 2 * n - 1 - i;
  return i;
}

/// The matrix of one axis, entry by entry from the formula.
Tensor matrix(const std::string& method, std::int64_t n, std::int64_t s) {
  const std::int64_t m = (n + s - 1) / s;
  Tensor all = at::zeros({m, n}, at::kDouble);
  for (std::int64_t j = 0; j < m; ++j) {
    if (method == "decimation") {
      all[j][j * s].fill_(1);
    } else if (method == "area") {
      const std::int64_t end = std::min(n, (j + 1) * s);
      for (std::int64_t i = j * s; i < end; ++i) all[j][i].fill_(1.0 / double(end - j * s));
    } else {
      const double p = (double(j) + 0.5) * double(s) - 0.5;
      const auto taps = static_cast<std::int64_t>(std::ceil(4.0 * double(s))) + 2;
      const auto b = static_cast<std::int64_t>(std::floor(p)) - taps / 2 + 1;
      double sum = 0;
      for (std::int64_t t = 0; t < taps; ++t) sum += cubic((p - double(b + t)) / double(s));
      for (std::int64_t t = 0; t < taps; ++t)
        all[j][mirrored(b + t, n)] += cubic((p - double(b + t)) / double(s)) / sum;
    }
  }
  return all;
}

TEST(Downsampling, equals_its_formula_along_each_axis) {
  for (const char* method : kMethods)
    for (const auto& [h, w, s] : std::vector<std::array<std::int64_t, 3>>{
             {12, 8, 2}, {12, 8, 4}, {9, 7, 2}, {11, 5, 3}, {1, 6, 2}, {1, 1, 4}, {3, 2, 5}}) {
      const auto a = load_linear_operator(kUse, settings(method, int(s), {h, w}));
      const Tensor x = at::randn({2, 3, h, w}, at::kDouble);
      const Tensor expected =
          at::matmul(at::matmul(matrix(method, h, s), x), matrix(method, w, s).transpose(0, 1));
      EXPECT_LT(laws::largest(a->forward(x) - expected), 1e-14)
          << method << " " << h << "x" << w << " by " << s;
    }
}

TEST(Downsampling, keeps_the_laws_of_linear_operators) {
  for (const char* method : kMethods) {
    const double norm = 1e-9;
    laws::expect_linear_operator_laws(kUse, settings(method, 2, {9, 12}), {}, {{{3, 2, 9, 12}}},
                                      {.norm = norm});
    laws::expect_linear_operator_laws(kUse, settings(method, 3, {7, 1}), {}, {{{2, 7, 1}}});
    laws::expect_linear_operator_laws(kUse, settings(method, 2, {1, 1}), {}, {{{1, 1, 1, 1}}});
    laws::expect_linear_operator_laws(kUse, settings(method, 2, {4, 5, 3}), {},
                                      {{{2, 1, 4, 5, 3}}});
    laws::expect_linear_operator_laws(kUse, settings(method, 2, {6, 5}), {}, {{{2, 1, 6, 5}}},
                                      {.dtype = at::kComplexDouble});
    laws::expect_linear_operator_laws(kUse, {{"method", method}, {"factor", 1}}, {},
                                      {{{1, 1, 5, 6}}});
  }
}

// A dense matrix of so long an axis does not fit into memory. Where the factor divides the size the
// norm is that of constants; else it is that of the last samples, whatever is far from them.
TEST(Downsampling, knows_the_norm_by_bicubic_of_axes_of_any_length) {
  const auto norm = [](std::int64_t height, std::int64_t width, Settings settings) {
    if (width % 2) settings.push_back({"size", Value::list({height, width})});
    return load_linear_operator("operators/downsampling", settings)
        ->norm(laws::spec_of_items({{1, 1, height, width}}, at::kDouble));
  };
  EXPECT_NEAR(norm(8, 400000, {}), 0.5, 1e-12);
  EXPECT_NEAR(norm(3000, 600, {{"factor", 3}}), 1.0 / 3, 1e-12);
  EXPECT_GT(norm(8, 129, {}), 0.6);
  EXPECT_NEAR(norm(8, 400001, {}), norm(8, 129, {}), 1e-12);
}

TEST(Downsampling, has_a_factor_for_each_axis) {
  const auto a = load_linear_operator(
      kUse, {{"factor", list({1, 2, 4})}, {"dimensions", 3}, {"method", "area"}});
  const Tensor x = at::randn({1, 1, 3, 4, 8}, at::kDouble);
  EXPECT_LT(laws::largest(a->forward(x) - x.unfold(3, 2, 2).unfold(4, 4, 4).mean({-1, -2})), 1e-15);
}

TEST(Downsampling, keeps_constants) {
  const Tensor x = at::full({1, 1, 12, 8}, 0.7, at::kDouble);
  for (const char* method : kMethods) {
    const auto a = load_linear_operator(kUse, {{"method", method}, {"factor", 4}});
    EXPECT_LT(laws::largest(a->forward(x) - 0.7), 1e-15) << method;
  }
}

TEST(Downsampling, by_bicubic_lets_nothing_alias_that_the_coarse_grid_cannot_hold) {
  const Tensor wave = at::cos(at::arange(64, at::kDouble) * (0.9 * M_PI)).view({1, 1, 1, 64});
  const Tensor x = wave.expand({1, 1, 64, 64});
  // Away from the ends, where the mirrored wave has a kink.
  const auto power = [&](const char* method) {
    const auto a = load_linear_operator(kUse, {{"method", method}, {"factor", 4}});
    return laws::largest(a->forward(x).narrow(3, 4, 8));
  };
  EXPECT_GT(power("decimation"), 0.9);
  EXPECT_LT(power("bicubic"), 0.1);
}

TEST(Downsampling, tells_the_spec_of_both_sides) {
  const auto a = load_linear_operator(kUse, {{"factor", 4}});
  Spec x = laws::spec_of_items({{3, 3, 64, 32}}, at::kFloat);
  x.unit = "1";
  x.spacing = {1, 0.5, 0.25};
  x.spacing_unit = "um";
  const Spec y = a->range(x);
  EXPECT_EQ(y.shape, (std::vector<std::int64_t>{3, 16, 8}));
  EXPECT_EQ(y.spacing, (std::vector<double>{1, 2, 1}));
  EXPECT_EQ(a->domain(y), x);
}

TEST(Downsampling, asks_for_the_size_that_y_alone_does_not_tell) {
  const auto a = load_linear_operator(kUse, {{"factor", 2}});
  const Spec x = laws::spec_of_items({{1, 1, 63, 64}}, at::kFloat);
  const std::string expected =
      "the size of x, 63x64, is no multiple of the factor, so that it does not follow from that of "
      "y; set size: [63, 64]";
  EXPECT_EQ(message_of<ShapeError>([&] { a->range(x); }), expected);
  EXPECT_EQ(message_of<ShapeError>([&] { a->forward(at::rand({1, 1, 63, 64})); }), expected);

  const auto sized = load_linear_operator(kUse, settings("bicubic", 2, {63, 64}));
  EXPECT_EQ(sized->domain(sized->range(x)), x);
  const Spec other = laws::spec_of_items({{1, 1, 40, 32}}, at::kFloat);
  EXPECT_EQ(message_of<ShapeError>([&] { sized->range(other); }),
            "x must have the size 63x64, got 40x32; change 'size'");
  EXPECT_EQ(message_of<ShapeError>([&] { sized->domain(other); }),
            "y must have the size 32x32 if x has 63x64, got 40x32; change 'size'");
}

TEST(Downsampling, takes_one_size_for_all_axes) {
  const Tensor y = at::rand({1, 1, 4, 4, 4}, at::kDouble);
  const auto cube = load_linear_operator(kUse, {{"size", 7}, {"dimensions", 3}});
  EXPECT_TRUE(at::equal(cube->adjoint(y),
                        load_linear_operator(kUse, settings("bicubic", 2, {7, 7, 7}))->adjoint(y)));
}

TEST(Downsampling, refuses_lists_that_do_not_fit_the_axes) {
  EXPECT_EQ(message_of<ConfigError>([] {
              load_linear_operator(kUse, {{"factor", list({2, 2, 2})}});
            }),
            "test.yaml:1:1: 'factor' must have one entry or one for each of the 2 axes, got 3");
  EXPECT_EQ(message_of<ConfigError>([] {
              load_linear_operator(kUse, {{"size", list({8, 8})}, {"dimensions", 3}});
            }),
            "test.yaml:1:1: 'size' must have one entry or one for each of the 3 axes, got 2");
}

}  // namespace
}  // namespace pellucid
