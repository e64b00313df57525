// PSNR, SSIM and the others: closed forms, a direct evaluation of the definition, numbers of other
// programs, and the messages.

#include <gmock/gmock.h>

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

/// A smooth picture and one that differs from it, by formula, so that other programs can make them.
struct Pair {
  Tensor reference, x;
};

Pair by_formula() {
  const Tensor i = at::arange(40, at::kDouble).unsqueeze(1), j = at::arange(36, at::kDouble);
  const Tensor r = 0.5 + 0.3 * at::sin(0.31 * i + 0.02 * j * j / 3) * at::cos(0.17 * j);
  const Tensor x = r + 0.1 * at::sin(1.7 * i + 2.3 * j) + 0.02;
  return {r.unsqueeze(0).unsqueeze(0), x.unsqueeze(0).unsqueeze(0)};
}

Value names(const std::vector<std::string>& all) {
  std::vector<Value> items(all.begin(), all.end());
  return Value::list(items);
}

/// One metric of whole images.
double score(const std::string& metric, const Tensor& x, const Tensor& reference,
             Settings settings = {}, const std::string& axes = "chw") {
  settings.push_back({"metrics", names({metric})});
  settings.push_back({"border", 0});
  return scores(x, reference, settings, axes).reals(metric)[0];
}

TEST(Quality, agrees_with_scikit_image) {
  // skimage.metrics 0.26: peak_signal_noise_ratio(r, x, data_range=1), structural_similarity(r, x,
  // data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=True),
  // normalized_root_mse(r, x, normalization='euclidean' | 'min-max' | 'mean').
  const auto [r, x] = by_formula();
  EXPECT_NEAR(score("psnr", x, r), 22.67723209163043, 1e-10);
  EXPECT_NEAR(score("ssim", x, r), 0.6780003960564683, 1e-12);
  EXPECT_NEAR(score("nrmse", x, r), 0.14074449128013994, 1e-13);
  EXPECT_NEAR(score("nrmse", x, r, {{"normalization", "range"}}), 0.12259050305295772, 1e-13);
  EXPECT_NEAR(score("nrmse", x, r, {{"normalization", "mean"}}), 0.14678592749624994, 1e-13);

  const Tensor k = at::arange(13, at::kDouble).view({13, 1, 1});
  const Tensor i = at::arange(14, at::kDouble).view({14, 1}), j = at::arange(12, at::kDouble);
  const Tensor volume = 0.5 + 0.3 * at::sin(0.31 * i + 0.4 * k) * at::cos(0.17 * j);
  const Tensor other = volume + 0.1 * at::sin(1.7 * i + 2.3 * j + k) + 0.02;
  EXPECT_NEAR(score("ssim", other.view({1, 1, 13, 14, 12}), volume.view({1, 1, 13, 14, 12}),
                    {{"dimensions", 3}}, "czyx"),
              0.7334179958407568, 1e-12);
}

TEST(Quality, at_five_scales_agrees_with_another_program) {
  // pytorch_msssim 1.0.0: ms_ssim(x, r, data_range=1), float64, its window in float32.
  const Tensor i = at::arange(176, at::kDouble).unsqueeze(1), j = at::arange(192, at::kDouble);
  const Tensor r = 0.5 + 0.3 * at::sin(0.11 * i + 0.004 * j * j / 3) * at::cos(0.07 * j);
  const Tensor x = r + 0.1 * at::sin(1.7 * i + 2.3 * j) + 0.02 + 0.05 * at::sin(0.3 * i);
  const double found = score("ms_ssim", x.view({1, 1, 176, 192}), r.view({1, 1, 176, 192}));
  EXPECT_NEAR(found, 0.9255133603234945, 1e-6);
  EXPECT_NEAR(score("ms_ssim", r.view({1, 1, 176, 192}), r.view({1, 1, 176, 192})), 1, 1e-12);
  // A negative picture has no structure in common, and the power of that is not a number.
  EXPECT_EQ(score("ms_ssim", (1 - r).view({1, 1, 176, 192}), r.view({1, 1, 176, 192})), 0);
}

TEST(Quality, at_five_scales_drops_a_last_odd_row) {
  const Tensor r = at::rand({1, 1, 177, 176}, at::kDouble);
  const Tensor x = r + 0.1 * at::randn_like(r);
  // The first scale sees the row, so the scores differ a little; they must not differ much.
  EXPECT_NEAR(score("ms_ssim", x, r), score("ms_ssim", x.narrow(2, 0, 176), r.narrow(2, 0, 176)),
              1e-2);
}

TEST(Quality, of_a_known_error_is_what_the_formulas_say) {
  const Tensor r = at::full({1, 2, 4, 5}, 3.0, at::kDouble);
  const Tensor x = r.clone();
  x.select(1, 0).add_(0.5);
  EXPECT_NEAR(score("mae", x, r), 0.25, 1e-14);
  EXPECT_NEAR(score("snr", x, r), 10 * std::log10(9 / 0.125), 1e-12);
  EXPECT_NEAR(score("nrmse", x, r), std::sqrt(0.125) / 3, 1e-14);
  EXPECT_TRUE(std::isinf(score("snr", r, r)));
}

