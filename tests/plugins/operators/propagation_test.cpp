// Propagation of light against what is known of Gaussian beams, and its laws.

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::load_linear_operator;
using testing::message_of;
using testing::Settings;

const char* const kUse = "operators/propagation";
const std::vector<const char*> kMethods{"angular_spectrum", "fresnel"};

Settings over(double distance, const char* method, double padding = 1) {
  return {{"wavelength", "500 nm"},
          {"distance", distance},
          {"pixel", "2 um"},
          {"method", method},
          {"padding", padding}};
}

/// exp(-r^2 / width^2), sampled at a distance of `pixel`.
Tensor beam(std::int64_t n, double width, double pixel) {
  const Tensor square = ((at::arange(n, at::kDouble) - double(n / 2)) * pixel).square();
  const Tensor field = at::exp(-(square.unsqueeze(1) + square) / (width * width));
  return at::complex(field, at::zeros_like(field)).view({1, 1, n, n});
}

/// The radius at which the amplitude falls to 1 / e: twice the deviation of the intensity.
double width_of(const Tensor& field, double pixel) {
  const Tensor intensity = field[0][0].abs().square();
  const Tensor square =
      ((at::arange(field.size(-1), at::kDouble) - double(field.size(-1) / 2)) * pixel).square();
  return 2 * std::sqrt(((intensity * square).sum() / intensity.sum()).item<double>());
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

Tensor smooth_field(at::IntArrayRef shape) { return at::randn(shape, at::kComplexDouble); }

TEST(Propagation, widens_a_gaussian_beam_as_theory_says) {
  const double width = 20, wavelength = 0.5;  // um
  const double rayleigh = std::numbers::pi * width * width / wavelength;
  for (const char* method : kMethods)
    for (const double z : {0.5 * rayleigh, rayleigh, -rayleigh}) {
      const Tensor field =
          load_linear_operator(kUse, over(z, method))->forward(beam(128, width, 2));
      const double expected = width * std::sqrt(1 + std::pow(z / rayleigh, 2));
      EXPECT_NEAR(width_of(field, 2), expected, 2e-3 * expected) << method << " " << z;
    }
}

TEST(Propagation, of_a_plane_wave_turns_its_phase) {
  const Tensor wave = at::ones({1, 1, 6, 7}, at::kComplexDouble);
  for (const char* method : kMethods) {
    const Tensor turned = load_linear_operator(kUse, over(0.625, method))->forward(wave);
    EXPECT_LT(difference(turned, wave * c10::complex<double>(0, 1)), 1e-13) << method;
  }
}

TEST(Propagation, over_two_halves_is_that_over_the_whole) {
  const Tensor x = smooth_field({2, 1, 24, 31});
  for (const char* method : kMethods) {
    const auto half = load_linear_operator(kUse, over(150, method));
    const auto whole = load_linear_operator(kUse, over(300, method));
    EXPECT_LT(difference(half->forward(half->forward(x)), whole->forward(x)), 1e-11) << method;
  }
}

TEST(Propagation, keeps_energy_and_goes_back_by_its_adjoint) {
  const Tensor x = smooth_field({2, 1, 24, 31});
  for (const char* method : kMethods) {
    const auto there = load_linear_operator(kUse, over(300, method));
    const Tensor y = there->forward(x);
    EXPECT_NEAR((y.norm() / x.norm()).item<double>(), 1, 1e-13);
    EXPECT_LT(difference(there->adjoint(y), x), 1e-12);
    EXPECT_LT(difference(load_linear_operator(kUse, over(-300, method))->forward(y), x), 1e-12);
  }
}

TEST(Propagation, damps_evanescent_waves_in_both_directions) {
  // A wave of 5 periods in 10 pixels of 0.1 um has a period of 0.2 um, below the wavelength.
  const Tensor wave = at::cos(at::arange(10, at::kDouble) * std::numbers::pi);
  const Tensor x = at::complex(wave, at::zeros_like(wave)).view({1, 1, 1, 10});
  const double decay = 2 * std::numbers::pi * std::sqrt(1 / (0.2 * 0.2) - 1 / (0.5 * 0.5));
  for (const double z : {0.05, -0.05}) {
    const auto near = load_linear_operator(
        kUse, {{"wavelength", "500 nm"}, {"distance", z}, {"pixel", "0.1 um"}});
    EXPECT_LT(difference(near->forward(x), x * std::exp(-decay * 0.05)), 1e-13) << z;
  }
}

TEST(Propagation, without_padding_lets_light_in_on_the_other_side) {
  const double width = 6;
  const auto far = [&](double padding) {
    const Tensor field = load_linear_operator(kUse, over(2500, "angular_spectrum", padding))
                             ->forward(beam(64, width, 2));
    return field.abs().square().sum().item<double>();
  };
  const double energy = beam(64, width, 2).abs().square().sum().item<double>();
  EXPECT_NEAR(far(1), energy, 1e-9 * energy);
  EXPECT_LT(far(3), 0.9 * energy) << "light leaves a field that is padded";
}

TEST(Propagation, obeys_the_laws_of_linear_operators) {
  laws::Limits limits;
  limits.dtype = at::kComplexDouble;
  const std::vector<laws::Items> cases{
      {{2, 1, 8, 9}}, {{3, 7, 6}}, {{2, 2, 2, 5, 6}}, {{1, 1, 1, 1}}};
  for (const char* method : kMethods) {
    limits.norm = 1e-9;
    laws::expect_linear_operator_laws(kUse, over(40, method), {}, cases, limits);
    limits.norm = 0.05;  // by power iterations
    laws::expect_linear_operator_laws(kUse, over(40, method, 2), {},
                                      {{{2, 1, 4, 3}}, {{1, 1, 1, 1}}}, limits);
  }
  limits.norm = 1e-9;
  laws::expect_linear_operator_laws(
      kUse, {{"wavelength", "500 nm"}, {"distance", 0.2}, {"pixel", Value::list({0.2, 0.15})}}, {},
      cases, limits);
}

TEST(Propagation, says_what_it_needs) {
  EXPECT_EQ(message_of<ShapeError>([] {
              load_linear_operator(kUse, over(1, "fresnel"))
                  ->range(laws::spec_of_items({{1, 1, 8, 6}}, at::kFloat));
            }),
            "values must be complex64 or complex128, got float32 (1 x float32 chw 1x8x6); "
            "operators/complex makes complex values of real ones");
  EXPECT_EQ(message_of<ConfigError>([] {
              load_linear_operator(kUse, {{"wavelength", "500 nm"}, {"distance", 1}});
            }),
            "test.yaml:1:1: 'pixel' must be given: distance of samples (list of real)");
}

}  // namespace
}  // namespace pellucid
