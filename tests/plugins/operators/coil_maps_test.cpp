// Sensitivities estimated from simulated scans, against those they were simulated with.

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::Given;
using testing::message_of;
using testing::run_stage;

constexpr Out<Tensor> kCoils{"coils", ""}, kMask{"mask", ""};
const char* const kUse = "operators/coil_maps";

/// An ellipse with darker and brighter spots, and 0 around it.
Tensor object(std::int64_t n) {
  const Tensor at_y = (at::arange(n, at::kDouble) / double(n - 1) * 2 - 1).unsqueeze(1);
  const Tensor at_x = at::arange(n, at::kDouble) / double(n - 1) * 2 - 1;
  const auto disk = [&](double y, double x, double ry, double rx) {
    return ((at_y - y) / ry).square().add(((at_x - x) / rx).square()).lt(1).to(at::kDouble);
  };
  return disk(0, 0, 0.85, 0.7) - 0.6 * disk(0.2, -0.3, 0.3, 0.2) + 0.5 * disk(-0.4, 0.2, 0.2, 0.2);
}

Tensor true_coils(std::int64_t n) {
  return run_stage("operators/coil_ring", {{"size", n}}, {})[kCoils];
}

Tensor scan(const Tensor& image, const Tensor& coils, const Tensor& mask) {
  std::vector<Given> inputs{{"coils", coils}};
  if (mask.defined()) inputs.push_back({"mask", mask});
  const Tensor x = at::complex(image, at::zeros_like(image)).to(at::kComplexFloat);
  return testing::load_linear_operator("operators/mri", {}, inputs)
      ->forward(x.view({1, 1, image.size(0), image.size(1)}));
}

/// Between the vectors of all coils of a pixel, in degrees.
Tensor angle(const Tensor& a, const Tensor& b) {
  const Tensor cosine = (a.conj() * b).sum(0).abs() /
                        (a.abs().square().sum(0).sqrt() * b.abs().square().sum(0).sqrt());
  return at::acos(cosine.clamp_max(1)) * (180 / std::numbers::pi);
}

TEST(CoilMaps, are_those_of_the_scan_inside_the_object) {
  const std::int64_t n = 96;
  const Tensor image = object(n), coils = true_coils(n);
  const Tensor mask = run_stage(
      "operators/sampling",
      {{"size", n}, {"pattern", Value::map({{"lines", Value::map({{"fraction", 0.4}})}})}},
      {})[kMask];
  Tensor y = scan(image, coils, mask);
  const Outputs out = run_stage(kUse, {}, {{"y", y}});
  EXPECT_TRUE(at::equal(out[kMask], mask));
  const Tensor gap = angle(out[kCoils][0], coils[0]).index({image > 0});
  EXPECT_LT(gap.mean().item<double>(), 1);
  EXPECT_LT(gap.max().item<double>(), 6);
  EXPECT_TRUE(at::allclose(out[kCoils].abs().square().sum(1), at::ones({1, n, n}), 1e-5, 1e-5));

  // Noise of a fiftieth of the brightness hardly matters: the middle is averaged over.
  const Tensor noise = mask * at::randn(y.sizes(), at::kComplexFloat) * 0.02;
  const Tensor noisy = run_stage(kUse, {}, {{"y", y + noise}})[kCoils];
  EXPECT_LT(angle(noisy[0], coils[0]).index({image > 0}).mean().item<double>(), 2);
}

TEST(CoilMaps, have_phases_that_vary_smoothly) {
  const Tensor maps = run_stage(kUse, {}, {{"y", scan(object(64), true_coils(64), {})}})[kCoils][0];
  const Tensor inside = (object(64) > 0).narrow(0, 0, 63);
  const Tensor step = (maps.narrow(1, 1, 63) - maps.narrow(1, 0, 63)).abs().square().sum(0).sqrt();
  EXPECT_LT(step.index({inside}).max().item<double>(), 0.3);
}

TEST(CoilMaps, are_0_in_the_dark_if_a_threshold_says_so) {
  const Tensor image = object(64);
  const Tensor y = scan(image, true_coils(64), {});
  const Tensor power =
      run_stage(kUse, {{"threshold", 0.2}}, {{"y", y}})[kCoils][0].abs().square().sum(0);
  EXPECT_EQ(power[0][0].item<float>(), 0);
  EXPECT_NEAR(power[32][40].item<float>(), 1, 1e-5);
}

TEST(CoilMaps, of_an_item_are_the_same_in_every_batch) {
  const Tensor y =
      at::cat({scan(object(32), true_coils(32), {}), at::randn({1, 8, 32, 32}, at::kComplexFloat)});
  const Tensor all = run_stage(kUse, {}, {{"y", y}})[kCoils];
  EXPECT_TRUE(
      at::equal(all.narrow(0, 1, 1), run_stage(kUse, {}, {{"y", y.narrow(0, 1, 1)}})[kCoils]));
  EXPECT_EQ(run_stage(kUse, {}, {{"y", y.to(at::kComplexDouble)}})[kCoils].scalar_type(),
            at::kComplexDouble);
}

TEST(CoilMaps, say_what_they_need) {
  Tensor y = scan(object(32), true_coils(32), {});
  EXPECT_EQ(message_of<ShapeError>([&] {
              run_stage(kUse, {}, {{"y", y.abs()}});
            }),
            "test.yaml:1:1: values must be complex64 or complex128, got float32 (1 x float32 chw "
            "8x32x32); operators/complex makes complex values of real ones");
  EXPECT_EQ(message_of<ShapeError>([&] {
              run_stage(kUse, {{"centre", 40}}, {{"y", y}});
            }),
            "test.yaml:1:1: k-space must be at least 40 samples high and wide, got 1 x complex64 "
            "chw 8x32x32");
  EXPECT_EQ(message_of<ConfigError>([&] {
              run_stage(kUse, {{"patch", 4}}, {{"y", y}});
            }),
            "test.yaml:1:1: 'patch' must be odd, got 4");
  y.select(2, 12).zero_();
  EXPECT_EQ(message_of<Error>([&] {
              run_stage(kUse, {{"centre", 10}}, {{"y", y}});
            }),
            "test.yaml:1:1: the middle 10x10 samples of k-space must all be measured, but only 7x7 "
            "are; make 'centre' smaller");
}

}  // namespace
}  // namespace pellucid
