// The Wiener filter with spectra of noise and signal: the estimate of least variance that it is; and
// what it has in common with other direct methods.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

#include "direct.h"

namespace pellucid {
namespace {

using namespace direct;
using testing::message_of;
using testing::Settings;

/// A spectrum that is the same at f and -f.
Tensor spectrum(const Sizes& sizes) {
  Sizes shape{1};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  const Sizes axes = last_axes(sizes.size());
  return at::fft_fftn(at::rand(shape, at::kDouble), c10::nullopt, axes).abs().square() /
         double(c10::multiply_integers(sizes));
}

/// The covariance of a stationary signal on a circular grid.
Tensor covariance(const Tensor& power, const Sizes& sizes) {
  const Sizes axes = last_axes(sizes.size());
  return matrix(sizes, [&](const Tensor& x) {
    return at::real(at::fft_ifftn(at::fft_fftn(x, c10::nullopt, axes) * power, c10::nullopt, axes));
  });
}

TEST(WienerWithSpectra, equals_the_linear_estimate_of_least_variance) {
  for (const Sizes& sizes : kSizes) {
    const Blur a = blur(kernel(sizes.size(), /*peaked=*/false));
    const Tensor y = images(sizes), m = matrix(a, sizes);
    const Tensor signal = spectrum(sizes), noise = spectrum(sizes);
    const double level = 0.4;
    const Tensor c_x = covariance(signal, sizes), c_n = level * level * covariance(noise, sizes);
    const Tensor mean = y.flatten(1).mean(1).view({2, 1});
    const Tensor centred = y.flatten(1) - mean;
    const Tensor gain = c_x.mm(m.t()).mm(at::linalg_inv(m.mm(c_x).mm(m.t()) + c_n));
    const Tensor expected = centred.mm(gain.t()) + mean;  // the kernel sums to 0.3
    const double sum = dynamic_cast<const ConvolutionOperator&>(*a).kernel().sum().item<double>();
    const std::string axes = sizes.size() == 2 ? "hw" : "zyx";
    const Tensor found = run("wiener", y, a, {{"noise", level}},
                             {{"noise_power", noise, axes}, {"signal_power", signal, axes}});
    EXPECT_LT(difference(found, (expected - mean + mean / sum).view(y.sizes())), 1e-9);
  }
}

TEST(WienerWithSpectra, needs_no_spectrum_of_white_noise) {
  const Blur a = blur(kernel(2));
  const Tensor y = images({16, 16}), ones = at::ones({1, 16, 16}, at::kDouble);
  EXPECT_LT(difference(run("wiener", y, a, {{"noise", 0.2}}),
                       run("wiener", y, a, {{"noise", 0.2}}, {{"noise_power", ones, "hw"}})),
            1e-13);
}

TEST(WienerWithSpectra, takes_one_for_each_item_and_channel) {
  const Blur a = blur(kernel(2));
  const Tensor y = at::rand({2, 3, 8, 10}, at::kDouble);
  const Tensor power = at::cat({spectrum({8, 10}), spectrum({8, 10}), spectrum({8, 10}),
                                spectrum({8, 10}), spectrum({8, 10}), spectrum({8, 10})})
                           .view({2, 3, 8, 10});
  const Tensor all = run("wiener", y, a, {{"noise", 0.2}}, {{"signal_power", power, "chw"}});
  for (int item = 0; item < 2; ++item)
    for (int channel = 0; channel < 3; ++channel)
      EXPECT_LT(
          difference(all[item][channel],
                     run("wiener", y[item][channel].view({1, 1, 8, 10}), a, {{"noise", 0.2}},
                         {{"signal_power", power[item][channel].view({1, 8, 10}), "hw"}})[0][0]),
          1e-13);
}

TEST(WienerWithSpectra, gives_nothing_where_the_signal_has_no_power) {
  const Blur a = blur(kernel(2));
  const Tensor y = images({16, 16}), none = at::zeros({1, 16, 16}, at::kDouble);
  const Tensor x = run("wiener", y, a, {{"noise", 0.2}}, {{"signal_power", none, "hw"}});
  EXPECT_LT(difference(x, y.mean({2, 3}, true).expand_as(x)), 1e-12);
}

TEST(WienerWithSpectra, refuses_what_does_not_fit) {
  const Tensor y = images({16, 16});
  const auto message = [&](const Tensor& power, const Blur& a) {
    return message_of<Error>([&] {
      run("wiener", y, a, {{"noise", 0.1}}, {{"signal_power", power, "hw"}});
    });
  };
  const Blur a = blur(kernel(2));
  EXPECT_NE(message(at::ones({1, 16, 9}), a)
                .find("'signal_power' must have a value for each frequency of 'y', 16x16"),
            std::string::npos);
  EXPECT_NE(message(at::ones({3, 16, 16}), a)
                .find("'signal_power' must have one item or as many as 'y', got 3 and 2"),
            std::string::npos);
  EXPECT_NE(message(at::ones({1, 16, 16}), blur(kernel(2), "reflect"))
                .find("the boundary of the blur must be circular, got reflect"),
            std::string::npos);
  EXPECT_EQ(message(at::full({1, 16, 16}, -1.0), a),
            "test.yaml:1:1: 'signal_power' must be finite and not negative, found another value in "
            "item 0");
}

TEST(Wiener, computes_in_the_precision_of_the_images_and_each_item_alike) {
  expect_items_alike("wiener", {{"noise", 0.1}});
}

TEST(Wiener, gives_the_data_where_nothing_was_blurred) {
  expect_limits("wiener", {{"noise", 0.0}});
}

TEST(Wiener, says_what_it_cannot_use) { expect_refusals("wiener", {{"noise", 0.1}}); }

}  // namespace
}  // namespace pellucid
