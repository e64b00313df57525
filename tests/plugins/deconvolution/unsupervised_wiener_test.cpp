// Unsupervised Wiener deconvolution: the same draws give what matrices give, other draws what the
// posterior says; and its messages.

#include <gtest/gtest.h>

#include <cmath>

#include <ATen/ATen.h>
#include <boost/math/special_functions/gamma.hpp>

#include <pellucid/context.h>
#include <pellucid/testing.h>

#include "direct.h"

namespace pellucid {
namespace {

using namespace direct;
using testing::message_of;
using testing::Settings;

constexpr Out<Tensor> kStd{"std", ""};
constexpr Out<Table> kHistory{"history", ""};

Outputs run(const Tensor& y, const Blur& a, const Settings& settings, std::int64_t first = 0) {
  return testing::run_stage("deconvolution/unsupervised_wiener", settings,
                            {{"y", y, y.dim() == 5 ? "czyx" : "chw"}, {"A", {}, {}, a}}, first,
                            y.size(0));
}

TEST(UnsupervisedWiener, equals_a_gibbs_sampler_of_matrices_that_has_the_same_draws) {
  constexpr int draws = 4, burn_in = 1;
  for (const auto& [sizes, penalty] : std::vector<std::pair<Sizes, const char*>>{
           {{16, 16}, "laplacian"}, {{9, 12}, "identity"}, {{8, 8, 8}, "laplacian"}}) {
    const bool smooth = std::string(penalty) == "laplacian";
    const Tensor kernel =
        at::rand(sizes.size() == 2 ? Sizes{1, 1, 3, 4} : Sizes{1, 1, 3, 2, 3}, at::kDouble);
    const Blur a = blur(kernel / kernel.sum());
    const Tensor h = matrix(a, sizes);
    const Tensor l = smooth ? laplacian(sizes) : at::eye(h.size(0), at::kDouble);
    Sizes shape{1, 1};
    shape.insert(shape.end(), sizes.begin(), sizes.end());
    const Tensor y = at::rand(shape, at::kDouble), flat = y.flatten();
    const double count = double(flat.numel());

    const auto context = testing::context();
    const auto uniform = [&](const char* purpose, int k) {
      return context->random(purpose).uniform({1}, at::kDouble, k).item<double>();
    };
    double noise = 1, signal = 1;
    Tensor counted = at::zeros({draws - burn_in, flat.numel()}, at::kDouble);
    std::vector<double> noises, signals;
    for (int k = 1; k <= draws; ++k) {
      const Tensor precision = noise * h.t().mm(h) + signal * l.t().mm(l);
      const auto [values, vectors] = at::linalg_eigh(precision);
      Sizes of_item(shape.begin() + 1, shape.end());
      const Tensor white = context->random("image").normal(of_item, at::kDouble, k).flatten();
      const Tensor drawn = vectors.mv(vectors.t().mv(noise * h.t().mv(flat)) / values +
                                      vectors.t().mv(white) / values.sqrt());
      if (k > burn_in) counted[k - burn_in - 1] = drawn;
      noise = 2 * boost::math::gamma_p_inv(count / 2, uniform("noise precision", k)) /
              (flat - h.mv(drawn)).square().sum().item<double>();
      signal =
          2 *
          boost::math::gamma_p_inv((count - (smooth ? 1 : 0)) / 2, uniform("signal precision", k)) /
          l.mv(drawn).square().sum().item<double>();
      noises.push_back(noise);
      signals.push_back(signal);
    }

    const Outputs out = run(
        y, a,
        {{"iterations", draws}, {"burn_in", burn_in}, {"tolerance", 0.0}, {"penalty", penalty}});
    EXPECT_LT(difference(out[kX].flatten(), counted.mean(0)), 1e-9);
    EXPECT_LT(difference(out[kStd].flatten(), counted.std(0)), 1e-9);
    for (int k = 0; k < draws; ++k) {
      EXPECT_NEAR(out[kHistory].reals("noise_precision")[std::size_t(k)] / noises[k], 1, 1e-9);
      EXPECT_NEAR(out[kHistory].reals("signal_precision")[std::size_t(k)] / signals[k], 1, 1e-9);
    }
    const Tensor before = counted.narrow(0, 0, draws - burn_in - 1).mean(0);
    const double change =
        ((counted.mean(0) - before).norm() / counted.mean(0).norm()).item<double>();
    EXPECT_NEAR(out[kHistory].reals("change").back(), change, 1e-9);
  }
}

/// A scene of the very model, so that the truth is known: smooth noise, blurred, noisy.
struct Scene {
  static constexpr double kNoise = 400, kSignal = 25;  // precisions
  Blur a = testing::load_linear_operator(
      "operators/convolution", {{"kernel", Value::map({{"gaussian", Value::map({{"std", 1.0}})}})},
                                {"boundary", "circular"}});
  Tensor truth, y;

