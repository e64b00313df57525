// GaussianBlur through the registry, as a pipeline loads it: its laws, its values, its messages.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::adjoint_gap;
using testing::linearity_gap;
using testing::load_component;
using testing::load_linear_operator;
using testing::message_of;

const char* const kUse = "filters/gaussian_blur";

TEST(GaussianBlur, is_linear_and_has_its_exact_adjoint) {
  for (const double sigma : {0.0, 0.7, 3.0}) {
    const auto blur = load_linear_operator(kUse, {{"sigma", sigma}});
    EXPECT_LT(adjoint_gap(*blur, {2, 3, 9, 12}), 1e-14) << sigma;
    EXPECT_LT(linearity_gap(*blur, {2, 3, 9, 12}), 1e-14) << sigma;
  }
}

TEST(GaussianBlur, of_a_point_is_a_sampled_gaussian) {
  const double sigma = 1.5;
  const auto blur = load_linear_operator(kUse, {{"sigma", sigma}});
  const Tensor point = blur->apply(testing::impulse(31))[0][0];
  EXPECT_NEAR(point.sum().item<double>(), 1.0, 1e-14);
  const double ratio = (point[15][17] / point[15][15]).item<double>();
  EXPECT_NEAR(ratio, std::exp(-2.0 * 2.0 / (2.0 * sigma * sigma)), 1e-14);
}

TEST(GaussianBlur, keeps_the_dtype) {
  const auto blur = load_linear_operator(kUse);
  EXPECT_EQ(blur->apply(at::ones({1, 1, 8, 8}, at::kFloat)).scalar_type(), at::kFloat);
}

TEST(GaussianBlur, refuses_a_negative_sigma) {
  const std::string said = message_of<Error>([] { load_component(kUse, {{"sigma", -1.0}}); });
  EXPECT_NE(said.find("sigma"), std::string::npos) << said;
}

}  // namespace
}  // namespace pellucid
