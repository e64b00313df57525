// Priors as a pipeline loads them: what they are of follows from the file of their weights.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

#include "base/temporary_folder.h"
#include "plugins/autoencoder/golden.h"

namespace pellucid::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Priors : public ::testing::Test {
 protected:
  std::string write(const Weights& weights, const std::string& name = "weights.h5") const {
    const auto file = folder_.path() / name;
    std::filesystem::remove(file);
    write_weights(file, weights);
    return file.string();
  }
  static Weights weights_of(const std::string& architecture) {
    return Golden("cae_" + architecture + ".h5").below("state_dict");
  }
  static std::shared_ptr<const LatentPrior> load(const std::string& architecture,
                                                 Settings settings) {
    return load_object<LatentPrior>("autoencoder/" + architecture, std::move(settings));
  }
  static Spec images(std::vector<std::int64_t> shape) {
    Spec spec;
    spec.axes = "chw";
    spec.shape = std::move(shape);
    spec.dtype = at::kFloat;
    spec.items = 1;
    return spec;
  }
  static double relative(double found, double expected) { return std::abs(found / expected - 1); }

  TemporaryFolder folder_;
};

TEST_F(Priors, have_the_energy_the_latents_and_the_pictures_that_are_recorded) {
  for (const char* architecture :
       {"bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean"}) {
    const Golden golden("cae_" + std::string(architecture) + ".h5");
    const auto prior = load(architecture, {{"weights", write(golden.below("state_dict"))}});
    std::vector<Tensor> latents = prior->encode(golden("x").to(at::kDouble));
    EXPECT_LT(difference(latents[0], golden("train_f64/y")), 1e-6) << architecture;
    latents[0] = latents[0] + golden("noise_y").to(at::kDouble);
    if (latents.size() > 1) latents[1] = latents[1] + golden("noise_z").to(at::kDouble);
    const double nats = golden.number("train_f64/bpp") * 64 * 64 * std::log(2.0);
    EXPECT_LT(relative(prior->energy(latents).item<double>(), nats), 1e-6) << architecture;
    EXPECT_LT(difference(prior->decode(latents, {64, 64}), golden("train_f64/x_hat")), 1e-6);
    EXPECT_EQ(prior->posterior_family(), PosteriorFamily::uniform);
    EXPECT_EQ(largest(prior->start_scales(latents)[0] - 1), 0);
  }
}

TEST_F(Priors, that_depend_on_neighbours_count_the_latents_themselves) {
  for (const char* architecture : {"mbt2018", "cheng2020-anchor", "cheng2020-attn"}) {
    const Golden golden("cae_" + std::string(architecture) + ".h5");
    const auto prior = load(architecture, {{"weights", write(golden.below("state_dict"))}});
    const std::vector<Tensor> latents = prior->encode(golden("x").to(at::kDouble));
    EXPECT_LT(difference(latents[0], golden("train_f64/y")), 1e-6) << architecture;
    // Another latent changes the density of those behind it, and so more than its own energy.
    std::vector<Tensor> changed{latents[0].clone(), latents[1]};
    changed[0][0][0][0][0] += 1;
    EXPECT_NE(prior->energy(changed).item<double>(), prior->energy(latents).item<double>());
    const Tensor z = latents[0].clone().requires_grad_();
    prior->energy({z, latents[1]}).sum().backward();
    EXPECT_GT(largest(z.grad()), 0) << architecture;
  }
}

TEST_F(Priors, take_images_of_any_size) {
  const auto prior = load("mbt2018-mean", {{"weights", write(weights_of("mbt2018-mean"))}});
  for (const auto& [height, width] :
       {std::pair<std::int64_t, std::int64_t>{50, 70}, {1, 1}, {64, 128}, {129, 3}}) {
    const auto latents = prior->latents(images({3, height, width}));
    ASSERT_EQ(latents.size(), 2u);
    EXPECT_EQ(latents[0].name, "z");
    EXPECT_EQ(latents[1].name, "h");
    const std::int64_t rows = (height + 63) / 64, columns = (width + 63) / 64;
    EXPECT_EQ(latents[0].spec.shape, (std::vector<std::int64_t>{12, 4 * rows, 4 * columns}));
    EXPECT_EQ(latents[1].spec.shape, (std::vector<std::int64_t>{8, rows, columns}));
    const Tensor x = at::rand({2, 3, height, width});
    const auto encoded = prior->encode(x);
    EXPECT_EQ(encoded[0].sizes().slice(1), at::IntArrayRef(latents[0].spec.shape));
    EXPECT_EQ(prior->decode(encoded, {height, width}).sizes(), x.sizes());
    EXPECT_EQ(prior->energy(encoded).sizes(), at::IntArrayRef({2}));
  }
}

TEST_F(Priors, give_an_image_the_same_latents_whatever_stands_beside_it) {
  const auto prior = load("mbt2018", {{"weights", write(weights_of("mbt2018"))}});
  const Tensor x = at::rand({3, 3, 64, 64});
  const auto all = prior->encode(x);
  const auto one = prior->encode(x.narrow(0, 1, 1));
  EXPECT_LT(difference(all[0].narrow(0, 1, 1), one[0]), 1e-5);
}

