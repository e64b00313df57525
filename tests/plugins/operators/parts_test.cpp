// The real tensors that complex values are made of.

#include <numbers>

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

constexpr Out<Tensor> kReal{"real", ""}, kImaginary{"imaginary", ""};
constexpr Out<Tensor> kMagnitude{"magnitude", ""}, kPhase{"phase", ""};
constexpr Out<Tensor> kIntensity{"intensity", ""};

TEST(Parts, are_those_of_the_complex_numbers) {
  const Tensor x = at::randn({2, 1, 5, 4}, at::kComplexDouble);
  const Outputs out = testing::run_stage("operators/parts", {}, {{"x", x}});
  EXPECT_TRUE(at::equal(at::complex(out[kReal], out[kImaginary]), x));
  EXPECT_TRUE(at::allclose(at::polar(out[kMagnitude], out[kPhase]), x, 1e-14, 1e-14));
  EXPECT_TRUE(at::allclose(out[kIntensity], at::real(x * x.conj()), 1e-14, 1e-14));
  EXPECT_TRUE(out[kReal].is_contiguous() && out[kImaginary].is_contiguous());
}

TEST(Parts, of_real_numbers_are_themselves_and_0) {
  const Tensor x = at::tensor({-2.0, 0.0, 3.0}, at::kFloat).view({1, 1, 1, 3});
  const Outputs out = testing::run_stage("operators/parts", {}, {{"x", x}});
  EXPECT_TRUE(at::equal(out[kReal], x));
  EXPECT_TRUE(at::equal(out[kImaginary], at::zeros_like(x)));
  EXPECT_TRUE(at::equal(out[kMagnitude], x.abs()));
  EXPECT_FLOAT_EQ(out[kPhase][0][0][0][0].item<float>(), std::numbers::pi_v<float>);
  EXPECT_EQ(out[kPhase][0][0][0][1].item<float>(), 0);
}

TEST(Parts, of_whole_numbers_are_refused) {
  EXPECT_EQ(testing::message_of<ShapeError>([] {
              testing::run_stage("operators/parts", {}, {{"x", at::ones({1, 1, 2, 2}, at::kLong)}});
            }).substr(0, 35),
            "test.yaml:1:1: values must be float");
}

}  // namespace
}  // namespace pellucid
