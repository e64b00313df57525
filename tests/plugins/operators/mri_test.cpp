// MRI against the sum that defines it, its laws, and the messages a user meets.

#include <cmath>
#include <complex>
#include <numbers>

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::Given;
using testing::load_linear_operator;
using testing::message_of;

const char* const kUse = "operators/mri";

Tensor complex_noise(at::IntArrayRef shape) { return at::randn(shape, at::kComplexDouble); }

/// About half of the samples, 0 and 1.
Tensor random_mask(at::IntArrayRef shape) { return (at::rand(shape) < 0.5).to(at::kFloat); }

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

/// Rows k of F[k][n] = exp(-2 pi i (k - c)(n - c) / N) / sqrt(N).
Tensor fourier_matrix(std::int64_t n) {
  const Tensor from_middle = at::arange(n, at::kDouble) - double(n / 2);
  const Tensor phase = at::outer(from_middle, from_middle) * (-2 * std::numbers::pi / double(n));
  return at::polar(at::full_like(phase, 1 / std::sqrt(double(n))), phase);
}

laws::Limits complex_limits() {
  laws::Limits limits;
  limits.dtype = at::kComplexDouble;
  return limits;
}

TEST(Mri, is_the_masked_fourier_sum_of_each_coils_image) {
  for (const auto& [h, w] : {std::pair{6, 5}, std::pair{1, 8}, std::pair{7, 4}, std::pair{1, 1}}) {
    const Tensor x = complex_noise({1, 1, h, w}), coils = complex_noise({1, 3, h, w});
    const Tensor mask = random_mask({1, h, w});
    const auto a = load_linear_operator(kUse, {}, {{"mask", mask}, {"coils", coils}});
    const Tensor y = a->forward(x);
    for (int c = 0; c < 3; ++c) {
      const Tensor spectrum = at::matmul(at::matmul(fourier_matrix(h), x[0][0] * coils[0][c]),
                                         fourier_matrix(w).transpose(0, 1));
      EXPECT_LT(difference(y[0][c], spectrum * mask[0]), 1e-13) << h << "x" << w;
    }
  }
}

TEST(Mri, has_frequency_0_in_the_middle) {
  const Tensor x = at::ones({1, 1, 6, 9}, at::kComplexDouble);
  const Tensor y = load_linear_operator(kUse)->forward(x)[0][0];
  EXPECT_NEAR(at::real(y[3][4]).item<double>(), std::sqrt(54.0), 1e-12);
  EXPECT_NEAR(y.abs().sum().item<double>(), std::sqrt(54.0), 1e-11);
}

TEST(Mri, transforms_volumes_along_three_axes) {
  const Tensor x = complex_noise({1, 1, 3, 4, 5});
  const Tensor y = load_linear_operator(kUse, {{"dimensions", 3}})->forward(x)[0][0];
  Tensor expected = x[0][0];
  for (int axis = 0; axis < 3; ++axis)
    expected = at::tensordot(expected, fourier_matrix(expected.size(0)), {0}, {1});
  EXPECT_LT(difference(y, expected), 1e-13);
}

TEST(Mri, obeys_the_laws_of_linear_operators) {
  const laws::Limits limits = complex_limits();
  laws::Limits iterated = limits;
  iterated.norm = 0.1;  // by power iterations where there are a mask and coils
  laws::expect_linear_operator_laws(
      kUse, {}, {}, {{{2, 1, 6, 7}}, {{1, 5, 4}}, {{2, 2, 3, 4, 5}}, {{1, 1, 1, 1}}}, limits);
  laws::expect_linear_operator_laws(kUse, {}, {{"mask", random_mask({1, 6, 7})}},
                                    {{{2, 1, 6, 7}}, {{3, 6, 7}}, {{2, 3, 1, 6, 7}}}, limits);
  laws::expect_linear_operator_laws(kUse, {}, {{"coils", complex_noise({1, 3, 8, 5})}},
                                    {{{2, 1, 8, 5}}, {{2, 4, 1, 8, 5}, "tchw"}}, limits);
  laws::expect_linear_operator_laws(
      kUse, {}, {{"mask", random_mask({2, 1, 8, 5})}, {"coils", complex_noise({2, 3, 8, 5})}},
      {{{2, 1, 8, 5}}}, iterated);
  laws::expect_linear_operator_laws(
      kUse, {{"dimensions", 3}},
      {{"mask", random_mask({1, 1, 3, 4, 5})}, {"coils", complex_noise({1, 2, 3, 4, 5})}},
      {{{2, 1, 3, 4, 5}}}, iterated);
}

