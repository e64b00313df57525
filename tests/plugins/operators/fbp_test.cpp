// Filtered back-projection: of objects whose projections are known, with each filter.

#include <cmath>
#include <numbers>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::Settings;

constexpr Out<Tensor> kX{"x", ""};
const std::vector<const char*> kFilters{"ramp", "shepp_logan", "cosine", "hamming", "hann"};

std::shared_ptr<const LinearOperator> radon(const Settings& settings) {
  return testing::load_linear_operator("operators/radon", settings);
}

Value even(int count, double range = 180, double start = 0) {
  return Value::map({{"even", Value::map({{"count", count}, {"range", range}, {"start", start}})}});
}

Tensor reconstructed(const std::shared_ptr<const LinearOperator>& a, const Tensor& y,
                     const char* filter = "ramp") {
  const std::string axes = y.dim() == 4 ? "caw" : "aw";
  return testing::run_stage("operators/fbp", {{"filter", filter}},
                            {{"y", y, axes}, {"A", {}, {}, a}})[kX];
}

/// exp(-r^2 / (2 width^2)) about (row, column), and its line integrals, which are Gaussians again.
Tensor bell(int n, double row, double column, double width) {
  const Tensor i = at::arange(n, at::kDouble) - row, j = at::arange(n, at::kDouble) - column;
  return at::exp(-(i.square().unsqueeze(1) + j.square()) / (2 * width * width));
}

