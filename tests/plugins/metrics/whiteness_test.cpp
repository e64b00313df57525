// Whiteness: its autocorrelation by definition, its law for white noise, what is not white, and the
// messages.

#include <gmock/gmock.h>

#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::Given;
using testing::message_of;
using testing::Settings;

constexpr Out<Table> kScores{"scores", ""};

Table scores(const std::vector<Given>& inputs, const Settings& settings = {}) {
  const Outputs out = testing::run_stage("metrics/whiteness", settings, inputs);
  return out[kScores];
}

TEST(Whiteness, equals_its_definition) {
  const Tensor r = at::rand({7, 9}, at::kDouble);
  const Tensor centred = r - r.mean();
  const auto v = centred.accessor<double, 2>();
  const double power = centred.square().sum().item<double>();
  double energy = 0, statistic = 0;
  int lags = 0;
  for (int dy = -2; dy <= 2; ++dy)
    for (int dx = -2; dx <= 2; ++dx) {
      if (dy < 0 || (dy == 0 && dx <= 0)) continue;
      double sum = 0, pairs = 0;
      for (int y = 0; y < 7; ++y)
        for (int x = 0; x < 9; ++x)
          if (y + dy < 7 && x + dx >= 0 && x + dx < 9) sum += v[y][x] * v[y + dy][x + dx], ++pairs;
      energy += sum * sum / (power * power);
      statistic += 63 * 63 * sum * sum / (power * power) / pairs;
      ++lags;
    }
  ASSERT_EQ(lags, 12);
  const Table table = scores({{"y", r.view({1, 1, 7, 9})}}, {{"lags", 2}});
  EXPECT_NEAR(table.reals("energy")[0], energy, 1e-13);
  EXPECT_NEAR(table.reals("statistic")[0], statistic / 12, 1e-11);
  EXPECT_NEAR(table.reals("rms")[0], std::sqrt(r.square().mean().item<double>()), 1e-14);
  // The tail of chi-squared with 2 k degrees of freedom is a sum of k terms of a Poisson law.
  double term = std::exp(-statistic / 2), tail = 0;
  for (int k = 0; k < 6; ++k) tail += term, term *= statistic / 2 / (k + 1);
  EXPECT_NEAR(table.reals("p_value")[0], tail, 1e-11);
}

TEST(Whiteness, of_white_noise_has_the_law_that_is_stated) {
  at::manual_seed(3);
  const Table table =
      scores({{"y", 0.2 * at::randn({200, 1, 64, 64}, at::kDouble)}}, {{"lags", 3}});
  double mean = 0, square = 0, energy = 0, rms = 0, unlikely = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    const double s = table.reals("statistic")[i];
    mean += s / 200, square += s * s / 200;
    energy += table.reals("energy")[i] / 200;
    rms += table.reals("rms")[i] / 200;
    unlikely += table.reals("p_value")[i] < 0.1 ? 1 : 0;
  }
  // 24 lags: standard deviation sqrt(2 / 24); the bounds are 4 standard errors.
  EXPECT_NEAR(mean, 1, 4 * std::sqrt(2.0 / 24 / 200));
  EXPECT_NEAR(std::sqrt(square - mean * mean), std::sqrt(2.0 / 24), 0.06);
  EXPECT_NEAR(energy, 24.0 / 4096, 0.1 * 24 / 4096);
  EXPECT_NEAR(rms, 0.2, 2e-3);
  EXPECT_NEAR(unlikely / 200, 0.1, 4 * std::sqrt(0.09 / 200));
}

TEST(Whiteness, of_complex_noise_and_of_volumes_is_about_one) {
  at::manual_seed(4);
  const Tensor complex = at::randn({1, 1, 64, 64}, at::kComplexDouble);
  EXPECT_NEAR(scores({{"y", complex}}).reals("statistic")[0], 1, 4 * std::sqrt(1.0 / 60));
  const Tensor volume = at::randn({1, 1, 20, 24, 22}, at::kDouble);
  EXPECT_NEAR(scores({{"y", volume}}, {{"lags", 2}, {"dimensions", 3}}).reals("statistic")[0], 1,
              4 * std::sqrt(2.0 / 62));
}

