// Densities of latents against recorded results of a reference program, tails included.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "autoencoder/entropy.h"
#include "plugins/autoencoder/golden.h"

namespace pellucid {
namespace {

using testing::Golden;
using testing::relative_difference;

const Golden& primitives() {
  static const Golden all("primitives.h5");
  return all;
}

/// (c, 1, n) as they are recorded, (1, c, 1, n) as latents are.
Tensor as_latents(const Tensor& recorded) { return recorded.permute({1, 0, 2}).unsqueeze(2); }

struct Bottleneck {
  explicit Bottleneck(const std::string& group, at::ScalarType dtype)
      : parameters(primitives().below(group + "/state_dict", "entropy_bottleneck."), dtype),
        density(parameters, 4) {
    for (const auto& named : parameters.all()) Tensor(named.tensor).requires_grad_();
  }
  Parameters parameters;
  EntropyBottleneck density;
};

TEST(EntropyBottleneck, has_the_recorded_likelihoods) {
  for (const auto& [group, dtype, tolerance] : {std::tuple<std::string, at::ScalarType, double>{
                                                    "entropy_bottleneck_f64", at::kDouble, 1e-11},
                                                {"entropy_bottleneck_f32", at::kFloat, 2e-5}}) {
    const Bottleneck bottleneck(group, dtype);
    const Tensor found =
        bottleneck.density.likelihood(as_latents(primitives()(group + "/values").to(dtype)));
    EXPECT_LT(relative_difference(found, as_latents(primitives()(group + "/likelihood"))),
              tolerance);
  }
}

TEST(EntropyBottleneck, has_the_recorded_gradients_of_values_and_parameters) {
  const std::string group = "entropy_bottleneck_f64";
  const Bottleneck bottleneck(group, at::kDouble);
  const Tensor values = as_latents(primitives()(group + "/values")).contiguous().requires_grad_();
  const Tensor cost = -at::log(bottleneck.density.likelihood(values)).sum();
  EXPECT_NEAR(cost.item<double>() / primitives().number(group + "/neg_log_likelihood"), 1, 1e-11);
  cost.backward();
  EXPECT_LT(relative_difference(values.grad(), as_latents(primitives()(group + "/grad_values"))),
            1e-9);
  int compared = 0;
  for (const auto& [key, tensor] : bottleneck.parameters.all()) {
    const std::string name = key.substr(std::string("entropy_bottleneck.").size());
    if (name == "quantiles") continue;
    EXPECT_LT(relative_difference(tensor.grad(), primitives()(group + "/grad_params/" + name)),
              1e-9)
        << name;
    ++compared;
  }
  EXPECT_EQ(compared, 14);
}

TEST(EntropyBottleneck, trains_its_quantiles_alone_by_the_auxiliary_loss) {
  const std::string group = "entropy_bottleneck_f64";
  const Bottleneck bottleneck(group, at::kDouble);
  const Tensor loss = bottleneck.density.quantile_loss();
  EXPECT_NEAR(loss.item<double>() / primitives().number(group + "/aux_loss"), 1, 1e-11);
  loss.backward();
  for (const auto& [key, tensor] : bottleneck.parameters.all()) {
    if (key != "entropy_bottleneck.quantiles") EXPECT_FALSE(tensor.grad().defined()) << key;
    else
      EXPECT_LT(relative_difference(tensor.grad(), primitives()(group + "/aux_grad_quantiles")),
                1e-11);
  }
}

TEST(GaussianConditional, has_the_recorded_likelihoods_and_gradients) {
  const std::string group = "gaussian_conditional_f64/";
  const auto leaf = [&](const char* name) { return primitives()(group + name).requires_grad_(); };
  const Tensor y = leaf("y"), scales = leaf("scales"), means = leaf("means");
  const Tensor likelihood = gaussian_likelihood(y, scales, means);
  EXPECT_LT(relative_difference(likelihood, primitives()(group + "likelihood")), 1e-11);
  EXPECT_LT(relative_difference(gaussian_likelihood(y, scales, at::zeros_like(y)),
                                primitives()(group + "likelihood_zero_mean")),
            1e-11);
  (-at::log(likelihood).sum()).backward();
  EXPECT_LT(relative_difference(y.grad(), primitives()(group + "grad_y")), 1e-9);
  EXPECT_LT(relative_difference(scales.grad(), primitives()(group + "grad_scales")), 1e-9);
  EXPECT_LT(relative_difference(means.grad(), primitives()(group + "grad_means")), 1e-9);
}

TEST(GaussianConditional, has_the_recorded_likelihoods_in_float32) {
  const std::string group = "gaussian_conditional_f32/";
  const auto read = [&](const char* name) { return primitives()(group + name); };
  EXPECT_LT(relative_difference(gaussian_likelihood(read("y"), read("scales"), read("means")),
                                read("likelihood")),
            2e-5);
}

}  // namespace
}  // namespace pellucid
