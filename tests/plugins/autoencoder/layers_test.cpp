// Layers against recorded results of a reference program: values, and gradients of
// sum(y * grad_out) for the input and all parameters. Tolerances: those recorded with the data.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "autoencoder/layers.h"
#include "plugins/autoencoder/golden.h"

namespace pellucid {
namespace {

using testing::Golden;
using testing::relative_difference;

const Golden& primitives() {
  static const Golden all("primitives.h5");
  return all;
}

struct Recorded {
  const char* group;
  LayerOf layer;
};

class Layers : public ::testing::TestWithParam<Recorded> {
 protected:
  void compare(const std::string& group, at::ScalarType dtype, double value, double gradient) {
    const Golden& golden = primitives();
    Parameters parameters(golden.below(group + "/state_dict", "block."), dtype);
    const Layer layer = GetParam().layer(parameters, "block");
    parameters.require_all_taken();
    for (const auto& named : parameters.all()) Tensor(named.tensor).requires_grad_();
    const Tensor x = golden(group + "/x").to(dtype).requires_grad_();
    const Tensor y = layer(x);
    EXPECT_LT(relative_difference(y, golden(group + "/y")), value) << group;
    (y * golden(group + "/grad_out").to(dtype)).sum().backward();
    EXPECT_LT(relative_difference(x.grad(), golden(group + "/grad_x")), gradient) << group;
    for (const auto& [key, tensor] : parameters.all()) {
      const std::string name = key.substr(std::string("block.").size());
      const std::string below = golden.has(group + "/grad_" + name) ? "/grad_" : "/grad_params/";
      Tensor found = tensor.grad(), expected = golden(group + below + name);
      if (golden.has(group + "/state_dict/mask") && name == "weight") {
        // Taps behind the mask have gradients in the reference, without effect.
        const Tensor mask = golden(group + "/state_dict/mask").to(dtype);
        EXPECT_EQ(testing::largest(found * (1 - mask)), 0);
        expected = expected * mask;
      }
      EXPECT_LT(relative_difference(found, expected), gradient) << group << " " << key;
    }
  }
};

TEST_P(Layers, have_the_recorded_values_and_gradients_in_float64) {
  compare(std::string(GetParam().group) + "_f64", at::kDouble, 1e-11, 1e-11);
}

TEST_P(Layers, have_the_recorded_values_and_gradients_in_float32) {
  compare(std::string(GetParam().group) + "_f32", at::kFloat, 2e-5, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(
    all, Layers,
    ::testing::Values(Recorded{"gdn", normalisation(5, Normalisation::divide)},
                      Recorded{"igdn", normalisation(5, Normalisation::multiply)},
                      Recorded{"masked_conv", masked_convolution(3, 6)},
                      Recorded{"attention_block", attention(6)},
                      Recorded{"residual_block", residual_block(4, 4)},
                      Recorded{"residual_block_skip", residual_block(4, 6)},
                      Recorded{"residual_block_with_stride", downward_block(3, 4)},
                      Recorded{"residual_block_upsample", upward_block(4, 4)},
                      Recorded{"subpel_conv3x3", subpixel_convolution(3, 2)}),
    [](const auto& test) { return std::string(test.param.group); });

TEST(LowerBound, has_the_recorded_values_and_gradients) {
  for (const auto& [group, dtype] :
       {std::pair<std::string, at::ScalarType>{"lower_bound_f64/", at::kDouble},
        {"lower_bound_f32/", at::kFloat}}) {
    const Tensor x = primitives()(group + "x").to(dtype).requires_grad_();
    const Tensor y = lower_bound(x, 0.25);
    EXPECT_TRUE(at::equal(y.detach(), primitives()(group + "y").to(dtype)));
    (y * primitives()(group + "grad_out").to(dtype)).sum().backward();
    EXPECT_TRUE(at::equal(x.grad(), primitives()(group + "grad_x").to(dtype)));
  }
}

}  // namespace
}  // namespace pellucid
