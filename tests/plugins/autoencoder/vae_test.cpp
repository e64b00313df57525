// Variational autoencoders against recorded results of a reference program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

#include "base/temporary_folder.h"
#include "plugins/autoencoder/golden.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

const Golden& recorded() {
  static const Golden all("vae.h5");
  return all;
}

class Vae : public ::testing::Test {
 protected:
  std::shared_ptr<const LatentPrior> load(const Weights& weights) const {
    const auto file = folder_.path() / "vae.h5";
    write_weights(file, weights);
    return load_object<LatentPrior>("autoencoder/vae", {{"weights", file.string()}});
  }
  static Spec images(std::vector<std::int64_t> shape) {
    Spec spec;
    spec.axes = "chw";
    spec.shape = std::move(shape);
    spec.items = 1;
    return spec;
  }
  TemporaryFolder folder_;
};

TEST_F(Vae, gives_the_recorded_latents_and_pictures) {
  for (const char* group : {"1lvae-vanilla_gamma_0.1", "1lvae-vanilla_gamma_variable",
                            "1lvae-vanilla-fcb_gamma_0.1", "1lvae-vanilla-fcb_gamma_variable"}) {
    const std::string name = group;
    const auto prior = load(recorded().below(name + "/state_dict"));
    const Tensor x = recorded()("x").to(at::kDouble);
    const auto latents = prior->encode(x);
    EXPECT_LT(relative_difference(latents[0], recorded()(name + "/mu_z")), 1e-9) << name;
    const Tensor noise = recorded()(name + "/eps") * at::exp(recorded()(name + "/logsd_z"));
    const Tensor decoded = prior->decode({latents[0] + noise}, {64, 64});
    EXPECT_LT(relative_difference(decoded, recorded()(name + "/x_rec")), 1e-9) << name;
    EXPECT_EQ(prior->posterior_family(), PosteriorFamily::gaussian);
    const double gamma = recorded()(name + "/state_dict/decoder.gamma_x").item<double>();
    EXPECT_NEAR(prior->deviation(latents, {64, 64})->mean().item<double>(), std::abs(gamma), 1e-9);
  }
}

/// The weights of the residual network by the formula that is recorded with its results.
Weights residual_weights() {
  std::map<std::string, std::vector<std::int64_t>> convolutions;
  std::map<std::string, std::int64_t> normalised;  // channels
  const auto block = [&](const std::string& key, std::int64_t in, std::int64_t out) {
    convolutions[key + ".conv1.weight"] = {out, in, 3, 3};
    convolutions[key + ".conv2.weight"] = {out, out, 3, 3};
    normalised[key + ".bn1"] = normalised[key + ".bn2"] = out;
    if (in == out) return;
    convolutions[key + ".shortcut.0.weight"] = {out, in, 1, 1};
    normalised[key + ".shortcut.1"] = out;
  };
  Weights weights;
  const auto mirrored = [&](const std::string& key, std::int64_t in, std::int64_t out) {
    convolutions[key + ".conv2.weight"] = {in, in, 3, 3};
    normalised[key + ".bn2"] = in;
    normalised[key + ".bn1"] = out;
    if (in == out) {
      convolutions[key + ".conv1.weight"] = {in, in, 3, 3};
      return;
    }
    for (const char* part : {".conv1.conv", ".shortcut.0.conv"}) {
      convolutions[key + part + ".weight"] = {out, in, 3, 3};
      weights.tensors[key + part + ".bias"] = at::zeros({out}, at::kDouble);
    }
    normalised[key + ".shortcut.1"] = out;
  };
  convolutions["encoder.conv1.weight"] = {64, 3, 3, 3};
  normalised["encoder.bn1"] = 64;
  for (int stage = 1; stage <= 4; ++stage) {
    const std::string layer = ".layer" + std::to_string(stage) + ".";
    const std::int64_t wide = std::int64_t{32} << stage, narrow = stage == 1 ? wide : wide / 2;
    block("encoder" + layer + "0", narrow, wide);
    block("encoder" + layer + "1", wide, wide);
    mirrored("decoder" + layer + "0", wide, wide);
    mirrored("decoder" + layer + "1", wide, narrow);
  }
  convolutions["encoder.last_conv.weight"] = {256, 512, 3, 3};
  convolutions["decoder.first_conv.weight"] = {128, 512, 3, 3};
  convolutions["decoder.conv1.conv.weight"] = {3, 64, 3, 3};
  weights.tensors["decoder.conv1.conv.bias"] = at::zeros({3}, at::kDouble);
  weights.tensors["prior_scale"] = at::ones({128}, at::kDouble);
  weights.tensors["decoder.gamma_x"] = at::ones({1}, at::kDouble);
  for (const auto& [key, channels] : normalised) {
    weights.tensors[key + ".weight"] = at::ones({channels}, at::kDouble);
    weights.tensors[key + ".bias"] = at::zeros({channels}, at::kDouble);
    weights.tensors[key + ".running_mean"] = at::zeros({channels}, at::kDouble);
    weights.tensors[key + ".running_var"] = at::ones({channels}, at::kDouble);
  }
  std::int64_t rank = 0;
  for (const auto& [key, shape] : convolutions) {
    const std::int64_t count = shape[0] * shape[1] * shape[2] * shape[3], modulus = 1ll << 31;
    const Tensor drawn =
        (at::arange(count, at::kLong) * 1103515245 + (7919 * rank++ + 12345)).remainder(modulus);
    const double fan = double(count / shape[0]);
    weights.tensors[key] =
        ((drawn.to(at::kDouble) / double(modulus) - 0.5) * std::sqrt(12 / fan)).view(shape);
  }
  return weights;
}

