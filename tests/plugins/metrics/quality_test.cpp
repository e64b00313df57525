// PSNR and SSIM: closed forms, a direct evaluation of the definition, and the messages.

#include <gtest/gtest.h>

#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::message_of;
using testing::Settings;

constexpr Out<Table> kScores{"scores", ""};

Table scores(const Tensor& x, const Tensor& reference, const Settings& settings = {},
             const std::string& axes = "chw") {
  const Outputs out = testing::run_stage("metrics/quality", settings,
                                         {{"x", x, axes}, {"reference", reference, axes}});
  return out[kScores];
}

double psnr(const Table& table) { return table.reals("psnr")[0]; }
double ssim(const Table& table) { return table.reals("ssim")[0]; }

/// SSIM of one plane, window by window.
double ssim_by_definition(const Tensor& x, const Tensor& r) {
  double weights[11][11], total = 0;
  for (int i = 0; i < 11; ++i)
    for (int j = 0; j < 11; ++j)
      total += weights[i][j] = std::exp(-((i - 5) * (i - 5) + (j - 5) * (j - 5)) / (2 * 1.5 * 1.5));
  const auto a = x.accessor<double, 2>(), b = r.accessor<double, 2>();
  double sum = 0;
  const std::int64_t rows = x.size(0) - 10, columns = x.size(1) - 10;
  for (std::int64_t y = 0; y < rows; ++y)
    for (std::int64_t c = 0; c < columns; ++c) {
      double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
      for (int i = 0; i < 11; ++i)
        for (int j = 0; j < 11; ++j) {
          const double w = weights[i][j] / total, p = a[y + i][c + j], q = b[y + i][c + j];
          ma += w * p, mb += w * q, aa += w * p * p, bb += w * q * q, ab += w * p * q;
        }
      const double va = 121.0 / 120 * (aa - ma * ma), vb = 121.0 / 120 * (bb - mb * mb);
      const double cab = 121.0 / 120 * (ab - ma * mb), c1 = 1e-4, c2 = 9e-4;
      sum += (2 * ma * mb + c1) * (2 * cab + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
    }
  return sum / double(rows * columns);
}

TEST(Quality, of_a_constant_error_is_its_logarithm) {
  const Tensor x = at::rand({1, 3, 30, 40}, at::kDouble);
  EXPECT_NEAR(psnr(scores(x + 0.1, x)), 20, 1e-10);
  EXPECT_NEAR(psnr(scores(x + 0.1, x, {{"range", 10.0}})), 40, 1e-10);
}

TEST(Quality, of_equal_images_is_infinite_and_one) {
  const Tensor x = at::rand({1, 1, 30, 30}, at::kDouble);
  const Table table = scores(x, x);
  EXPECT_TRUE(std::isinf(psnr(table)));
  EXPECT_NEAR(ssim(table), 1, 1e-12);
}

TEST(Quality, equals_its_definition_inside_the_border) {
  const Tensor r = at::rand({1, 2, 27, 31}, at::kDouble);
  const Tensor x = r + 0.1 * at::randn_like(r);
  for (const int border : {0, 3}) {
    const auto inner = [&](const Tensor& image, int c) {
      return image[0][c]
          .narrow(0, border, 27 - 2 * border)
          .narrow(1, border, 31 - 2 * border)
          .contiguous();
    };
    const Table table = scores(x, r, {{"border", border}});
    double expected = 0, mse = 0;
    for (int c = 0; c < 2; ++c) {
      expected += ssim_by_definition(inner(x, c), inner(r, c)) / 2;
      mse += (inner(x, c) - inner(r, c)).square().mean().item<double>() / 2;
    }
    EXPECT_NEAR(ssim(table), expected, 1e-12);
    EXPECT_NEAR(psnr(table), -10 * std::log10(mse), 1e-10);
  }
}

TEST(Quality, leaves_the_border_out) {
  const Tensor r = at::rand({1, 1, 40, 40}, at::kDouble);
  Tensor x = r + 0.05;
  x.narrow(2, 0, 5).fill_(7);
  x.narrow(3, 35, 5).fill_(-7);
  EXPECT_NEAR(psnr(scores(x, r)), -20 * std::log10(0.05), 1e-10);
}

TEST(Quality, gives_a_row_for_each_item_and_one_reference_serves_all) {
  const Tensor r = at::rand({1, 1, 30, 30}, at::kDouble);
  const Tensor x = at::cat({r + 0.1, r + 0.01, r + 0.001});
  const Table table = scores(x, r);
  ASSERT_EQ(table.rows(), 3);
  for (int item = 0; item < 3; ++item) {
    EXPECT_EQ(table.item(item), item);
    EXPECT_NEAR(table.reals("psnr")[std::size_t(item)], 20.0 * (item + 1), 1e-9);
  }
  EXPECT_EQ(table.columns()[0].unit, "dB");
  EXPECT_EQ(table.columns()[1].unit, "1");
}

TEST(Quality, judges_volumes_slice_by_slice) {
  const Tensor r = at::rand({1, 1, 3, 30, 30}, at::kDouble);
  EXPECT_NEAR(psnr(scores(r + 0.1, r, {}, "czyx")), 20, 1e-10);
}

TEST(Quality, never_clips) {
  const Tensor r = at::ones({1, 1, 30, 30}, at::kDouble);
  EXPECT_NEAR(psnr(scores(r + 1, r)), 0, 1e-12);
}

TEST(Quality, refuses_a_reference_of_another_unit) {
  Spec image;
  image.axes = "chw";
  image.shape = {1, 30, 30};
  const auto plan = [image](const char* unit, const char* wanted) {
    Inputs in;
    Spec x = image, reference = image;
    x.unit = unit;
    reference.unit = wanted;
    in.add({"x", x, {}, nullptr});
    in.add({"reference", reference, {}, nullptr});
    const auto quality = testing::load_component("metrics/quality");
    Specs out;
    return message_of<ShapeError>([&] { dynamic_cast<const Worker&>(*quality).infer(in, out); });
  };
  EXPECT_EQ(plan("photon", "1"),
            "'x' and 'reference' must have the same unit, got [photon] and [1]");
  EXPECT_EQ(plan("", "1"), "no error");
  EXPECT_EQ(plan("photon", "photon"), "no error");
}

TEST(Quality, refuses_other_shapes_and_images_without_room_for_a_window) {
  EXPECT_EQ(message_of<ShapeError>([] {
              scores(at::rand({1, 3, 30, 30}), at::rand({1, 1, 30, 30}));
            }),
            "test.yaml:1:1: 'x' and 'reference' must agree in axes and shape, got chw 3x30x30 and "
            "chw 1x30x30");
  EXPECT_EQ(
      message_of<ShapeError>([] {
        scores(at::rand({1, 1, 30, 20}), at::rand({1, 1, 30, 20}));
      }),
      "test.yaml:1:1: images must be at least 21 pixels wide and high, a window of 11 inside a "
      "border of 5, got 1x30x20");
  EXPECT_EQ(message_of<ConfigError>([] {
              scores(at::rand({1, 1, 30, 30}), at::rand({1, 1, 30, 30}), {{"range", 0.0}});
            }),
            "test.yaml:1:1: 'range' must be > 0, got 0");
}

}  // namespace
}  // namespace pellucid
