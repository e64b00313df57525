// Tapered edges: the weights that they are blended with, and what they are for.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

#include "direct.h"

namespace pellucid {
namespace {

using namespace direct;
using testing::message_of;
using testing::Settings;

TEST(EdgeTaper, blends_with_the_blur_as_far_as_the_kernel_correlates_with_itself) {
  const Tensor k = at::rand({1, 1, 3, 4}, at::kDouble);
  const Tensor y = at::rand({1, 1, 12, 10}, at::kDouble);
  const Tensor x = run("edge_taper", y, blur(k));
  const Tensor blurred = blur(k / k.sum())->forward(y);
  const auto weight = [&](int axis, int size, int i) {
    const Tensor p = k[0][0].sum(1 - axis);
    const auto r = [&](int shift) {
      double sum = 0;
      for (int m = 0; m + shift < p.size(0); ++m) sum += (p[m] * p[m + shift]).item<double>();
      return sum;
    };
    return 1 - (r(i) + r(size - 1 - i)) / r(0);
  };
  for (int i = 0; i < 12; ++i)
    for (int j = 0; j < 10; ++j) {
      const double w = weight(0, 12, i) * weight(1, 10, j);
      const double expected =
          w * y[0][0][i][j].item<double>() + (1 - w) * blurred[0][0][i][j].item<double>();
      EXPECT_NEAR(x[0][0][i][j].item<double>(), expected, 1e-14) << i << ", " << j;
    }
  EXPECT_LT(difference(x.narrow(2, 3, 6).narrow(3, 4, 2), y.narrow(2, 3, 6).narrow(3, 4, 2)),
            1e-14);
}

TEST(EdgeTaper, quietens_a_circular_inverse_of_a_scene_that_is_not) {
  const Tensor ramp = at::linspace(0, 1, 48, at::kDouble);
  const Tensor scene = (ramp.unsqueeze(1) + 0.5 * ramp).view({1, 1, 48, 48});
  const Settings soft{{"kernel", Value::map({{"gaussian", Value::map({{"std", 1.5}})}})},
                      {"boundary", "reflect"}};
  Settings wrapped = soft;
  wrapped[1] = {"boundary", "circular"};
  const Tensor y = testing::load_linear_operator("operators/convolution", soft)->forward(scene);
  const Blur a = testing::load_linear_operator("operators/convolution", wrapped);
  const Settings settings{{"weight", 1e-3}, {"penalty", "identity"}};
  const auto error = [&](const Tensor& x) {
    return (x - scene).narrow(2, 8, 32).narrow(3, 8, 32).norm().item<double>();
  };
  EXPECT_LT(error(run("tikhonov", run("edge_taper", y, a), a, settings)),
            0.5 * error(run("tikhonov", y, a, settings)));
}

TEST(EdgeTaper, takes_volumes_and_refuses_other_boundaries_and_kernels_without_a_sum) {
  const Tensor k = at::rand({1, 1, 3, 3, 3}, at::kDouble), y = images({8, 7, 9});
  const Tensor x = run("edge_taper", y, blur(k));
  EXPECT_LT(difference(x.narrow(2, 3, 2).narrow(3, 3, 1).narrow(4, 3, 3),
                       y.narrow(2, 3, 2).narrow(3, 3, 1).narrow(4, 3, 3)),
            1e-14);
  const Tensor corner = blur(k / k.sum())->forward(y);
  EXPECT_LT(difference(x.select(2, 0), corner.select(2, 0)), 1e-14);
  const Tensor image = images({8, 8});
  EXPECT_NE(message_of<ConfigError>([&] {
              run("edge_taper", image, blur(kernel(2), "reflect"));
            }).find("the boundary of the blur must be circular, got reflect"),
            std::string::npos);
  EXPECT_NE(message_of<Error>([&] {
              run("edge_taper", image, blur(at::tensor({1.0, -1.0}).view({1, 1, 1, 2})));
            }).find("the kernel of item 0 sums to 0"),
            std::string::npos);
}

TEST(EdgeTaper, computes_in_the_precision_of_the_images_and_each_item_alike) {
  expect_items_alike("edge_taper", {});
}

}  // namespace
}  // namespace pellucid
