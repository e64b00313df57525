// Fourier ring correlation: a direct evaluation of the definition, frequencies that agree by design,
// thresholds, spacings, and the messages.

#include <gmock/gmock.h>

#include <cmath>
#include <complex>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::message_of;
using testing::Settings;

constexpr Out<Table> kCurve{"curve", ""}, kResolution{"resolution", ""};

Outputs compared(const Tensor& x, const Tensor& reference, const Settings& settings = {},
                 const std::string& axes = "chw") {
  return testing::run_stage("metrics/fourier_correlation", settings,
                            {{"x", x, axes}, {"reference", reference, axes}});
}

double resolution(const Outputs& out, const char* threshold) {
  return out[kResolution].reals(threshold)[0];
}

/// The transform of a plane less its mean, one sample at a time.
std::complex<double> spectrum_at(const Tensor& plane, std::int64_t u, std::int64_t v) {
  const auto values = plane.accessor<double, 2>();
  const double mean = plane.mean().item<double>();
  const auto rows = double(plane.size(0)), columns = double(plane.size(1));
  std::complex<double> sum = 0;
  for (std::int64_t y = 0; y < plane.size(0); ++y)
    for (std::int64_t x = 0; x < plane.size(1); ++x)
      sum += (values[y][x] - mean) *
             std::polar(1.0, -2 * M_PI * (double(u * y) / rows + double(v * x) / columns));
  return sum;
}

TEST(FourierCorrelation, equals_its_definition) {
  const Tensor r = at::rand({9, 12}, at::kDouble), x = r + 0.5 * at::rand({9, 12}, at::kDouble);
  // 9 rows: rings of width 1/9 up to half a cycle a pixel.
  std::vector<double> cross(5), of_x(5), of_r(5), count(5);
  for (std::int64_t u = -4; u <= 4; ++u)
    for (std::int64_t v = -6; v < 6; ++v) {
      const double f = std::hypot(double(u) / 9, double(v) / 12);
      const auto ring = static_cast<std::size_t>(std::floor(f * 9 + 0.5));
      if (ring >= 5) continue;
      const auto a = spectrum_at(x, u, v), b = spectrum_at(r, u, v);
      cross[ring] += (a * std::conj(b)).real();
      of_x[ring] += std::norm(a), of_r[ring] += std::norm(b), count[ring] += 1;
    }
  const Outputs out = compared(x.view({1, 1, 9, 12}), r.view({1, 1, 9, 12}), {{"window", "none"}});
  const Table& curve = out[kCurve];
  ASSERT_EQ(curve.rows(), 5);
  for (std::size_t ring = 0; ring < 5; ++ring) {
    const double expected = ring == 0 ? 1 : cross[ring] / std::sqrt(of_x[ring] * of_r[ring]);
    EXPECT_NEAR(curve.reals("correlation")[ring], expected, 1e-12) << ring;
    EXPECT_NEAR(curve.reals("frequency")[ring], double(ring) / 9, 1e-15);
    EXPECT_EQ(curve.reals("samples")[ring], count[ring]);
  }
}

/// White noise whose spectrum is zero above a frequency [cycles a sample].
Tensor band_limited(at::IntArrayRef shape, std::size_t dimensions, double highest) {
  const Tensor noise = at::randn(shape, at::kDouble);
  Tensor squared = at::zeros({1}, at::kDouble);
  for (std::size_t a = shape.size() - dimensions; a < shape.size(); ++a)
    squared = squared.unsqueeze(-1) + at::fft_fftfreq(shape[a], 1.0, at::kDouble).square();
  const Tensor kept = (squared[0] < highest * highest).to(at::kDouble);
  const auto axes = last_axes(dimensions);
  return at::real(at::fft_ifftn(at::fft_fftn(noise, {}, axes) * kept, {}, axes));
}

