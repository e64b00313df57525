// Measurements: what is added, how strongly, and that it never depends on the blocks.

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::run_stage;
using testing::Settings;

constexpr Out<Tensor> kY{"y", ""};

Settings gaussian_noise(double sigma) {
  return {{"noise", Value::map({{"gaussian", Value::map({{"sigma", sigma}})}})}};
}

Tensor measured(const Settings& settings, const Tensor& x, std::int64_t first = 0,
                std::int64_t count = -1) {
  const Outputs out = run_stage("operators/measure", settings, {{"x", x, "chw"}}, first, count);
  return out[kY];
}

TEST(Measure, without_operator_and_noise_is_the_identity) {
  const Tensor x = at::rand({2, 3, 5, 4});
  EXPECT_TRUE(at::equal(measured({}, x), x));
  EXPECT_TRUE(at::equal(measured(gaussian_noise(0), x), x));
}

TEST(Measure, applies_its_operator) {
  const Tensor x = at::rand({2, 3, 16, 12});
  const std::shared_ptr<const LinearOperator> blur = testing::load_linear_operator(
      "operators/convolution",
      {{"kernel", Value::map({{"gaussian", Value::map({{"std", 1.5}})}})}});
  const Outputs out = run_stage("operators/measure", {}, {{"x", x, "chw"}, {"A", {}, {}, blur}});
  EXPECT_TRUE(at::equal(out[kY], blur->forward(x)));
}

// What a mask leaves out holds no noise; a sample that is seen does, be it 0 or not.
TEST(Measure, has_no_noise_where_its_operator_leaves_samples_out) {
  const Tensor mask = (at::rand({1, 1, 16, 12}) < 0.5).to(at::kFloat);
  const auto inpainting =
      testing::load_linear_operator("operators/inpainting", {}, {{"mask", mask}});
  const auto blur = testing::load_linear_operator("operators/convolution", {{"kernel", "box"}});
  const auto both = testing::load_linear_operator(
      "operators/compose", {}, {{"outer", {}, {}, inpainting}, {"inner", {}, {}, blur}});
  const auto half =
      testing::load_linear_operator("operators/scale", {{"factor", 0.5}}, {{"A", {}, {}, both}});
  for (const Settings& noise : {gaussian_noise(0.1), Settings{{"noise", "salt_pepper"}}})
    for (const auto& a : {inpainting, both, half}) {
      const Outputs out = run_stage("operators/measure", noise,
                                    {{"x", at::zeros({2, 3, 16, 12}), "chw"}, {"A", {}, {}, a}});
      const Tensor y = out[kY];
      EXPECT_EQ((y * (1 - mask)).abs().max().item<double>(), 0);
      EXPECT_GT((y * mask).abs().max().item<double>(), 0.1);
    }
}

TEST(Measure, has_no_noise_where_what_is_left_out_comes_through_other_operators) {
  Tensor mask = (at::rand({2, 1, 16, 12}) < 0.5).to(at::kFloat);
  mask.narrow(2, 4, 8).narrow(3, 4, 6).fill_(0);  // wider than the kernel
  const auto inner = testing::load_linear_operator("operators/inpainting", {}, {{"mask", mask}});
  const auto noise_behind = [&](const std::string& use, const Settings& settings) -> Tensor {
    const auto outer = testing::load_linear_operator(use, settings);
    const auto a = testing::load_linear_operator(
        "operators/compose", {}, {{"outer", {}, {}, outer}, {"inner", {}, {}, inner}});
    return run_stage("operators/measure", gaussian_noise(1),
                     {{"x", at::zeros({2, 1, 16, 12}), "chw"}, {"A", {}, {}, a}})[kY];
  };
  const auto expect_where = [](const Tensor& y, const Tensor& seen) {
    EXPECT_TRUE(at::equal(y != 0, seen != 0));
    EXPECT_GT((seen == 0).sum().item<std::int64_t>(), 0);
  };
  expect_where(noise_behind("operators/downsampling", {{"method", "decimation"}}),
               mask.slice(2, 0, std::nullopt, 2).slice(3, 0, std::nullopt, 2));
  expect_where(noise_behind("operators/downsampling", {{"method", "area"}}),
               at::max_pool2d(mask, {2, 2}));
  expect_where(noise_behind("operators/crop", {{"margin", 1}}),
               mask.narrow(2, 1, 14).narrow(3, 1, 10));
  // A kernel that has 0 nowhere spreads what is seen as far as it reaches.
  for (const char* method : {"direct", "fft"})
    expect_where(noise_behind("operators/convolution", {{"kernel", "box"}, {"method", method}}),
                 at::max_pool2d(mask, {3, 3}, {1, 1}, {1, 1}));
  // Rays beside the image see nothing either, but are measured.
  const Tensor rays = noise_behind(
      "operators/radon",
      {{"angles", Value::map({{"even", 3}})}, {"size", Value::list({16, 12})}, {"bins", 40}});
  EXPECT_GT(rays.narrow(-1, 0, 5).abs().min().item<double>(), 0);
}

