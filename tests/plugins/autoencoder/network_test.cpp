// Networks against recorded results of a reference program: latents, likelihoods, costs and the
// gradients of all parameters. Tolerances: those recorded with the data.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "autoencoder/network.h"
#include "plugins/autoencoder/golden.h"

namespace pellucid {
namespace {

using testing::difference;
using testing::Golden;
using testing::largest;
using testing::relative_difference;

struct Reference {
  Architecture architecture;
  Widths widths;
  int parameters;  // that have gradients

  std::string name() const { return name_of(architecture); }
};

class Networks : public ::testing::TestWithParam<Reference> {
 protected:
  Networks() : golden_("cae_" + GetParam().name() + ".h5") {}

  void load(at::ScalarType dtype, Precision precision = Precision::float32) {
    parameters_.emplace(golden_.below("state_dict"), dtype);
    network_ = make_network(GetParam().architecture, *parameters_, GetParam().widths, precision);
    parameters_->require_all_taken();
    for (const auto& named : parameters_->all()) Tensor(named.tensor).requires_grad_();
    image_ = golden_("x").to(dtype);
  }

  /// Latents as they are trained: with the recorded noise.
  Network::Values noisy() const {
    const std::vector<Tensor> means = network_->encode(image_);
    const auto with = [&](std::size_t index, const char* noise) {
      return means[index] + golden_(noise).to(means[index].scalar_type());
    };
    Network::Values values{{with(0, "noise_y")}, {}};
    if (means.size() > 1) values.latents.push_back(with(1, "noise_z"));
    if (network_->has_context()) values.counted = with(0, "noise_y_likelihood");
    return values;
  }

  static Tensor bits_a_pixel(const std::vector<Tensor>& likelihoods) {
    Tensor bits = at::zeros({}, likelihoods[0].options());
    for (const Tensor& likelihood : likelihoods) bits = bits - at::log2(likelihood).sum();
    return bits / (64.0 * 64.0);
  }

  Golden golden_;
  std::optional<Parameters> parameters_;
  std::unique_ptr<Network> network_;
  Tensor image_;
};

TEST_P(Networks, are_known_by_their_weights) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& [key, tensor] : golden_.below("state_dict").tensors)
    shapes[key] = tensor.sizes().vec();
  const Form form = form_of(shapes, "weights.h5");
  EXPECT_EQ(form.architecture, GetParam().architecture);
  EXPECT_EQ(form.widths.n, GetParam().widths.n);
  EXPECT_EQ(form.widths.m, GetParam().widths.m);
}

TEST_P(Networks, give_the_recorded_latents_likelihoods_and_pictures) {
  for (const auto& [dtype, group, tolerance, exact] :
       {std::tuple<at::ScalarType, std::string, double, double>{at::kDouble, "train_f64/", 1e-10,
                                                                1e-10},
        {at::kFloat, "train_f32/", 2e-5, 1e-5}}) {
    load(dtype);
    const auto means = network_->encode(image_);
    EXPECT_LT(difference(means[0], golden_(group + "y")), tolerance);
    const Network::Values values = noisy();
    const auto likelihoods = network_->likelihoods(values.latents, values.counted);
    EXPECT_LT(difference(likelihoods[0], golden_(group + "likelihood_y")), exact);
    EXPECT_LT(difference(network_->decode(values.latents[0]), golden_(group + "x_hat")), tolerance);
    ASSERT_EQ(means.size() > 1, golden_.has(group + "z"));
    if (means.size() == 1) continue;
    EXPECT_LT(difference(means[1], golden_(group + "z")), tolerance);
    EXPECT_LT(difference(likelihoods[1], golden_(group + "likelihood_z")), exact);
  }
}

TEST_P(Networks, have_the_recorded_costs_and_gradients) {
  load(at::kDouble);
  const Network::Values values = noisy();
  const Tensor mse = (network_->decode(values.latents[0]) - image_).square().mean();
  const Tensor bits = bits_a_pixel(network_->likelihoods(values.latents, values.counted));
  const Tensor loss = 0.013 * 255 * 255 * mse + bits;
  EXPECT_NEAR(loss.item<double>() / golden_.number("train_f64/loss"), 1, 1e-9);
  EXPECT_NEAR(bits.item<double>() / golden_.number("train_f64/bpp"), 1, 1e-9);
  EXPECT_NEAR(network_->quantile_loss().item<double>() / golden_.number("train_f64/aux_loss"), 1,
              1e-9);
  loss.backward();
  int compared = 0;
  for (const auto& [key, tensor] : parameters_->all()) {
    if (key == "entropy_bottleneck.quantiles") {
      EXPECT_FALSE(tensor.grad().defined());
      continue;
    }
    Tensor expected = golden_("train_f64/grad_params/" + key);
    if (key == "context_prediction.weight")  // those of masked taps have no effect
      expected = expected * golden_("state_dict/context_prediction.mask");
    EXPECT_LT(relative_difference(tensor.grad(), expected), 1e-6) << key;
    ++compared;
  }
  EXPECT_EQ(compared, GetParam().parameters);
}

TEST_P(Networks, of_rounded_latents_give_the_recorded_rate_and_picture) {
  load(at::kDouble);
  const Network::Values values = network_->rounded(network_->encode(image_));
  EXPECT_NEAR(bits_a_pixel(network_->likelihoods(values.latents, values.counted)).item<double>() /
                  golden_.number("eval_f64/bpp"),
              1, 1e-9);
  EXPECT_LT(difference(network_->decode(values.latents[0]), golden_("eval_f64/x_hat")), 1e-10);
}

TEST_P(Networks, in_bfloat16_are_close_to_float32) {
  load(at::kFloat, Precision::bfloat16);
  const auto latents = network_->encode(image_);
  EXPECT_EQ(latents[0].scalar_type(), at::kFloat);
  EXPECT_LT(relative_difference(latents[0], golden_("train_f64/y")), 0.03);
  EXPECT_GT(difference(latents[0], golden_("train_f64/y")), 0);
}

INSTANTIATE_TEST_SUITE_P(all, Networks,
                         ::testing::Values(Reference{Architecture::factorized, {8, 12}, 42},
                                           Reference{Architecture::hyperprior, {8, 12}, 54},
                                           Reference{Architecture::mean_scale, {8, 12}, 54},
                                           Reference{Architecture::autoregressive, {8, 12}, 62},
                                           Reference{Architecture::anchor, {8, 8}, 122},
                                           Reference{Architecture::attention, {8, 8}, 274}),
                         [](const auto& test) {
                           std::string name = test.param.name();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Forms, of_other_weights_are_refused_by_the_layer_that_is_missing) {
  try {
    form_of({{"g_a.0.weight", {8, 3, 5, 5}}, {"other", {1}}}, "other.h5");
    FAIL() << "weights without 'g_a.6.weight' were taken";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("'other.h5' has no 'g_a.6.weight'"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace pellucid