  Scene() {
    const std::int64_t n = 96;
    const auto context = testing::context(7);
    const Tensor white = context->random("scene").normal({1, n, n}, at::kDouble);
    const Tensor s = at::sin(at::arange(n, at::kDouble) * (3.14159265358979 / double(n)));
    const Tensor l = 4 * (s.square().unsqueeze(1) + s.square());
    Tensor gain = (1 / (l * std::sqrt(kSignal))).masked_fill(l == 0, 0);
    truth = at::real(at::fft_ifft2(at::fft_fft2(white) * gain));
    y = a->forward(truth) +
        context->random("noise").normal({1, n, n}, at::kDouble) / std::sqrt(kNoise);
  }
};

TEST(UnsupervisedWiener, finds_the_noise_and_the_smoothness_and_says_how_sure_it_is) {
  const Scene scene;
  const Outputs out =
      run(scene.y, scene.a, {{"iterations", 150}, {"burn_in", 50}, {"tolerance", 0.0}});
  const std::vector<double> noise = out[kHistory].reals("noise_precision");
  const std::vector<double> signal = out[kHistory].reals("signal_precision");
  EXPECT_NEAR(noise.back() / Scene::kNoise, 1, 0.1);
  EXPECT_NEAR(signal.back() / Scene::kSignal, 1, 0.3);
  // A right posterior is off by its own standard deviation, but for the mean of the finite draws.
  const double error = (out[kX] - scene.truth).square().mean().item<double>();
  EXPECT_NEAR(error / out[kStd].square().mean().item<double>(), 1, 0.15);
  EXPECT_LT(error, 0.7 * (scene.y - scene.truth).square().mean().item<double>());
}

TEST(UnsupervisedWiener, gives_an_item_the_same_bits_in_every_block) {
  const Blur a = blur(at::rand({1, 1, 3, 5}, at::kDouble), "reflect");
  const Tensor y = at::rand({3, 2, 12, 15});
  const Settings settings{{"iterations", 8}, {"burn_in", 3}};
  const Outputs all = run(y, a, settings);
  for (int item = 0; item < 3; ++item) {
    const Outputs alone = run(y.narrow(0, item, 1), a, settings, item);
    EXPECT_TRUE(at::equal(all[kX].narrow(0, item, 1), alone[kX]));
    EXPECT_TRUE(at::equal(all[kStd].narrow(0, item, 1), alone[kStd]));
    for (int row = 0; row < 16; ++row) {
      EXPECT_EQ(alone[kHistory].item(row), item);
      EXPECT_EQ(all[kHistory].reals("noise_precision")[std::size_t(16 * item + row)],
                alone[kHistory].reals("noise_precision")[std::size_t(row)]);
    }
  }
}

TEST(UnsupervisedWiener, ends_where_its_mean_stands_still_and_counts_what_it_is_told_to) {
  const Blur a = blur(at::ones({1, 1, 3, 3}, at::kDouble) / 9);
  const Tensor y = at::rand({1, 1, 16, 16}, at::kDouble);
  const auto rows = [&](const Settings& settings) { return run(y, a, settings)[kHistory].rows(); };
  EXPECT_EQ(rows({{"iterations", 30}, {"tolerance", 0.0}}), 30);
  EXPECT_EQ(rows({{"iterations", 30}, {"burn_in", 4}, {"tolerance", 1e9}}), 6);
  EXPECT_EQ(rows({{"iterations", 30}, {"burn_in", 4}, {"thinning", 7}, {"tolerance", 1e9}}), 12);
  const Outputs out =
      run(y, a, {{"iterations", 9}, {"burn_in", 1}, {"thinning", 3}, {"tolerance", 0.0}});
  const std::vector<double> change = out[kHistory].reals("change");
  for (const std::size_t k : {4, 7}) EXPECT_GT(change[k], 0) << k;  // the second and third counted
  for (const std::size_t k : {0, 1, 2, 3, 5, 6, 8}) EXPECT_TRUE(std::isnan(change[k])) << k;
}

TEST(UnsupervisedWiener, says_what_it_cannot_use) {
  const Blur a = blur(at::ones({1, 1, 3, 3}, at::kDouble) / 9);
  const Tensor y = at::rand({2, 1, 16, 16}, at::kDouble);
  const auto message = [&](const Tensor& images, const Blur& by, const Settings& settings) {
    return message_of<Error>([&] { run(images, by, settings); });
  };
  EXPECT_EQ(message(y, a, {{"iterations", 20}, {"burn_in", 19}}),
            "test.yaml:1:1: 'iterations' must leave two draws behind 'burn_in', 'thinning' apart: "
            "19 + 1 + 1 or more, got 20");
  Tensor constant = y.clone();
  constant[1].fill_(0.5);
  EXPECT_EQ(message(constant, a, {}),
            "test.yaml:1:1: image 0 of item 1 is constant, so that it says nothing of its noise; "
            "leave it out");
  const Blur slope = blur(at::tensor({1.0, -1.0}, at::kDouble).view({1, 1, 1, 2}));
  EXPECT_NE(message(y, slope, {}).find("the kernel of item 0 sums to 0"), std::string::npos);
  EXPECT_EQ(message(y, slope, {{"penalty", "identity"}}), "no error");
  EXPECT_NE(message(y, blur(at::ones({1, 1, 3, 3}), "zero"), {})
                .find("the boundary of the blur must be circular or reflect, got zero"),
            std::string::npos);
}

}  // namespace
}  // namespace pellucid