TEST(Whiteness, tells_noise_from_noise_with_structure) {
  at::manual_seed(5);
  const Tensor noise = at::randn({1, 1, 65, 64}, at::kDouble);
  const Tensor smooth = noise.narrow(2, 0, 64) + 0.2 * noise.narrow(2, 1, 64);
  EXPECT_GT(scores({{"y", noise}}).reals("p_value")[0], 1e-3);
  const Table table = scores({{"y", smooth}});
  EXPECT_LT(table.reals("p_value")[0], 1e-9);
  // One lag of 60 has rho = 0.2 / 1.04.
  EXPECT_NEAR(table.reals("energy")[0], std::pow(0.2 / 1.04, 2), 0.02);
}

TEST(Whiteness, of_an_estimate_is_that_of_the_residual_through_the_operator) {
  const auto blur = testing::load_operator("operators/convolution", {{"kernel", "gaussian"}});
  const Tensor x = at::rand({2, 1, 24, 24}, at::kDouble);
  const Tensor noise = at::randn({2, 1, 24, 24}, at::kDouble);
  const Tensor y = blur->apply(x) + noise;
  const Table expected = scores({{"y", noise}});
  const Table found = scores({{"y", y}, {"x", x}, {"A", {}, {}, blur}});
  for (std::size_t item = 0; item < 2; ++item)
    EXPECT_NEAR(found.reals("statistic")[item], expected.reals("statistic")[item], 1e-9);
  EXPECT_NEAR(scores({{"y", x + noise}, {"x", x}}).reals("rms")[0], expected.reals("rms")[0],
              1e-12);
}

TEST(Whiteness, measures_complex_noise_by_both_of_its_parts) {
  at::manual_seed(6);
  const Tensor noise = 0.3 * at::randn({1, 2, 64, 64}, at::kComplexDouble);  // |noise|^2: 0.09
  EXPECT_NEAR(scores({{"y", noise}}).reals("rms")[0],
              std::sqrt(noise.abs().square().mean().item<double>()), 1e-13);
  const Tensor ones = at::ones({1, 1, 64, 64});
  EXPECT_NEAR(scores({{"y", noise}, {"mask", ones}}).reals("rms")[0],
              std::sqrt(noise.abs().square().mean().item<double>()), 1e-13);
}

TEST(Whiteness, with_a_mask_equals_its_definition_over_measured_pairs) {
  const Tensor r = at::rand({7, 9}, at::kDouble), mask = (at::rand({7, 9}) < 0.6).to(at::kDouble);
  const double samples = mask.sum().item<double>();
  const Tensor centred = (r - (r * mask).sum() / samples) * mask;
  const auto v = centred.accessor<double, 2>(), m = mask.accessor<double, 2>();
  const double power = centred.square().sum().item<double>();
  double energy = 0, statistic = 0;
  for (int dy = -2; dy <= 2; ++dy)
    for (int dx = -2; dx <= 2; ++dx) {
      if (dy < 0 || (dy == 0 && dx <= 0)) continue;
      double sum = 0, pairs = 0;
      for (int y = 0; y + dy < 7; ++y)
        for (int x = 0; x < 9; ++x)
          if (x + dx >= 0 && x + dx < 9)
            sum += v[y][x] * v[y + dy][x + dx], pairs += m[y][x] * m[y + dy][x + dx];
      ASSERT_GT(pairs, 0);
      energy += sum * sum / (power * power);
      statistic += samples * samples * sum * sum / (power * power) / pairs / 12;
    }
  // What was not measured may hold anything.
  const Tensor y = at::where(mask == 1, r, at::full({}, NAN, at::kDouble)).view({1, 1, 7, 9});
  const Table table = scores({{"y", y}, {"mask", mask.view({1, 1, 7, 9})}}, {{"lags", 2}});
  EXPECT_NEAR(table.reals("energy")[0], energy, 1e-12);
  EXPECT_NEAR(table.reals("statistic")[0], statistic, 1e-11);
  EXPECT_NEAR(table.reals("rms")[0], std::sqrt((r * mask).square().sum().item<double>() / samples),
              1e-13);
}

