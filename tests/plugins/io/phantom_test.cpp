// The head phantom: values and places that are published, and sizes.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

constexpr Out<Tensor> kImage{"image", ""};

Tensor phantom(const testing::Settings& settings) {
  return testing::run_stage("io/phantom", settings, {})[kImage][0][0];
}

double value_at(const Tensor& image, double x, double y) {
  const auto place = [](double p, std::int64_t n) {
    return static_cast<std::int64_t>((p + 1) / 2 * double(n));
  };
  return image[place(-y, image.size(0))][place(x, image.size(1))].item<double>();
}

TEST(Phantom, has_the_tissues_where_they_belong) {
  const Tensor image = phantom({{"size", 256}});
  EXPECT_NEAR(value_at(image, 0, 0.9), 1, 1e-6) << "skull";
  EXPECT_NEAR(value_at(image, 0.4, -0.4), 0.2, 1e-6) << "brain";
  EXPECT_NEAR(value_at(image, 0.22, 0), 0, 1e-6) << "right ventricle";
  EXPECT_NEAR(value_at(image, -0.22, 0), 0, 1e-6) << "left ventricle";
  EXPECT_NEAR(value_at(image, 0, 0.45), 0.3, 1e-6) << "above";
  EXPECT_NEAR(value_at(image, 0.9, 0.9), 0, 1e-6) << "around";
  // Ventricles lean outwards at the top: the left one is turned against the clock.
  EXPECT_NEAR(value_at(image, -0.3, 0.28), 0, 1e-6);
  EXPECT_GT(value_at(image, -0.14, 0.34), 0.1);
}

TEST(Phantom, is_as_bright_in_every_size) {
  const double mean = phantom({{"size", 256}}).mean().item<double>();
  EXPECT_NEAR(phantom({{"size", Value::list({64, 100})}}).mean().item<double>(), mean, 1e-3);
  EXPECT_NEAR(phantom({{"size", 33}}).mean().item<double>(), mean, 2e-3);
  EXPECT_EQ(phantom({{"size", 1}}).sizes(), at::IntArrayRef({1, 1}));
}

}  // namespace
}  // namespace pellucid