TEST(Measure, has_noise_wherever_one_of_its_operators_sees_something) {
  const Tensor mask = (at::rand({1, 1, 16, 12}) < 0.5).to(at::kFloat);
  const auto seen = [](const Tensor& of) {
    return testing::load_linear_operator("operators/inpainting", {}, {{"mask", of}});
  };
  const auto joined = [](const char* use, const auto& a, const auto& b) {
    return testing::load_linear_operator(use, {}, {{"A", {}, {}, a}, {"B", {}, {}, b}});
  };
  const auto noise_with = [](const auto& a) -> Tensor {
    return run_stage("operators/measure", gaussian_noise(1),
                     {{"x", at::zeros({2, 1, 16, 12}), "chw"}, {"A", {}, {}, a}})[kY];
  };
  const Tensor other = 1 - mask;
  EXPECT_GT(noise_with(joined("operators/sum", seen(mask), seen(other))).abs().min().item<double>(),
            0);
  const Tensor same = noise_with(joined("operators/sum", seen(mask), seen(mask)));
  EXPECT_TRUE(at::equal(same != 0, mask.expand_as(same) != 0));
  const Tensor stacked = noise_with(joined("operators/stack", seen(mask), seen(other)));
  EXPECT_TRUE(at::equal(stacked != 0, at::cat({mask, other}, 1).expand_as(stacked) != 0));
}

TEST(Measure, has_no_noise_where_no_coil_was_read) {
  const Tensor mask = (at::rand({2, 1, 8, 6}) < 0.5).to(at::kFloat);
  const Tensor coils = at::randn({1, 4, 8, 6}, at::kComplexFloat);
  const auto scan =
      testing::load_linear_operator("operators/mri", {}, {{"mask", mask}, {"coils", coils}});
  const Tensor y = run_stage(
      "operators/measure", gaussian_noise(1),
      {{"x", at::zeros({2, 1, 8, 6}, at::kComplexFloat), "chw"}, {"A", {}, {}, scan}})[kY];
  EXPECT_TRUE(at::equal(y != 0, mask.expand({2, 4, 8, 6}) != 0));
}

TEST(Measure, is_differentiated_through_its_operator_however_that_computes) {
  for (const char* method : {"direct", "fft"}) {
    const std::shared_ptr<const LinearOperator> blur = testing::load_linear_operator(
        "operators/convolution", {{"kernel", "box"}, {"method", method}});
    const Tensor x = at::rand({1, 2, 9, 8}, at::kDouble).set_requires_grad(true);
    const Tensor v = at::rand({1, 2, 9, 8}, at::kDouble);
    const Outputs out =
        run_stage("operators/measure", gaussian_noise(0.1), {{"x", x, "chw"}, {"A", {}, {}, blur}});
    ASSERT_TRUE(out[kY].requires_grad()) << method;
    (out[kY] * v).sum().backward();
    EXPECT_LT((x.grad() - blur->adjoint(v)).abs().max().item<double>(), 1e-14) << method;
  }
}

TEST(Measure, adds_noise_of_the_standard_deviation_asked_for) {
  const Tensor x = at::rand({4, 3, 100, 100}, at::kDouble);
  const Tensor noise = measured(gaussian_noise(0.03), x) - x;
  // 120 000 draws: the mean varies by 0.003 sigma, the deviation by 0.002 sigma.
  EXPECT_NEAR(noise.mean().item<double>(), 0, 0.03 * 0.015);
  EXPECT_NEAR(noise.std().item<double>(), 0.03, 0.03 * 0.01);
  EXPECT_LT((noise[0] - noise[1]).abs().min().item<double>(), 0.01);
  EXPECT_FALSE(at::equal(noise[0], noise[1]));
}

