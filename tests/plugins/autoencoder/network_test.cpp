// Networks against recorded results of a reference program: latents, likelihoods, costs and the
// gradients of all parameters. Tolerances: those recorded with the data.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>

#include "autoencoder/network.h"

namespace pellucid {
namespace {

const std::filesystem::path kFile =
    std::filesystem::path(PELLUCID_SOURCE_DIR) / "tests/data/vble/cae_mbt2018-mean.h5";

Tensor recorded(const std::string& dataset) {
  const DatasetReader reader({kFile, dataset});
  return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
}

double recorded_number(const std::string& key) {
  static const Weights all = read_weights(kFile);
  return all.at(key).to(at::kDouble).item<double>();
}

Weights state_dict() {
  Weights weights = read_weights(kFile);
  Weights chosen;
  chosen.file = kFile;
  const std::string group = "state_dict";
  for (const auto& [key, tensor] : weights.tensors)
    if (key.rfind(group, 0) == 0) chosen.tensors[key.substr(group.size() + 1)] = tensor;
  return chosen;
}

double largest(const Tensor& x) { return x.abs().max().item<double>(); }

double difference(const Tensor& a, const Tensor& b) {
  return largest(a.detach().to(at::kDouble) - b.to(at::kDouble));
}

struct Loaded {
  explicit Loaded(at::ScalarType dtype)
      : parameters(state_dict(), dtype),
        network(make_mean_scale_hyperprior(parameters, {8, 12}, dtype)) {
    parameters.require_all_taken();
    for (const auto& [key, tensor] : parameters.all()) Tensor(tensor).requires_grad_();
  }

  /// Latents as they are trained: with the recorded noise.
  std::vector<Tensor> noisy() const {
    std::vector<Tensor> latents = network->encode(image());
    latents[0] = latents[0] + recorded("/noise_y").to(latents[0].scalar_type());
    latents[1] = latents[1] + recorded("/noise_z").to(latents[1].scalar_type());
    return latents;
  }
  Tensor image() const { return recorded("/x").to(parameters.all()[0].tensor.scalar_type()); }

  Parameters parameters;
  std::unique_ptr<Network> network;
};

Tensor bits_a_pixel(const std::vector<Tensor>& likelihoods) {
  return -(at::log2(likelihoods[0]).sum() + at::log2(likelihoods[1]).sum()) / (64.0 * 64.0);
}

TEST(MeanScaleHyperprior, gives_the_recorded_latents_likelihoods_and_pictures) {
  for (const auto& [dtype, group, tolerance] :
       {std::tuple{at::kDouble, "/train_f64/", 1e-10}, {at::kFloat, "/train_f32/", 2e-5}}) {
    const Loaded loaded(dtype);
    const auto means = loaded.network->encode(loaded.image());
    EXPECT_LT(difference(means[0], recorded(std::string(group) + "y")), tolerance);
    EXPECT_LT(difference(means[1], recorded(std::string(group) + "z")), tolerance);
    const auto latents = loaded.noisy();
    const auto likelihoods = loaded.network->likelihoods(latents);
    const double exact = dtype == at::kDouble ? 1e-10 : 1e-5;
    EXPECT_LT(difference(likelihoods[0], recorded(std::string(group) + "likelihood_y")), exact);
    EXPECT_LT(difference(likelihoods[1], recorded(std::string(group) + "likelihood_z")), exact);
    EXPECT_LT(
        difference(loaded.network->decode(latents[0]), recorded(std::string(group) + "x_hat")),
        tolerance);
  }
}

TEST(MeanScaleHyperprior, has_the_recorded_costs_and_gradients) {
  const Loaded loaded(at::kDouble);
  const auto latents = loaded.noisy();
  const Tensor mse = (loaded.network->decode(latents[0]) - loaded.image()).square().mean();
  const Tensor bits = bits_a_pixel(loaded.network->likelihoods(latents));
  const Tensor loss = 0.013 * 255 * 255 * mse + bits;
  EXPECT_NEAR(loss.item<double>() / recorded_number("train_f64.loss"), 1, 1e-9);
  EXPECT_NEAR(bits.item<double>() / recorded_number("train_f64.bpp"), 1, 1e-9);
  EXPECT_NEAR(
      loaded.network->quantile_loss().item<double>() / recorded_number("train_f64.aux_loss"), 1,
      1e-9);
  loss.backward();
  int compared = 0;
  for (const auto& [key, tensor] : loaded.parameters.all()) {
    if (key == "entropy_bottleneck.quantiles") {
      EXPECT_FALSE(tensor.grad().defined());
      continue;
    }
    const Tensor expected = recorded("/train_f64/grad_params/" + key);
    EXPECT_LT(difference(tensor.grad(), expected) / largest(expected), 1e-6) << key;
    ++compared;
  }
  EXPECT_EQ(compared, 54);
}

TEST(MeanScaleHyperprior, of_rounded_latents_gives_the_recorded_rate_and_picture) {
  const Loaded loaded(at::kDouble);
  const auto latents = loaded.network->rounded(loaded.network->encode(loaded.image()));
  EXPECT_NEAR(bits_a_pixel(loaded.network->likelihoods(latents)).item<double>() /
                  recorded_number("eval_f64.bpp"),
              1, 1e-9);
  EXPECT_LT(difference(loaded.network->decode(latents[0]), recorded("/eval_f64/x_hat")), 1e-10);
}

TEST(MeanScaleHyperprior, in_bfloat16_is_close_to_float32) {
  Parameters parameters(state_dict(), at::kFloat);
  const auto coarse = make_mean_scale_hyperprior(parameters, {8, 12}, at::kBFloat16);
  const Tensor image = recorded("/x").to(at::kFloat);
  const auto latents = coarse->encode(image);
  EXPECT_EQ(latents[0].scalar_type(), at::kFloat);
  const Tensor expected = recorded("/train_f64/y");
  EXPECT_LT(difference(latents[0], expected) / largest(expected), 0.02);
  EXPECT_GT(difference(latents[0], expected), 0);
}

TEST(LowerBound, lets_gradients_pass_that_lead_back) {
  const Tensor x = at::tensor({-1.0, -1.0, 2.0, 2.0}, at::kDouble).requires_grad_();
  const Tensor y = lower_bound(x, 0.5);
  EXPECT_TRUE(at::equal(y.detach(), at::tensor({0.5, 0.5, 2.0, 2.0}, at::kDouble)));
  (y * at::tensor({1.0, -1.0, 1.0, -1.0}, at::kDouble)).sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), at::tensor({0.0, -1.0, 1.0, -1.0}, at::kDouble)));
}

}  // namespace
}  // namespace pellucid