TEST_F(Vae, of_residual_blocks_gives_the_recorded_latents_and_pictures) {
  const auto prior = load(residual_weights());
  const auto latents = prior->encode(recorded()("x").to(at::kDouble));
  EXPECT_LT(relative_difference(latents[0], recorded()("1lvae-vanilla-resnet/mu_z")), 1e-9);
  EXPECT_LT(relative_difference(prior->decode(latents, {64, 64}),
                                recorded()("1lvae-vanilla-resnet/x_rec")),
            1e-9);
}

TEST_F(Vae, has_the_energy_of_normal_latents) {
  Weights weights = recorded().below("1lvae-vanilla_gamma_0.1/state_dict");
  weights.tensors["prior_scale"] = at::full({6}, 2.0, at::kDouble);
  const auto prior = load(weights);
  const Tensor z = at::full({1, 6, 4, 4}, 3.0, at::kDouble);
  const double one = 9.0 / (2 * 4) + std::log(2.0) + std::log(2 * std::numbers::pi) / 2;
  EXPECT_NEAR(prior->energy({z}).item<double>(), 96 * one, 1e-9);
}

TEST_F(Vae, takes_images_of_any_size_without_a_linear_layer) {
  const auto prior = load(recorded().below("1lvae-vanilla_gamma_0.1/state_dict"));
  const Tensor x = at::rand({2, 3, 17, 40});
  const auto latents = prior->encode(x);
  EXPECT_EQ(latents[0].sizes(), at::IntArrayRef({2, 6, 2, 3}));
  EXPECT_EQ(prior->decode(latents, {17, 40}).sizes(), x.sizes());
}

TEST_F(Vae, says_which_images_and_weights_it_takes) {
  const auto linear = load(recorded().below("1lvae-vanilla-fcb_gamma_0.1/state_dict"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                linear->latents(images({3, 32, 64}));
              }),
              HasSubstr("64 x 64 px"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                linear->latents(images({1, 64, 64}));
              }),
              HasSubstr("3 channels"));
  Weights other;
  other.tensors["weight"] = at::ones({3});
  EXPECT_THAT(message_of<Error>([&] { load(other); }), HasSubstr("prior_scale"));
}

}  // namespace
}  // namespace pellucid::testing
