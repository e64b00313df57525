// Direct deconvolution (inverse, Tikhonov, Wiener with spectra, tapered edges): what it must equal
// where matrices are small enough to be written down, its limits, and its messages.

#include <gtest/gtest.h>

#include <limits>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::message_of;
using testing::run_stage;
using testing::Settings;
using Blur = std::shared_ptr<const LinearOperator>;
using Sizes = std::vector<std::int64_t>;

constexpr Out<Tensor> kX{"x", ""};
constexpr double kInfinity = std::numeric_limits<double>::infinity();

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

/// A blur with a kernel (items or 1, channels or 1, sizes...), as it stands.
Blur blur(const Tensor& kernel, const char* boundary = "circular") {
  return testing::load_linear_operator(
      "operators/convolution",
      {{"boundary", boundary}, {"dimensions", int(kernel.dim() - 2)}, {"normalize", false}},
      {{"kernel", kernel}});
}

std::string axes_of(const Tensor& y) { return y.dim() == 5 ? "czyx" : "chw"; }

Tensor run(const std::string& use, const Tensor& y, const Blur& a, const Settings& settings = {},
           std::vector<testing::Given> more = {}) {
  more.insert(more.begin(), {{"y", y, axes_of(y)}, {"A", {}, {}, a}});
  return run_stage("deconvolution/" + use, settings, more)[kX];
}

/// The matrix of a linear map of images with these sizes: its columns are what it makes of points.
template <class Map>
Tensor matrix(const Sizes& sizes, Map map) {
  const std::int64_t count = c10::multiply_integers(sizes);
  Sizes shape{count, 1};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  return map(at::eye(count, at::kDouble).view(shape)).reshape({count, count}).t().contiguous();
}

Tensor matrix(const Blur& a, const Sizes& sizes) {
  return matrix(sizes, [&](const Tensor& points) { return a->forward(points); });
}

/// The periodic Laplacian, by differences of neighbours.
Tensor laplacian(const Sizes& sizes) {
  return matrix(sizes, [](const Tensor& x) {
    Tensor sum = at::zeros_like(x);
    for (std::int64_t axis = 2; axis < x.dim(); ++axis)
      sum += 2 * x - x.roll({1}, {axis}) - x.roll({-1}, {axis});
    return sum;
  });
}

/// A kernel without symmetry that has an inverse, on 2 or 3 axes.
Tensor kernel(std::size_t axes, bool peaked = true) {
  const Tensor k = at::rand(axes == 2 ? Sizes{1, 1, 5, 4} : Sizes{1, 1, 3, 4, 3}, at::kDouble);
  Tensor whole = 0.3 * k / k.sum();
  Tensor middle = whole[0][0];
  for (std::size_t a = 0; a < axes; ++a) middle = middle[middle.size(0) / 2];
  if (peaked) middle += 0.7;
  return whole;
}

Tensor images(const Sizes& sizes) {
  Sizes shape{2, 1};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  return at::rand(shape, at::kDouble);
}

/// What a matrix makes of each item.
Tensor times(const Tensor& m, const Tensor& y) {
  return at::matmul(y.flatten(1), m.t()).view(y.sizes());
}

const std::vector<Sizes> kSizes{{16, 16}, {8, 8, 8}, {15, 14}};

TEST(Inverse, equals_the_inverse_matrix) {
  for (const Sizes& sizes : kSizes) {
    const Blur a = blur(kernel(sizes.size()));
    const Tensor y = images(sizes);
    EXPECT_LT(difference(run("inverse", y, a, {{"threshold", 0.0}}),
                         times(at::linalg_inv(matrix(a, sizes)), y)),
              1e-10);
  }
}

TEST(Inverse, leaves_out_what_the_blur_took_away) {
  // Circulant, so the absolute values of its eigenvalues are singular values: what is below the
  // threshold has no part in the pseudo-inverse.
  for (const Sizes& sizes : {Sizes{16, 16}, {15, 14}, {6, 6, 6}}) {
    const Blur a = blur(kernel(sizes.size(), /*peaked=*/false));
    const Tensor y = images(sizes), m = matrix(a, sizes);
    const double threshold = 0.2;
    const Tensor expected = times(at::linalg_pinv(m, threshold), y);
    EXPECT_LT(difference(run("inverse", y, a, {{"threshold", threshold}}), expected), 1e-10);
    const Tensor all = times(at::linalg_pinv(m, 1e-9), y);
    EXPECT_GT(difference(expected, all), 1e-3);
  }
}

TEST(Tikhonov, equals_the_normal_equations) {
  for (const Sizes& sizes : kSizes)
    for (const char* penalty : {"identity", "laplacian"}) {
      const Blur a = blur(kernel(sizes.size(), /*peaked=*/false));
      const Tensor y = images(sizes), m = matrix(a, sizes);
      const Tensor l =
          std::string(penalty) == "identity" ? at::eye(m.size(0), at::kDouble) : laplacian(sizes);
      const double weight = 0.07;
      const Tensor solution =
          at::linalg_solve(m.t().mm(m) + weight * l.t().mm(l), m.t().mm(y.flatten(1).t()));
      EXPECT_LT(difference(run("tikhonov", y, a, {{"weight", weight}, {"penalty", penalty}}),
                           solution.t().reshape(y.sizes())),
                1e-10)
          << penalty << " " << shape_text(sizes);
    }
}

