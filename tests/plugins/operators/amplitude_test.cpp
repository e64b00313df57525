// Amplitudes, their gradients, and what can be found from them.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::gradient_gap;
using testing::load_linear_operator;
using testing::load_operator;
using testing::message_of;
using testing::Settings;

std::shared_ptr<const Operator> amplitude(const std::shared_ptr<const LinearOperator>& a,
                                          const Settings& settings = {}) {
  return load_operator("operators/amplitude", settings, {{"A", {}, {}, a}});
}

std::shared_ptr<const LinearOperator> fourier() { return load_linear_operator("operators/mri"); }

std::shared_ptr<const LinearOperator> propagation() {
  return load_linear_operator("operators/propagation",
                              {{"wavelength", 0.5}, {"distance", 30}, {"pixel", 1}});
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(Amplitude, is_the_magnitude_of_what_the_operator_makes) {
  const Tensor x = at::randn({2, 1, 6, 5}, at::kComplexDouble);
  const auto a = fourier();
  const Tensor y = amplitude(a)->forward(x);
  EXPECT_EQ(y.scalar_type(), at::kDouble);
  EXPECT_LT(difference(y, a->forward(x).abs()), 1e-15);
  EXPECT_LT(difference(amplitude(a, {{"epsilon", 0.3}})->forward(x),
                       (a->forward(x).abs().square() + 0.09).sqrt()),
            1e-14);
}

TEST(Amplitude, has_the_gradient_of_finite_differences) {
  const auto gap = [](const Operator& a, const Tensor& x) {
    const Tensor v = at::randn(a.forward(x).sizes(), at::kDouble);
    return gradient_gap([&](const Tensor& at) { return (a.forward(at) * v).sum(); },
                        [&](const Tensor& at) { return a.vjp(at, v); }, x);
  };
  const Tensor field = at::randn({2, 1, 6, 5}, at::kComplexDouble);
  const Tensor image = at::randn({2, 1, 4, 8}, at::kDouble);
  for (const double epsilon : {0.0, 0.5}) {
    const Settings settings{{"epsilon", epsilon}};
    EXPECT_LT(gap(*amplitude(fourier(), settings), field), 1e-7);
    EXPECT_LT(gap(*amplitude(propagation(), settings), field), 1e-7);
    EXPECT_LT(
        gap(*amplitude(load_linear_operator("operators/single_pixel",
                                            {{"size", Value::list({4, 8})}, {"measurements", 20}}),
                       settings),
            image),
        1e-7);
  }
  EXPECT_LT(gap(*amplitude(propagation(), {{"complex", true}}), image), 1e-7);
}

TEST(Amplitude, is_differentiated_by_autograd) {
  const auto a = amplitude(propagation());
  Tensor x = at::randn({1, 1, 6, 5}, at::kComplexDouble).set_requires_grad(true);
  const Tensor v = at::randn({1, 1, 6, 5}, at::kDouble);
  (a->apply(x) * v).sum().backward();
  EXPECT_LT(difference(x.grad(), a->vjp(x.detach(), v)), 1e-14);
}

TEST(Amplitude, has_no_gradient_where_there_is_no_light) {
  const Tensor dark = at::zeros({1, 1, 4, 4}, at::kComplexDouble);
  for (const double epsilon : {0.0, 0.1})
    EXPECT_EQ(amplitude(fourier(), {{"epsilon", epsilon}})
                  ->vjp(dark, at::ones({1, 1, 4, 4}, at::kDouble))
                  .abs()
                  .max()
                  .item<double>(),
              0);
  // The smallest numbers there are make no infinities.
  const Tensor faint = at::full({1, 1, 4, 4}, 5e-324, at::kComplexDouble);
  const Tensor slope = amplitude(load_linear_operator("operators/single_pixel", {{"size", 4}}))
                           ->vjp(faint, at::ones({1, 1, 16}, at::kDouble));
  EXPECT_TRUE(at::isfinite(at::view_as_real(slope)).all().item<bool>());
}

TEST(Amplitude, does_not_change_when_all_turns_by_a_phase) {
  const Tensor x = at::randn({1, 1, 6, 5}, at::kComplexDouble);
  const auto a = amplitude(propagation());
  EXPECT_LT(difference(a->forward(x), a->forward(x * c10::complex<double>(0.6, 0.8))), 1e-14);
}

TEST(Amplitude, leads_back_to_the_field_it_was_measured_of) {
  // Two planes tell a real image; steps against the gradient find it.
  const Tensor truth = at::rand({1, 1, 12, 12}, at::kDouble) + 0.5;
  const auto a = amplitude(propagation(), {{"complex", true}});
  const Tensor y = a->forward(truth);
  Tensor x = at::ones_like(truth);
  const auto misfit = [&] { return (a->forward(x) - y).norm().item<double>(); };
  const double before = misfit();
  for (int i = 0; i < 1000; ++i) x = x - 0.9 * a->vjp(x, a->forward(x) - y);
  EXPECT_LT(misfit(), 1e-2 * before);
}

TEST(Amplitude, knows_its_range_and_domain) {
  const auto a = amplitude(fourier());
  const Spec x = laws::spec_of_items({{2, 1, 6, 5}}, at::kComplexFloat);
  EXPECT_EQ(a->range(x).text(), "2 x float32 chw 1x6x5");
  EXPECT_EQ(a->domain(a->range(x)), x);
  const Spec real = laws::spec_of_items({{2, 1, 6, 5}}, at::kFloat);
  const auto of_real = amplitude(fourier(), {{"complex", true}});
  EXPECT_EQ(of_real->range(real), real);
  EXPECT_EQ(of_real->domain(real), real);
}

TEST(Amplitude, says_what_it_needs) {
  EXPECT_EQ(message_of<ShapeError>([] {
              amplitude(fourier(), {{"complex", true}})
                  ->range(laws::spec_of_items({{1, 1, 6, 5}}, at::kComplexFloat));
            }),
            "values must be float32 or float64, got complex64 (1 x complex64 chw 1x6x5)");
  EXPECT_EQ(message_of<ShapeError>([] {
              amplitude(fourier())->range(laws::spec_of_items({{1, 1, 6, 5}}, at::kFloat));
            }).substr(0, 40),
            "values must be complex64 or complex128, ");
}

}  // namespace
}  // namespace pellucid