TEST_F(Priors, of_grey_images_see_and_give_three_equal_channels) {
  const std::string file = write(weights_of("mbt2018-mean"));
  const auto grey = load("mbt2018-mean", {{"weights", file}, {"channels", 1}});
  const auto colour = load("mbt2018-mean", {{"weights", file}});
  const Tensor x = at::rand({1, 1, 64, 64});
  const auto latents = grey->encode(x);
  EXPECT_TRUE(at::equal(latents[0], colour->encode(x.expand({1, 3, 64, 64}))[0]));
  EXPECT_LT(
      difference(grey->decode(latents, {64, 64}), colour->decode(latents, {64, 64}).mean(1, true)),
      1e-6);
  EXPECT_THAT(message_of<ShapeError>([&] {
                grey->latents(images({3, 64, 64}));
              }),
              HasSubstr("set 'channels'"));
  EXPECT_THAT(message_of<Error>([&] {
                load("mbt2018-mean", {{"weights", file}, {"channels", 2}});
              }),
              HasSubstr("'channels' must be 1 or 3, got 2"));
}

TEST_F(Priors, differentiate_latents_and_leave_their_own_weights_alone) {
  const Golden golden("cae_bmshj2018-factorized.h5");
  const auto prior = load("bmshj2018-factorized", {{"weights", write(golden.below("state_dict"))}});
  const std::vector<Tensor> latents = prior->encode(golden("x").to(at::kDouble));
  EXPECT_FALSE(latents[0].requires_grad());
  const auto energy = [&](const Tensor& z) { return prior->energy({z}).sum(); };
  const auto gradient = [&](const Tensor& z) {
    const Tensor leaf = z.detach().clone().requires_grad_();
    energy(leaf).backward();
    return leaf.grad();
  };
  EXPECT_LT(gradient_gap(energy, gradient, latents[0]), 1e-6);
}

TEST_F(Priors, have_a_deviation_where_there_are_weights_for_it) {
  const std::string file = write(weights_of("mbt2018-mean"));
  const auto plain = load("mbt2018-mean", {{"weights", file}});
  const auto latents = plain->encode(at::rand({1, 3, 50, 64}));
  EXPECT_FALSE(plain->deviation(latents, {50, 64}).has_value());

  // The decoder itself as the one of variances: sigmoid of its pictures.
  Weights decoder;
  for (const auto& [key, tensor] : weights_of("mbt2018-mean").tensors)
    if (key.rfind("g_s.", 0) == 0) decoder.tensors[key.substr(4)] = tensor;
  const auto prior =
      load("mbt2018-mean", {{"weights", file}, {"deviation", write(decoder, "variance.h5")}});
  const auto deviation = prior->deviation(latents, {50, 64});
  ASSERT_TRUE(deviation.has_value());
  const Tensor expected = at::sigmoid(plain->decode(latents, {50, 64})) + 2e-4;
  EXPECT_LT(difference(*deviation, expected), 1e-6);
}

TEST_F(Priors, refuse_what_is_no_weights_of_theirs) {
  const Weights good = weights_of("mbt2018-mean");
  const auto refused = [&](const std::string& architecture, const Weights& weights) {
    const std::string file = write(weights);
    return message_of<Error>([&] { load(architecture, {{"weights", file}}); });
  };
  EXPECT_THAT(refused("mbt2018", good),
              AllOf(HasSubstr("the weights of mbt2018-mean, not of mbt2018"),
                    HasSubstr("use autoencoder/mbt2018-mean")));

  Weights missing = good;
  missing.tensors.erase("h_a.2.bias");
  EXPECT_THAT(refused("mbt2018-mean", missing), HasSubstr("h_a.2.bias"));

  Weights misshapen = good;
  misshapen.tensors["h_a.2.bias"] = at::zeros({3});
  EXPECT_THAT(refused("mbt2018-mean", misshapen), HasSubstr("h_a.2.bias"));

  Weights more = good;
  more.tensors["g_a.9.weight"] = at::zeros({3});
  EXPECT_THAT(refused("mbt2018-mean", more), HasSubstr("g_a.9.weight"));

  Weights spoiled = good;
  spoiled.tensors["h_a.2.bias"] = good.tensors.at("h_a.2.bias").clone().fill_(NAN);
  EXPECT_THAT(refused("mbt2018-mean", spoiled), HasSubstr("h_a.2.bias"));

  const std::string file = write(good);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  EXPECT_THAT(message_of<Error>([&] {
                load("mbt2018-mean", {{"weights", file}});
              }),
              HasSubstr("weights.h5"));
  EXPECT_THAT(message_of<Error>([&] {
                load("mbt2018-mean", {{"weights", "nowhere.h5"}});
              }),
              HasSubstr("nowhere.h5"));
}

}  // namespace
}  // namespace pellucid::testing
