// The brightness of a dark corner, taken away.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

constexpr Out<Tensor> kY{"y", ""};

Tensor without(const testing::Settings& settings, const Tensor& x) {
  return testing::run_stage("operators/background", settings, {{"x", x}})[kY];
}

TEST(Background, is_the_mean_of_the_corner_of_each_image_and_channel) {
  const Tensor x = at::rand({2, 3, 9, 12}, at::kDouble);
  const auto expect = [&](const char* corner, std::int64_t top, std::int64_t left) {
    const Tensor dark = x.narrow(2, top, 4).narrow(3, left, 4).mean({2, 3}, true);
    const Tensor y = without({{"corner", corner}, {"size", 4}}, x);
    EXPECT_TRUE(at::allclose(y, x - dark, 0, 1e-15)) << corner;
    const Tensor clipped = without({{"corner", corner}, {"size", 4}, {"clip", true}}, x);
    EXPECT_TRUE(at::allclose(clipped, (x - dark).clamp_min(0), 0, 1e-15)) << corner;
  };
  expect("top_left", 0, 0);
  expect("top_right", 0, 8);
  expect("bottom_left", 5, 0);
  expect("bottom_right", 5, 8);
}

TEST(Background, needs_a_corner_that_fits) {
  EXPECT_EQ(testing::message_of<ShapeError>([] {
              without({}, at::rand({1, 1, 20, 15}));
            }),
            "test.yaml:1:1: images must be at least 16 pixels high and wide, the 'size' of the "
            "corner, got 1 x float32 chw 1x20x15");
}

}  // namespace
}  // namespace pellucid