TEST(Measure, never_writes_to_its_input) {
  const Tensor x = at::rand({1, 1, 8, 8});
  const Tensor kept = x.clone();
  measured(gaussian_noise(0.5), x);
  EXPECT_TRUE(at::equal(x, kept));
}

TEST(Measure, draws_alike_however_the_items_are_cut_into_blocks) {
  const Tensor x = at::rand({5, 1, 9, 7});
  const Tensor all = measured(gaussian_noise(0.1), x);
  const Tensor last = measured(gaussian_noise(0.1), x.narrow(0, 3, 2), 3, 2);
  EXPECT_TRUE(at::equal(all.narrow(0, 3, 2), last));
}

Settings noise(const char* kind, std::vector<Value::Entry> settings) {
  return {{"noise", Value::map({{kind, Value::map(std::move(settings))}})}};
}

// Mean and variance over so many draws are compared within five standard errors.
void expect_moments(const Tensor& y, double mean, double variance, double fourth_moment) {
  const auto draws = static_cast<double>(y.numel());
  const double of_variance = std::sqrt((fourth_moment - variance * variance) / draws);
  EXPECT_NEAR(y.mean().item<double>(), mean, 5 * std::sqrt(variance / draws));
  EXPECT_NEAR((y - mean).square().mean().item<double>(), variance, 5 * of_variance);
}

TEST(Measure, counts_photons_with_the_moments_of_poisson) {
  // 2 and 40 photons are counted by adding up terms, 500 by the library.
  for (const double level : {0.004, 0.08, 1.0}) {
    const double photons = 500;
    const double count = photons * level;
    const Tensor x = at::full({2, 1, 200, 200}, level, at::kDouble);
    const Tensor y = measured(noise("poisson", {{"photons", photons}}), x);
    // The fourth central moment of a count with mean c is c + 3 c^2.
    expect_moments(y * photons, count, count, count + 3 * count * count);
    EXPECT_TRUE(at::allclose(y * photons, (y * photons).round()));
  }
}

TEST(Measure, counts_of_no_items_are_none_and_of_infinite_light_an_error) {
  EXPECT_EQ(measured(noise("poisson", {}), at::zeros({0, 1, 8, 8}), 0, 0).numel(), 0);
  for (const double light : {HUGE_VAL, std::nan("")})
    EXPECT_THAT(testing::message_of<Error>([&] {
                  measured(noise("poisson", {}), at::full({1, 1, 2, 2}, light));
                }),
                ::testing::HasSubstr("photons are to be counted of A x, which must be finite"));
}

TEST(Measure, counts_nothing_where_it_is_dark) {
  const Tensor x = at::zeros({1, 1, 8, 8});
  EXPECT_TRUE(at::equal(measured(noise("poisson", {}), x), x));
}

TEST(Measure, reads_counts_out_with_noise) {
  const Tensor x = at::full({2, 1, 200, 200}, 0.2, at::kDouble);
  const Tensor y = measured(noise("poisson_gaussian", {{"photons", 100.0}, {"sigma", 0.05}}), x);
  const double variance = 0.2 / 100 + 0.05 * 0.05;
  // Fourth central moments: that of the count, of the normal, and 6 times the variances between.
  const double counts = 0.2 / 1e6 + 3 * 0.002 * 0.002;
  const double fourth = counts + 3 * 6.25e-6 + 6 * 0.002 * 0.0025;
  expect_moments(y, 0.2, variance, fourth);
}

TEST(Measure, multiplies_speckle_with_the_moments_of_its_looks) {
  for (const double looks : {1.0, 4.0}) {
    const Tensor x = at::full({2, 1, 200, 200}, 2.0, at::kDouble);
    const Tensor y = measured(noise("speckle", {{"looks", looks}}), x);
    // The fourth central moment of a gamma distribution of mean 1 is (3 + 6 / L) / L^2.
    expect_moments(y / 2, 1, 1 / looks, (3 + 6 / looks) / (looks * looks));
    EXPECT_GE(y.min().item<double>(), 0);
  }
}