Tensor bell_projections(const std::vector<double>& degrees, int bins, double centre, int n,
                        double row, double column, double width) {
  std::vector<Tensor> all;
  for (const double degree : degrees) {
    const double t = degree * std::numbers::pi / 180;
    const double seen = centre + (column - n / 2) * std::cos(t) - (row - n / 2) * std::sin(t);
    const Tensor s = at::arange(bins, at::kDouble) - seen;
    all.push_back(width * std::sqrt(2 * std::numbers::pi) *
                  at::exp(-s.square() / (2 * width * width)));
  }
  return at::stack(all);
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

std::vector<double> evenly(int count, double range = 180) {
  std::vector<double> degrees;
  for (int k = 0; k < count; ++k) degrees.push_back(range * k / count);
  return degrees;
}

TEST(Fbp, restores_a_gaussian_from_its_exact_projections) {
  const double width = 5;
  for (const double centre : {40.0, 42.25}) {
    const auto a = radon(
        {{"angles", even(120)}, {"bins", 84}, {"centre", centre}, {"size", Value::list({64, 70})}});
    const Tensor truth = bell(70, 28, 40, width).narrow(0, 3, 64);  // its row is 25 of 64
    const Tensor y = bell_projections(evenly(120), 84, centre, 70, 28, 40, width);
    // The row 25 of 64 is as far from 64 / 2 as 28 is from 70 / 2.
    const Tensor x = reconstructed(a, y.unsqueeze(0))[0];
    EXPECT_LT(difference(x, truth), 0.01) << centre;
  }
}

TEST(Fbp, of_smoother_filters_is_smoother_and_keeps_the_sum) {
  const auto a = radon({{"angles", even(90)}});
  const Tensor y = bell_projections(evenly(90), 65, 32, 65, 32, 32, 3).unsqueeze(0);
  const double sum = bell(65, 32, 32, 3).sum().item<double>();
  double peak = 2;
  for (const char* filter : {"ramp", "shepp_logan", "cosine", "hann"}) {
    const Tensor x = reconstructed(a, y, filter)[0];
    const double found = x.max().item<double>();
    EXPECT_LT(found, peak) << filter;
    EXPECT_GT(found, 0.9) << filter;
    EXPECT_NEAR(x.narrow(0, 16, 33).narrow(1, 16, 33).sum().item<double>(), sum, 0.02 * sum)
        << filter;
    peak = found;
  }
}

TEST(Fbp, of_one_impulse_is_the_filter_spread_along_its_ray) {
  // At angle 0 each column gets the filtered value of its bin: pi times the ramp's samples.
  const auto a = radon({{"angles", Value::map({{"list", Value::list({0.0})}})}});
  Tensor y = at::zeros({1, 1, 33}, at::kDouble);
  y[0][0][16] = 1;
  const Tensor row = reconstructed(a, y)[0][16];
  const double pi = std::numbers::pi;
  EXPECT_NEAR(row[16].item<double>(), pi / 4, 1e-10);
  EXPECT_NEAR(row[17].item<double>(), -1 / pi, 1e-10);
  EXPECT_NEAR(row[18].item<double>(), 0, 1e-10);
  EXPECT_NEAR(row[19].item<double>(), -1 / (9 * pi), 1e-10);
}

TEST(Fbp, weighs_angles_by_their_distance_in_any_order) {
  const std::vector<double> degrees{100, 3, 47, 160, 20, 75, 130, 62, 149, 33, 88, 114};
  std::vector<double> sorted = degrees;
  std::sort(sorted.begin(), sorted.end());
  const auto image = [&](const std::vector<double>& list) {
    std::vector<Value> values;
    for (const double degree : list) values.emplace_back(degree);
    const auto a = radon({{"angles", Value::map({{"list", Value::list(values)}})}});
    return reconstructed(a, bell_projections(list, 49, 24, 49, 22, 27, 4).unsqueeze(0))[0];
  };
  EXPECT_LT(difference(image(degrees), image(sorted)), 1e-12);
}

TEST(Fbp, of_a_whole_turn_is_that_of_half_of_it) {
  const Tensor half =
      reconstructed(radon({{"angles", even(60)}}),
                    bell_projections(evenly(60), 49, 24, 49, 20, 27, 4).unsqueeze(0));
  const Tensor whole =
      reconstructed(radon({{"angles", even(120, 360)}}),
                    bell_projections(evenly(120, 360), 49, 24, 49, 20, 27, 4).unsqueeze(0));
  EXPECT_LT(difference(half, whole), 1e-9);
}

TEST(Fbp, of_two_whole_turns_is_that_of_half_a_turn) {
  const Tensor half =
      reconstructed(radon({{"angles", even(180)}}),
                    bell_projections(evenly(180), 49, 24, 49, 20, 27, 4).unsqueeze(0));
  const Tensor turns =
      reconstructed(radon({{"angles", even(720, 720)}}),
                    bell_projections(evenly(720, 720), 49, 24, 49, 20, 27, 4).unsqueeze(0));
  EXPECT_LT(difference(half, turns), 1e-9);
}

TEST(Fbp, leaves_out_what_is_not_seen_at_every_angle) {
  const auto a = radon({{"angles", even(40)}, {"bins", 41}, {"centre", 15.0}});
  const Tensor x = reconstructed(a, at::rand({1, 40, 41}, at::kDouble))[0];
  for (int i = 0; i < 41; ++i)
    for (int j = 0; j < 41; ++j) {
      const bool seen = (i - 20) * (i - 20) + (j - 20) * (j - 20) <= 15 * 15;
      EXPECT_EQ(x[i][j].item<double>() != 0, seen) << i << ", " << j;
    }
}

TEST(Fbp, keeps_dtype_items_and_bits_whatever_the_block_and_threads) {
  const auto a = radon({{"angles", even(30)}});
  const Tensor y = at::rand({3, 2, 30, 32});
  const Tensor x = reconstructed(a, y);
  EXPECT_EQ(x.scalar_type(), at::kFloat);
  EXPECT_EQ(x.sizes(), at::IntArrayRef({3, 2, 32, 32}));
  EXPECT_TRUE(at::equal(reconstructed(a, y.narrow(0, 1, 1)), x.narrow(0, 1, 1)));
  EXPECT_LT(difference(reconstructed(a, y.to(at::kDouble)), x), 1e-5);
}

TEST(Fbp, of_a_single_bin_is_a_single_pixel) {
  for (const char* filter : kFilters) {
    const Tensor x = reconstructed(radon({{"angles", even(4)}}), at::ones({1, 4, 1}), filter);
    EXPECT_EQ(x.numel(), 1);
    EXPECT_TRUE(x.isfinite().all().item<bool>()) << filter;
  }
}

TEST(Fbp, refuses_other_operators_and_other_projections) {
  const auto message = [](const std::shared_ptr<const LinearOperator>& a, const Tensor& y) {
    return testing::message_of<Error>([&] { reconstructed(a, y); });
  };
  const auto other = testing::load_linear_operator("operators/identity");
  EXPECT_THAT(message(other, at::rand({1, 8, 8})),
              ::testing::HasSubstr("'A' must be an operators/radon"));
  EXPECT_THAT(message(radon({{"angles", even(9)}}), at::rand({1, 8, 8})),
              ::testing::HasSubstr("projections must be of 9 angles"));
}

}  // namespace
}  // namespace pellucid