TEST(Whiteness, of_noise_on_lines_of_k_space_needs_the_mask) {
  at::manual_seed(8);
  const Tensor line = (at::rand({64}) < 0.4).to(at::kFloat).view({1, 1, 64});
  const Tensor mask = line.expand({1, 64, 64}).contiguous().unsqueeze(0);
  const Tensor noise = 0.5 * at::randn({50, 2, 64, 64}, at::kComplexDouble) * mask;
  const Table blind = scores({{"y", noise}}), table = scores({{"y", noise}, {"mask", mask}});
  double mean = 0, rms = 0;
  for (std::size_t i = 0; i < 50; ++i) {
    mean += table.reals("statistic")[i] / 50;
    rms += table.reals("rms")[i] / 50;
  }
  // 60 lags of 4 channels.
  EXPECT_NEAR(mean, 1, 4 * std::sqrt(2.0 / 240 / 50));
  EXPECT_NEAR(rms, 0.5, 0.005);
  EXPECT_LT(blind.reals("rms")[0], 0.4);
}

TEST(Whiteness, takes_one_mask_for_all_items_or_one_for_each) {
  const Tensor y = at::rand({3, 2, 12, 13}, at::kDouble);
  const Tensor masks = (at::rand({3, 1, 12, 13}) < 0.7).to(at::kFloat);
  const Table each = scores({{"y", y}, {"mask", masks}});
  const Table one = scores({{"y", y}, {"mask", masks.narrow(0, 1, 1)}});
  ASSERT_EQ(each.rows(), 3);
  ASSERT_EQ(one.rows(), 3);
  for (std::size_t item = 0; item < 3; ++item)
    EXPECT_EQ(each.reals("statistic")[item] == one.reals("statistic")[item], item == 1) << item;
  EXPECT_EQ(scores({{"y", y.narrow(0, 0, 1)}, {"mask", masks}}).rows(), 3);
}

TEST(Whiteness, refuses_masks_that_do_not_fit) {
  const Tensor y = at::rand({1, 2, 9, 9});
  EXPECT_EQ(message_of<ShapeError>([&] {
              scores({{"y", y}, {"mask", at::ones({1, 1, 9, 1})}});
            }),
            "test.yaml:1:1: 'mask' must have the axes and shape of 'y', or the last of them, got "
            "chw 1x9x1 for chw 2x9x9");
  const Tensor corners = at::zeros({1, 1, 9, 9});
  corners[0][0][0][0] = 1;
  corners[0][0][8][8] = 1;
  EXPECT_THAT(message_of<Error>([&] {
                scores({{"y", y}, {"mask", corners}});
              }),
              ::testing::HasSubstr("'mask' leaves no two samples within 5 lags"));
}

TEST(Whiteness, of_no_items_is_an_empty_table) {
  EXPECT_EQ(scores({{"y", at::rand({0, 1, 9, 9})}}).rows(), 0);
  EXPECT_EQ(scores({{"y", at::rand({0, 1, 9, 9})}, {"x", at::rand({1, 1, 9, 9})}}).rows(), 0);
}

TEST(Whiteness, does_not_depend_on_the_items_beside_it) {
  const Tensor y = at::rand({3, 2, 20, 21});
  const Table together = scores({{"y", y}});
  for (int item = 0; item < 3; ++item)
    EXPECT_EQ(together.reals("statistic")[std::size_t(item)],
              scores({{"y", y.narrow(0, item, 1)}}).reals("statistic")[0]);
}

TEST(Whiteness, says_what_it_cannot_judge) {
  EXPECT_THAT(message_of<Error>([] {
                scores({{"y", at::full({1, 1, 9, 9}, 0.1f)}});
              }),
              ::testing::HasSubstr("the residual is constant, so that it has no autocorrelation"));
  EXPECT_EQ(
      message_of<ShapeError>([] {
        scores({{"y", at::rand({1, 1, 5, 9})}});
      }),
      "test.yaml:1:1: images must be at least 6 pixels wide and high, more than 5 lags inside "
      "a border of 0, got 1x5x9");
  EXPECT_EQ(message_of<ShapeError>([] {
              scores({{"y", at::rand({1, 1, 9, 9})}, {"x", at::rand({1, 1, 9, 8})}});
            }),
            "test.yaml:1:1: 'y' and 'x' must agree in axes and shape, got chw 1x9x9 and chw 1x9x8");
  const auto blur = testing::load_operator("operators/convolution", {{"kernel", "gaussian"}});
  EXPECT_EQ(message_of<ConfigError>([&] {
              scores({{"y", at::rand({1, 1, 9, 9})}, {"A", {}, {}, blur}});
            }),
            "test.yaml:1:1: 'A' needs 'x', what it is applied to; give it or leave 'A' out");
}

}  // namespace
}  // namespace pellucid