TEST(FourierCorrelation, finds_up_to_which_frequency_two_images_agree) {
  at::manual_seed(1);
  const auto agreeing = [](at::IntArrayRef shape, std::size_t dimensions) {
    const Tensor common = band_limited(shape, dimensions, 0.25);
    return std::pair{common + 1e-3 * at::randn_like(common),
                     common + 1e-3 * at::randn_like(common)};
  };
  const auto [a, b] = agreeing({1, 1, 128, 128}, 2);
  const Outputs image = compared(a, b, {{"window", "none"}});
  for (const char* threshold : {"one_seventh", "half_bit", "half"})
    EXPECT_NEAR(1 / resolution(image, threshold), 0.25, 1.0 / 128) << threshold;  // a ring
  const auto [v, w] = agreeing({1, 1, 32, 32, 32}, 3);
  const Outputs volume = compared(v, w, {{"window", "none"}, {"dimensions", 3}}, "czyx");
  for (const char* threshold : {"one_seventh", "half_bit", "half"})
    EXPECT_NEAR(1 / resolution(volume, threshold), 0.25, 1.0 / 32) << threshold;
}

TEST(FourierCorrelation, of_equal_images_is_one_up_to_the_last_ring) {
  const Tensor x = at::rand({1, 3, 16, 16}, at::kFloat);
  const Outputs out = compared(x, x);
  for (const double c : out[kCurve].reals("correlation")) EXPECT_NEAR(c, 1, 1e-12);
  EXPECT_NEAR(resolution(out, "half"), 2, 1e-12);
}

TEST(FourierCorrelation, of_unrelated_noise_is_within_its_standard_error) {
  at::manual_seed(2);
  const Outputs out =
      compared(at::randn({1, 1, 128, 128}), at::randn({1, 1, 128, 128}), {{"window", "none"}});
  const auto correlation = out[kCurve].reals("correlation"), n = out[kCurve].reals("samples");
  // A sample and its mirror image are one draw.
  for (std::size_t ring = 1; ring < correlation.size(); ++ring)
    EXPECT_LT(std::abs(correlation[ring]), 4 / std::sqrt(n[ring] / 2)) << ring;
}

TEST(FourierCorrelation, of_opposite_images_resolves_nothing) {
  const Tensor x = at::rand({1, 1, 16, 16}, at::kDouble);
  EXPECT_TRUE(std::isinf(resolution(compared(x, -x), "one_seventh")));
}

TEST(FourierCorrelation, crosses_thresholds_linearly_between_rings) {
  at::manual_seed(6);
  const std::int64_t n = 64;
  Tensor smooth = at::randn({1, 1, n, n}, at::kDouble);
  for (int i = 0; i < 3; ++i)
    smooth = smooth + smooth.roll(1, 2) + smooth.roll(1, 3) + smooth.roll({1, 1}, {2, 3});
  const Outputs out = compared(smooth + 4 * at::randn_like(smooth),
                               smooth + 4 * at::randn_like(smooth), {{"window", "none"}});
  const auto correlation = out[kCurve].reals("correlation");
  const auto crossing = [&](double level) {
    std::size_t i = 1;
    while (correlation[i] >= level) ++i;
    const double part = (correlation[i - 1] - level) / (correlation[i - 1] - correlation[i]);
    return double(n) / (double(i - 1) + part);
  };
  EXPECT_NEAR(resolution(out, "half"), crossing(0.5), 1e-10);
  EXPECT_NEAR(resolution(out, "one_seventh"), crossing(1.0 / 7), 1e-10);
  EXPECT_GT(resolution(out, "half"), resolution(out, "one_seventh"));
  // Half a bit: a signal-to-noise ratio of sqrt(2) - 1 in all data is half of that in a half of it.
  const double snr = (std::sqrt(2.0) - 1) / 2;
  const auto samples = out[kCurve].reals("samples");
  std::size_t i = 1;
  const auto gap = [&](std::size_t at) {
    const double root = std::sqrt(samples[at]), noise = 2 * std::sqrt(snr) / root;
    return correlation[at] - (snr + noise + 1 / root) / (snr + 1 + noise);
  };
  while (gap(i) >= 0) ++i;
  const double expected = double(n) / (double(i - 1) + gap(i - 1) / (gap(i - 1) - gap(i)));
  EXPECT_NEAR(resolution(out, "half_bit"), expected, 2e-3);
}