TEST(Mri, with_normalized_sensitivities_has_a_norm_of_at_most_1) {
  Tensor coils = complex_noise({1, 4, 12, 10});
  coils = coils / coils.abs().square().sum(1, true).sqrt();
  Spec x = laws::spec_of_items({{1, 1, 12, 10}}, at::kComplexDouble);
  EXPECT_NEAR(load_linear_operator(kUse, {}, {{"coils", coils}})->norm(x), 1, 1e-14);
  const auto masked =
      load_linear_operator(kUse, {}, {{"coils", coils}, {"mask", random_mask({1, 12, 10})}});
  EXPECT_LE(masked->norm(x), 1 + 1e-14);
  EXPECT_GT(masked->norm(x), 0.5);
}

TEST(Mri, solves_for_the_image_that_all_coils_saw) {
  Tensor coils = complex_noise({1, 4, 16, 16});
  coils = coils / coils.abs().square().sum(1, true).sqrt();
  const Tensor truth = complex_noise({2, 1, 16, 16});
  const auto a =
      load_linear_operator(kUse, {}, {{"coils", coils}, {"mask", random_mask({1, 16, 16})}});
  const Tensor b = a->adjoint(a->forward(truth));
  EXPECT_LT(difference(a->solve_normal(b, 0, {1e-12, 1000, {}}), truth), 1e-6);
}

TEST(Mri, has_no_noise_where_nothing_is_measured) {
  const Tensor coils = complex_noise({1, 3, 8, 6}), mask = random_mask({1, 8, 6});
  const auto a = load_linear_operator(kUse, {}, {{"mask", mask}, {"coils", coils}});
  const Value noise = Value::map({{"gaussian", 1.0}});
  const Tensor x = complex_noise({2, 1, 8, 6});
  const Tensor y = testing::run_stage("operators/measure", {{"noise", noise}},
                                      {{"x", x}, {"A", {}, {}, a}})[Out<Tensor>{"y", ""}];
  const Tensor measured = (y != 0).to(at::kFloat);
  EXPECT_TRUE(at::equal(measured, mask.expand_as(measured)));
  EXPECT_GT(difference(y, a->forward(x)), 0.5);
}

TEST(Mri, knows_its_ranges_and_domains) {
  const auto a = load_linear_operator(
      kUse, {}, {{"coils", complex_noise({1, 3, 8, 6})}, {"mask", random_mask({1, 8, 6})}});
  Spec x = laws::spec_of_items({{5, 1, 8, 6}}, at::kComplexFloat);
  x.spacing = {1, 2, 2};
  x.spacing_unit = "mm";
  const Spec y = a->range(x);
  EXPECT_EQ(y.shape, (std::vector<std::int64_t>{3, 8, 6}));
  EXPECT_TRUE(y.spacing.empty()) << "k-space has no millimetres";
  EXPECT_EQ(a->domain(y).shape, x.shape);
  EXPECT_EQ(a->range(a->domain(y)), y);
}

TEST(Mri, says_what_it_needs) {
  const auto refused = [](const std::vector<Given>& inputs, const laws::Items& items,
                          at::ScalarType dtype = at::kComplexFloat) {
    return message_of<ShapeError>(
        [&] { load_linear_operator(kUse, {}, inputs)->range(laws::spec_of_items(items, dtype)); });
  };
  const Given coils{"coils", complex_noise({1, 3, 8, 6})}, mask{"mask", random_mask({1, 8, 6})};
  EXPECT_EQ(refused({}, {{1, 1, 8, 6}}, at::kFloat),
            "values must be complex64 or complex128, got float32 (1 x float32 chw "
            "1x8x6); operators/complex makes complex values of real ones");
  EXPECT_EQ(refused({coils}, {{1, 2, 8, 6}}),
            "the axis 'c' right before 'hw' must have the length 1, got 1 x complex64 chw 2x8x6");
  EXPECT_EQ(refused({mask}, {{1, 1, 8, 7}}),
            "mask and coils are for images of 8x6, got 1 x complex64 chw 1x8x7");
  EXPECT_EQ(refused({{"coils", complex_noise({2, 3, 8, 6})}}, {{3, 1, 8, 6}}),
            "mask and coils must have one item or one for each image, got 2 for 3 x complex64 chw "
            "1x8x6");
  EXPECT_EQ(refused({coils, {"mask", random_mask({1, 8, 5})}}, {{1, 1, 8, 6}}),
            "test.yaml:1:1: mask and coils must have the same size, got 8x5 and 8x6");
  EXPECT_EQ(refused({{"mask", random_mask({1, 2, 8, 6})}}, {{1, 1, 8, 6}}),
            "test.yaml:1:1: the mask must have the axes 'hw', with or without c = 1 in front, got "
            "1 x float32 chw 2x8x6");
  EXPECT_EQ(
      message_of<Error>([] {
        load_linear_operator(kUse, {}, {{"mask", at::full({1, 8, 6}, 0.5)}});
      }),
      "test.yaml:1:1: a mask must hold 1 where a sample is known and 0 where it is missing, got "
      "0.5; compare it with a threshold first");
}

}  // namespace
}  // namespace pellucid