TEST(Measure, loses_samples_to_both_ends_of_the_range) {
  const Tensor x = at::full({2, 1, 200, 200}, 0.5, at::kDouble);
  const Tensor y =
      measured(noise("salt_pepper", {{"fraction", 0.1}, {"low", -1.0}, {"high", 3.0}}), x);
  const double draws = 80000;
  const double error = 5 * std::sqrt(0.05 * 0.95 / draws);
  EXPECT_NEAR((y == -1).sum().item<double>() / draws, 0.05, error);
  EXPECT_NEAR((y == 3).sum().item<double>() / draws, 0.05, error);
  EXPECT_TRUE(((y == 0.5) | (y == -1) | (y == 3)).all().item<bool>());
}

TEST(Measure, quantizes_to_the_levels_of_a_converter_and_stops_at_its_ends) {
  const Tensor x = at::tensor({-0.3, 0.0, 0.4, 0.5, 1.9, 2.0, 7.0}, at::kDouble).view({1, 1, 1, 7});
  const Tensor y = measured(noise("quantization", {{"bits", 2}, {"peak", 2.0}}), x);
  const Tensor levels =
      at::tensor({0.0, 0.0, 1.0, 1.0, 3.0, 3.0, 3.0}, at::kDouble).view({1, 1, 1, 7}) * 2 / 3;
  EXPECT_TRUE(at::allclose(y, levels));
}

TEST(Measure, draws_every_kind_of_noise_alike_however_the_items_are_cut) {
  const Tensor x = at::rand({4, 1, 9, 7}) + 0.1;
  for (const char* kind : {"poisson", "poisson_gaussian", "speckle", "salt_pepper"}) {
    const Tensor all = measured(noise(kind, {}), x);
    const Tensor last = measured(noise(kind, {}), x.narrow(0, 2, 2), 2, 2);
    EXPECT_TRUE(at::equal(all.narrow(0, 2, 2), last)) << kind;
    EXPECT_EQ(all.scalar_type(), at::kFloat) << kind;
    EXPECT_FALSE(at::equal(all, x)) << kind;
  }
}

TEST(Measure, cannot_count_photons_of_negative_light) {
  EXPECT_EQ(testing::message_of<Error>([] {
              measured(noise("poisson", {}), at::full({1, 1, 2, 2}, -0.5));
            }),
            "test.yaml:1:1: photons are to be counted of A x, which goes down to -0.5; it must not "
            "be below 0");
}

TEST(Measure, takes_half_a_photon_below_0_for_none_whatever_else_is_in_the_block) {
  const Settings photons = noise("poisson", {{"photons", 100.0}});
  const Tensor rounding = at::full({1, 1, 2, 2}, -0.004, at::kDouble);
  const Tensor bright = at::full({1, 1, 2, 2}, 1e4, at::kDouble);
  EXPECT_EQ(measured(photons, rounding).abs().max().item<double>(), 0);
  EXPECT_EQ(measured(photons, at::cat({rounding, bright}))[0].abs().max().item<double>(), 0);
  // Half a unit is nothing beside a bright item, but 50 photons.
  const Tensor negative = at::full({1, 1, 2, 2}, -0.5, at::kDouble);
  EXPECT_THROW(measured(photons, negative), Error);
  EXPECT_THROW(measured(photons, at::cat({negative, bright})), Error);
}

TEST(Measure, refuses_complex_samples_where_noise_has_no_meaning_for_them) {
  const Tensor x = at::ones({1, 1, 2, 2}, at::kComplexFloat);
  EXPECT_NO_THROW(measured(gaussian_noise(0.1), x));
  EXPECT_THROW(measured(noise("speckle", {}), x), ShapeError);
}

TEST(Measure, refuses_a_negative_deviation) {
  EXPECT_EQ(testing::message_of<ConfigError>([] {
              measured(gaussian_noise(-1), at::rand({1, 1, 2, 2}));
            }),
            "test.yaml:1:1: 'sigma' must be in [0, inf], got -1");
}

}  // namespace
}  // namespace pellucid