TEST(Quality, gives_the_columns_that_were_asked_for_in_their_order) {
  const auto [r, x] = by_formula();
  const Table table = scores(x, r, {{"metrics", names({"mae", "snr", "psnr"})}});
  ASSERT_EQ(table.columns().size(), 3u);
  EXPECT_EQ(table.columns()[0].name, "mae");
  EXPECT_EQ(table.columns()[1].name, "snr");
  EXPECT_EQ(table.columns()[1].unit, "dB");
  EXPECT_EQ(table.columns()[2].name, "psnr");
  EXPECT_EQ(message_of<ConfigError>([] {
              testing::load_component("metrics/quality", {{"metrics", names({"mae", "mae"})}});
            }),
            "test.yaml:1:1: 'metrics' has 'mae' twice; leave one out");
}

TEST(Quality, clips_where_it_is_told_to) {
  const Tensor r = at::ones({1, 1, 30, 30}, at::kDouble);
  EXPECT_NEAR(psnr(scores(r + 1, r)), 0, 1e-12);
  EXPECT_TRUE(std::isinf(psnr(scores(r + 1, r, {{"clip", true}}))));
  EXPECT_NEAR(psnr(scores(r + 3, 0 * r, {{"clip", true}, {"range", 2.0}})), 0, 1e-12);
}

TEST(Quality, of_complex_images_is_that_of_their_magnitudes_or_refused) {
  const Tensor r = at::rand({1, 1, 12, 12}, at::kDouble) + 0.1;
  const Tensor turned = at::complex(at::zeros_like(r), r + 0.1);
  EXPECT_NEAR(score("mae", turned, r, {{"magnitude", true}}), 0.1, 1e-13);
  EXPECT_EQ(message_of<ShapeError>([&] { score("mae", turned, r); }),
            "test.yaml:1:1: complex values cannot be judged, got complex128; set magnitude: true "
            "to compare magnitudes");
}

TEST(Quality, has_no_value_where_it_would_divide_by_zero) {
  const Tensor zero = at::zeros({1, 1, 4, 4}, at::kDouble);
  EXPECT_THAT(message_of<Error>([&] { score("snr", zero, zero); }),
              ::testing::HasSubstr("'snr' has no value where the reference is 0 everywhere"));
  EXPECT_THAT(message_of<Error>([&] { score("nrmse", zero, zero); }),
              ::testing::HasSubstr("or its mean, is 0; choose another 'normalization'"));
  EXPECT_THAT(message_of<Error>([&] {
                score("nrmse", zero, zero + 1, {{"normalization", "range"}});
              }),
              ::testing::HasSubstr("where the reference is constant"));
}

TEST(Quality, does_not_depend_on_the_items_beside_it) {
  const Tensor r = at::rand({3, 2, 30, 33});
  const Tensor x = r + 0.1 * at::randn_like(r);
  const Settings all{{"metrics", names({"psnr", "ssim", "nrmse", "mae", "snr"})}};
  const Table together = scores(x, r, all);
  for (int item = 0; item < 3; ++item) {
    const Table alone = scores(x.narrow(0, item, 1), r.narrow(0, item, 1), all);
    for (std::int64_t column = 0; column < 5; ++column)
      EXPECT_EQ(together.cell(item, column), alone.cell(0, column)) << column;
  }
}

TEST(Quality, of_one_pixel_needs_no_window) {
  const Tensor r = at::full({1, 1, 1, 1}, 2.0, at::kDouble);
  EXPECT_NEAR(score("mae", r + 1, r), 1, 1e-15);
  EXPECT_EQ(message_of<ShapeError>([&] { score("ms_ssim", r, r); }),
            "test.yaml:1:1: images must be at least 176 pixels wide and high, five scales of a "
            "window of 11 inside a border of 0, got 1x1x1");
  EXPECT_EQ(message_of<ShapeError>([] {
              score("mae", at::rand({1, 0, 4, 4}), at::rand({1, 0, 4, 4}));
            }),
            "test.yaml:1:1: images must have at least one sample, got chw 0x4x4");
}

TEST(Quality, of_no_items_is_an_empty_table) {
  const Tensor none = at::rand({0, 1, 30, 30}), one = at::rand({1, 1, 30, 30});
  EXPECT_EQ(scores(none, one).rows(), 0);
  EXPECT_EQ(scores(one, none).rows(), 0);
  EXPECT_EQ(scores(none, none).rows(), 0);
}

TEST(Quality, asks_for_the_range_of_values_with_a_unit) {
  const auto plan = [](const char* unit, const Settings& settings) {
    Inputs in;
    Spec image;
    image.axes = "chw";
    image.shape = {1, 30, 30};
    image.unit = unit;
    in.add({"x", image, {}, nullptr});
    in.add({"reference", image, {}, nullptr});
    const auto quality = testing::load_component("metrics/quality", settings);
    Specs out;
    return message_of<ConfigError>([&] { dynamic_cast<const Worker&>(*quality).infer(in, out); });
  };
  EXPECT_EQ(plan("photon", {}),
            "'range' must be given for values in [photon], e.g. range: 255 for counts of 8 bits");
  EXPECT_EQ(plan("photon", {{"range", 4095.0}}), "no error");
  EXPECT_EQ(plan("photon", {{"metrics", names({"nrmse", "mae", "snr"})}}), "no error");
  EXPECT_NE(plan("photon", {{"metrics", names({"mae"})}, {"clip", true}}), "no error");
  EXPECT_EQ(plan("1", {}), "no error");
  EXPECT_EQ(plan("", {}), "no error");
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
    const auto quality = testing::load_component("metrics/quality", {{"range", 1.0}});
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