TEST(Tikhonov, is_the_inverse_without_a_weight) {
  for (const Sizes& sizes : kSizes) {
    const Blur a = blur(kernel(sizes.size()));
    const Tensor y = images(sizes);
    EXPECT_LT(difference(run("tikhonov", y, a, {{"weight", 0.0}}),
                         run("inverse", y, a, {{"threshold", 0.0}})),
              1e-12);
  }
}

TEST(Tikhonov, solves_on_the_extended_grid_where_the_blur_reflects) {
  // The grid is reflected by hand; a circular blur on it is what is inverted.
  const Tensor k = kernel(2);
  const Tensor y = at::rand({1, 1, 11, 14}, at::kDouble);
  const std::int64_t h = 16, w = 18;  // of 11 + 5 and 14 + 4: even, products of small primes
  const std::int64_t top = (h - 11) / 2, left = (w - 14) / 2;
  const Tensor grown = at::reflection_pad2d(y, {left, w - 14 - left, top, h - 11 - top});
  const Tensor there = run("tikhonov", grown, blur(k), {{"weight", 0.1}});
  EXPECT_LT(difference(run("tikhonov", y, blur(k, "reflect"), {{"weight", 0.1}}),
                       there.narrow(2, top, 11).narrow(3, left, 14)),
            1e-12);
}

TEST(Direct, gives_the_data_where_nothing_was_blurred) {
  for (const Sizes& sizes : kSizes) {
    Tensor delta =
        at::zeros(sizes.size() == 2 ? Sizes{1, 1, 3, 3} : Sizes{1, 1, 3, 3, 3}, at::kDouble);
    delta.flatten()[delta.numel() / 2].fill_(1);
    for (const char* boundary : {"circular", "reflect"}) {
      const Blur a = blur(delta, boundary);
      const Tensor y = images(sizes);
      EXPECT_LT(difference(run("inverse", y, a), y), 1e-14);
      EXPECT_LT(difference(run("tikhonov", y, a, {{"weight", 0.0}}), y), 1e-14);
      EXPECT_LT(difference(run("tikhonov", y, a, {{"weight", 1e-9}}), y), 1e-6);
      EXPECT_LT(difference(run("wiener", y, a, {{"noise", 0.0}}), y), 1e-12);
    }
  }
}

TEST(Direct, computes_in_the_precision_of_the_images_and_each_item_alike) {
  const Tensor kernels = at::rand({3, 2, 3, 5}, at::kDouble);
  const Tensor y = at::rand({3, 2, 21, 26}, at::kDouble);
  for (const auto& [use, settings] :
       std::vector<std::pair<std::string, Settings>>{{"inverse", {{"threshold", 0.1}}},
                                                     {"tikhonov", {{"weight", 0.1}}},
                                                     {"edge_taper", {}}}) {
    const Tensor all = run(use, y.to(at::kFloat), blur(kernels), settings);
    EXPECT_EQ(all.scalar_type(), at::kFloat);
    EXPECT_LT(difference(run(use, y, blur(kernels), settings), all), 1e-4) << use;
    for (int item = 0; item < 3; ++item)
      EXPECT_TRUE(
          at::equal(all.narrow(0, item, 1), run(use, y.to(at::kFloat).narrow(0, item, 1),
                                                blur(kernels.narrow(0, item, 1)), settings)))
          << use;
    for (int channel = 0; channel < 2; ++channel)
      EXPECT_LT(difference(run(use, y.narrow(1, channel, 1), blur(kernels.narrow(1, channel, 1)),
                               settings),
                           run(use, y, blur(kernels), settings).narrow(1, channel, 1)),
                1e-12)
          << use;
  }
}

// ---- Wiener with spectra ----

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

// ---- Edges ----

TEST(EdgeTaper, blends_with_the_blur_as_far_as_the_kernel_correlates_with_itself) {
  const Tensor k = at::rand({1, 1, 3, 4}, at::kDouble);
  const Tensor y = at::rand({1, 1, 12, 10}, at::kDouble);
  const Tensor x = run("edge_taper", y, blur(k));
  const Tensor blurred = blur(k / k.sum())->forward(y);
  const auto weight = [&](int axis, int size, int i) {
    const Tensor p = k[0][0].sum(1 - axis);
    const auto r = [&](int shift) {
      double sum = 0;
      for (int m = 0; m + shift < p.size(0); ++m) sum += (p[m] * p[m + shift]).item<double>();
      return sum;
    };
    return 1 - (r(i) + r(size - 1 - i)) / r(0);
  };
  for (int i = 0; i < 12; ++i)
    for (int j = 0; j < 10; ++j) {
      const double w = weight(0, 12, i) * weight(1, 10, j);
      const double expected =
          w * y[0][0][i][j].item<double>() + (1 - w) * blurred[0][0][i][j].item<double>();
      EXPECT_NEAR(x[0][0][i][j].item<double>(), expected, 1e-14) << i << ", " << j;
    }
  EXPECT_LT(difference(x.narrow(2, 3, 6).narrow(3, 4, 2), y.narrow(2, 3, 6).narrow(3, 4, 2)),
            1e-14);
}

