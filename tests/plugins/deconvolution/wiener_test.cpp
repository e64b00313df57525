// Wiener deconvolution: what it must equal where that is known, and its messages.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::message_of;
using testing::run_stage;
using testing::Settings;

constexpr Out<Tensor> kX{"x", ""};

Value gaussian(double std) { return Value::map({{"gaussian", Value::map({{"std", std}})}}); }

std::shared_ptr<const LinearOperator> blur(Settings settings) {
  return testing::load_linear_operator("operators/convolution", settings);
}

Tensor restored(const Tensor& y, const std::shared_ptr<const LinearOperator>& a,
                const Settings& settings, const std::string& axes = "chw") {
  const Outputs out =
      run_stage("deconvolution/wiener", settings, {{"y", y, axes}, {"A", {}, {}, a}});
  return out[kX];
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

/// Smooth items with a mean, so that both boundaries suit them.
Tensor scene(std::int64_t h, std::int64_t w) {
  const Tensor y = at::arange(h, at::kDouble).unsqueeze(1) * (6.283185307179586 / double(h));
  const Tensor x = at::arange(w, at::kDouble) * (6.283185307179586 / double(w));
  return (0.5 + 0.2 * at::cos(y) * at::sin(2 * x) + 0.1 * at::cos(3 * y + x)).view({1, 1, h, w});
}

TEST(Wiener, undoes_a_circular_blur_without_noise) {
  const auto a = blur({{"kernel", gaussian(1.0)}, {"boundary", "circular"}});
  const Tensor x = scene(24, 30);
  EXPECT_LT(difference(restored(a->forward(x), a, {{"noise", 0.0}}), x), 1e-9);
}

TEST(Wiener, keeps_the_mean_of_each_item_and_channel) {
  for (const char* boundary : {"circular", "reflect"}) {
    const auto a = blur({{"kernel", gaussian(1.5)}, {"boundary", boundary}});
    const Tensor y = at::rand({3, 2, 20, 17}, at::kDouble) + at::arange(6).view({3, 2, 1, 1});
    const Tensor x = restored(y, a, {{"noise", 1e3}});  // so much that nothing but the mean is left
    EXPECT_LT(difference(x.mean({2, 3}), y.mean({2, 3})), 1e-2) << boundary;
    EXPECT_LT((x - x.mean({2, 3}, true)).abs().max().item<double>(), 0.2) << boundary;
  }
}

TEST(Wiener, divides_the_mean_by_the_sum_of_the_kernel) {
  const Settings half{{"kernel", gaussian(1.0)}, {"boundary", "circular"}, {"normalize", false}};
  const auto a = blur(half);
  const double sum = dynamic_cast<const ConvolutionOperator&>(*a).kernel().sum().item<double>();
  const Tensor y = at::full({1, 1, 9, 9}, 3.0, at::kDouble);
  EXPECT_LT(difference(restored(y, a, {{"noise", 0.1}}), y / sum), 1e-12);
}

TEST(Wiener, equals_its_formula_for_a_circular_blur) {
  const auto a = blur({{"kernel", gaussian(2.0)}, {"boundary", "circular"}});
  const std::int64_t h = 18, w = 15;
  const Tensor y =
      a->forward(at::rand({1, 1, h, w}, at::kDouble)) + 0.02 * at::randn({1, 1, h, w}, at::kDouble);
  const double sigma = 0.02, p = 1.7;

  // The whole spectrum in complex arithmetic by libtorch.
  const Tensor kernel = dynamic_cast<const ConvolutionOperator&>(*a).kernel()[0][0];
  Tensor grid = at::zeros({h, w}, at::kDouble);
  for (std::int64_t i = 0; i < kernel.size(0); ++i)
    for (std::int64_t j = 0; j < kernel.size(1); ++j)
      grid[(i - kernel.size(0) / 2 + 2 * h) % h][(j - kernel.size(1) / 2 + 2 * w) % w] +=
          kernel[i][j];
  const Tensor response = at::fft_fft2(grid);
  const Tensor mean = y.mean();
  const Tensor measured = at::fft_fft2((y - mean)[0][0]);
  const Tensor f2 = at::fft_fftfreq(h, 1.0, at::TensorOptions(at::kDouble)).unsqueeze(1).square() +
                    at::fft_fftfreq(w, 1.0, at::TensorOptions(at::kDouble)).square();
  const Tensor shape = at::pow(f2 + 1.0 / double(h * w), -p / 2);
  const double noise = double(h * w) * sigma * sigma;
  const double c = ((measured.abs().square().sum() - double(h * w) * noise) /
                    (shape * response.abs().square()).sum())
                       .item<double>();
  const Tensor spectrum =
      at::conj(response) * measured / (response.abs().square() + noise / (c * shape));
  const Tensor expected = at::real(at::fft_ifft2(spectrum)) + mean;

  const Value law = Value::map({{"power_law", Value::map({{"exponent", p}})}});
  EXPECT_LT(difference(restored(y, a, {{"noise", sigma}, {"signal", law}})[0][0], expected), 1e-11);
}

TEST(Wiener, is_better_than_what_was_measured) {
  const Tensor x = scene(64, 48);
  for (const char* boundary : {"circular", "reflect"}) {
    const auto a = blur({{"kernel", gaussian(3.0)}, {"boundary", boundary}});
    const Tensor y = a->forward(x) + 0.02 * at::randn(x.sizes(), at::kDouble);
    const Tensor estimate = restored(y, a, {{"noise", 0.02}});
    EXPECT_LT((estimate - x).norm().item<double>(), 0.5 * (y - x).norm().item<double>())
        << boundary;
  }
}

TEST(Wiener, computes_in_the_precision_of_the_images) {
  const auto a = blur({{"kernel", gaussian(1.5)}});
  const Tensor y = at::rand({1, 3, 33, 20}, at::kDouble);
  const Tensor exact = restored(y, a, {{"noise", 0.05}});
  const Tensor rounded = restored(y.to(at::kFloat), a, {{"noise", 0.05}});
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_LT(difference(exact, rounded), 2e-5);
}

TEST(Wiener, restores_an_item_alike_in_every_batch) {
  const auto a = blur({{"kernel", gaussian(1.5)}});
  const Tensor y = at::rand({4, 3, 21, 26});
  const Tensor all = restored(y, a, {{"noise", 0.05}});
  EXPECT_TRUE(at::equal(all.narrow(0, 2, 1), restored(y.narrow(0, 2, 1), a, {{"noise", 0.05}})));
}

TEST(Wiener, restores_volumes) {
  const auto a = blur({{"kernel", gaussian(1.0)}, {"dimensions", 3}, {"boundary", "circular"}});
  const Tensor x = at::rand({1, 1, 9, 10, 11}, at::kDouble);
  EXPECT_LT(difference(restored(a->forward(x), a, {{"noise", 0.0}, {"signal", "flat"}}, "czyx"), x),
            1e-5);
}

TEST(Wiener, restores_the_planes_of_a_volume_as_images) {
  for (const char* boundary : {"circular", "reflect"}) {
    const auto a = blur({{"kernel", gaussian(1.0)}, {"boundary", boundary}});
    // Also as many planes as the grid has rows: the two must not be taken for each other.
    for (const auto& [c, z] : {std::pair{2, 3}, {1, 12}, {3, 1}}) {
      const Tensor y = at::rand({2, c, z, 12, 10}, at::kDouble) *
                       at::arange(1, z + 1, at::kDouble).view({z, 1, 1});
      for (const char* axes : {"czyx", "czhw"}) {
        const Tensor all = restored(y, a, {{"noise", 0.1}}, axes);
        for (int plane = 0; plane < z; ++plane)
          EXPECT_LT(
              difference(all.select(2, plane), restored(y.select(2, plane), a, {{"noise", 0.1}})),
              1e-12)
              << boundary << " " << c << "x" << z;
      }
    }
  }
}

TEST(Wiener, uses_the_kernel_of_each_item_and_declares_their_transfer_functions) {
  const Tensor kernels = at::rand({3, 1, 3, 5}, at::kDouble);
  const auto with = [](const Tensor& kernel) {
    return testing::load_linear_operator("operators/convolution", {{"boundary", "circular"}},
                                         {{"kernel", kernel}});
  };
  const Tensor y = at::rand({3, 1, 16, 20}, at::kDouble);
  const Tensor all = restored(y, with(kernels), {{"noise", 0.1}});
  for (int i = 0; i < 3; ++i)
    EXPECT_LT(
        difference(all.narrow(0, i, 1),
                   restored(y.narrow(0, i, 1), with(kernels.narrow(0, i, 1)), {{"noise", 0.1}})),
        1e-13);

  const auto bytes = [&](const Tensor& kernel) {
    Inputs in;
    in.add({"y", spec_of(y, "chw"), {}, nullptr});
    in.add({"A", {}, {}, with(kernel)});
    const auto wiener = testing::load_component("deconvolution/wiener", {{"noise", 0.1}});
    return dynamic_cast<const Worker&>(*wiener).working_bytes(in);
  };
  EXPECT_EQ(bytes(kernels) - bytes(kernels.narrow(0, 0, 1)), 2 * 16 * 22 * 8);
}

TEST(Wiener, survives_a_constant_image_and_a_single_pixel) {
  const auto a = blur({{"kernel", gaussian(1.0)}});
  for (const double noise : {0.0, 0.1})
    for (const auto& y : {at::full({1, 1, 9, 9}, 0.3), at::full({1, 1, 1, 1}, 0.3)})
      EXPECT_LT(difference(restored(y, a, {{"noise", noise}}), y), 1e-6);
}

TEST(Wiener, refuses_other_boundaries_and_asks_for_the_noise) {
  const auto zero = blur({{"kernel", gaussian(1.0)}, {"boundary", "zero"}});
  const Tensor y = at::rand({1, 1, 8, 8});
  EXPECT_EQ(message_of<ConfigError>([&] {
              restored(y, zero, {{"noise", 0.1}});
            }),
            "test.yaml:1:1: the boundary of the blur must be circular or reflect, got zero");
  EXPECT_NE(message_of<ConfigError>([&] { restored(y, zero, {}); }).find("'noise'"),
            std::string::npos);
}

}  // namespace
}  // namespace pellucid