TEST(FourierCorrelation, takes_half_a_bit_of_the_samples_of_all_channels) {
  at::manual_seed(7);
  const std::int64_t n = 64;
  Tensor smooth = at::randn({1, 1, n, n}, at::kDouble);
  for (int i = 0; i < 3; ++i)
    smooth = smooth + smooth.roll(1, 2) + smooth.roll(1, 3) + smooth.roll({1, 1}, {2, 3});
  const Tensor a = smooth + 4 * at::randn_like(smooth), b = smooth + 4 * at::randn_like(smooth);
  // The correlation of four equal channels is that of one; the threshold falls with their number.
  const Outputs one = compared(a, b, {{"window", "none"}});
  const Outputs four = compared(a.expand({1, 4, n, n}).contiguous(),
                                b.expand({1, 4, n, n}).contiguous(), {{"window", "none"}});
  EXPECT_NEAR(resolution(four, "half"), resolution(one, "half"), 1e-9);
  const auto correlation = one[kCurve].reals("correlation"), samples = one[kCurve].reals("samples");
  const auto gap = [&](std::size_t ring) {
    const double bits = 1 / std::sqrt(4 * samples[ring]);
    return correlation[ring] - (0.2071 + 1.9102 * bits) / (1.2071 + 0.9102 * bits);
  };
  std::size_t i = 1;
  while (gap(i) >= 0) ++i;
  const double expected = double(n) / (double(i - 1) + gap(i - 1) / (gap(i - 1) - gap(i)));
  EXPECT_NEAR(resolution(four, "half_bit"), expected, 1e-9);
  EXPECT_LT(resolution(four, "half_bit"), resolution(one, "half_bit"));
}

TEST(FourierCorrelation, of_no_items_is_an_empty_table) {
  const Tensor none = at::rand({0, 1, 16, 16}), one = at::rand({1, 1, 16, 16});
  EXPECT_EQ(compared(none, one)[kCurve].rows(), 0);
  EXPECT_EQ(compared(one, none)[kResolution].rows(), 0);
}

TEST(FourierCorrelation, counts_in_the_unit_of_the_spacing) {
  Spec spec;
  spec.axes = "zyx";
  spec.shape = {8, 16, 16};
  spec.spacing = {0.4, 0.1, 0.1};
  spec.spacing_unit = "um";
  Inputs in;
  in.add({"x", spec, {}, nullptr});
  in.add({"reference", spec, {}, nullptr});
  const auto component =
      testing::load_component("metrics/fourier_correlation", {{"dimensions", 3}});
  Specs out;
  dynamic_cast<const Worker&>(*component).infer(in, out);
  // Rings of width 1 / 1.6 um up to 1 / 0.8 um.
  EXPECT_EQ(out[kCurve].rows_per_item, 3);
  EXPECT_EQ(out[kCurve].columns[1].unit, "1/um");
  EXPECT_EQ(out[kResolution].columns[0].unit, "um");
}

TEST(FourierCorrelation, does_not_depend_on_the_items_beside_it) {
  const Tensor r = at::rand({3, 2, 20, 21}), x = r + 0.1 * at::randn_like(r);
  const Outputs together = compared(x, r);
  const auto rings = static_cast<std::size_t>(together[kCurve].rows() / 3);
  for (std::int64_t item = 0; item < 3; ++item) {
    const Outputs alone = compared(x.narrow(0, item, 1), r.narrow(0, item, 1));
    for (std::size_t ring = 0; ring < rings; ++ring)
      EXPECT_EQ(together[kCurve].reals("correlation")[std::size_t(item) * rings + ring],
                alone[kCurve].reals("correlation")[ring]);
  }
}

TEST(FourierCorrelation, refuses_what_has_no_rings) {
  EXPECT_EQ(message_of<ShapeError>([] {
              compared(at::rand({1, 1, 3, 9}), at::rand({1, 1, 3, 9}));
            }),
            "test.yaml:1:1: images must be at least 4 pixels wide and high, 4 samples inside a "
            "border of 0, got 1x3x9");
  EXPECT_THAT(message_of<Error>([] {
                compared(at::ones({1, 1, 9, 9}), at::rand({1, 1, 9, 9}));
              }),
              ::testing::HasSubstr("a whole ring of a spectrum is 0"));
}

}  // namespace
}  // namespace pellucid