TEST(EdgeTaper, quietens_a_circular_inverse_of_a_scene_that_is_not) {
  const Tensor ramp = at::linspace(0, 1, 48, at::kDouble);
  const Tensor scene = (ramp.unsqueeze(1) + 0.5 * ramp).view({1, 1, 48, 48});
  const Settings soft{{"kernel", Value::map({{"gaussian", Value::map({{"std", 1.5}})}})},
                      {"boundary", "reflect"}};
  Settings wrapped = soft;
  wrapped[1] = {"boundary", "circular"};
  const Tensor y = testing::load_linear_operator("operators/convolution", soft)->forward(scene);
  const Blur a = testing::load_linear_operator("operators/convolution", wrapped);
  const Settings settings{{"weight", 1e-3}, {"penalty", "identity"}};
  const auto error = [&](const Tensor& x) {
    return (x - scene).narrow(2, 8, 32).narrow(3, 8, 32).norm().item<double>();
  };
  EXPECT_LT(error(run("tikhonov", run("edge_taper", y, a), a, settings)),
            0.5 * error(run("tikhonov", y, a, settings)));
}

TEST(EdgeTaper, takes_volumes_and_refuses_other_boundaries_and_kernels_without_a_sum) {
  const Tensor k = at::rand({1, 1, 3, 3, 3}, at::kDouble), y = images({8, 7, 9});
  const Tensor x = run("edge_taper", y, blur(k));
  EXPECT_LT(difference(x.narrow(2, 3, 2).narrow(3, 3, 1).narrow(4, 3, 3),
                       y.narrow(2, 3, 2).narrow(3, 3, 1).narrow(4, 3, 3)),
            1e-14);
  const Tensor corner = blur(k / k.sum())->forward(y);
  EXPECT_LT(difference(x.select(2, 0), corner.select(2, 0)), 1e-14);
  const Tensor image = images({8, 8});
  EXPECT_NE(message_of<ConfigError>([&] {
              run("edge_taper", image, blur(kernel(2), "reflect"));
            }).find("the boundary of the blur must be circular, got reflect"),
            std::string::npos);
  EXPECT_NE(message_of<Error>([&] {
              run("edge_taper", image, blur(at::tensor({1.0, -1.0}).view({1, 1, 1, 2})));
            }).find("the kernel of item 0 sums to 0"),
            std::string::npos);
}

// ---- What cannot be done ----

TEST(Direct, says_what_it_cannot_use) {
  for (const auto& [use, settings] : std::vector<std::pair<std::string, Settings>>{
           {"inverse", {}}, {"tikhonov", {{"weight", 0.1}}}, {"wiener", {{"noise", 0.1}}}}) {
    const auto message = [&, &use = use, &settings = settings](const Tensor& y, const Blur& a) {
      return message_of<Error>([&] { run(use, y, a, settings); });
    };
    const Tensor y = images({16, 16});
    EXPECT_NE(message(y, blur(kernel(2), "zero"))
                  .find("the boundary of the blur must be circular or reflect, got zero"),
              std::string::npos)
        << use;
    EXPECT_NE(message(y, blur(at::ones({1, 1, 17, 3})))
                  .find("the kernel of a circular blur must not be larger than the images, got "
                        "17x3 for images of 16x16"),
              std::string::npos)
        << use;
    EXPECT_NE(message(y, blur(kernel(3))).find("zyx"), std::string::npos) << use;
    EXPECT_NE(message(y.to(at::kComplexDouble), blur(kernel(2))).find("float"), std::string::npos)
        << use;
    EXPECT_EQ(message(y, blur(at::zeros({1, 1, 3, 3}))),
              "test.yaml:1:1: the kernel of item 0 is 0 everywhere, so 'y' says nothing of 'x'; "
              "give another "
              "kernel to 'A'");
    EXPECT_EQ(message(y, blur(at::full({1, 1, 3, 3}, kInfinity))),
              "test.yaml:1:1: the kernel of item 0 must be finite, found inf or nan");
    for (const double bad : {kInfinity, std::numeric_limits<double>::quiet_NaN()}) {
      Tensor broken = y.clone();
      broken[1][0][3][4] = bad;
      EXPECT_EQ(message(broken, blur(kernel(2))),
                "test.yaml:1:1: 'y' must be finite, found inf or nan in item 1");
    }
  }
}

TEST(Direct, gives_zeros_for_zeros) {
  const Blur a = blur(kernel(2));
  const Tensor y = at::zeros({1, 1, 9, 9}, at::kDouble);
  for (const auto& [use, settings] : std::vector<std::pair<std::string, Settings>>{
           {"inverse", {}}, {"tikhonov", {{"weight", 0.1}}}, {"wiener", {{"noise", 0.1}}}}) {
    EXPECT_EQ(run(use, y, a, settings).abs().max().item<double>(), 0) << use;
  }
}

}  // namespace
}  // namespace pellucid
