// direct: what tests of direct deconvolution share: small blurs as objects and as matrices.
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid::direct {

using Blur = std::shared_ptr<const LinearOperator>;
using Sizes = std::vector<std::int64_t>;

/// Small matrices are done sooner by one thread, and much sooner on a busy machine.
inline const bool kAlone = (at::set_num_threads(1), true);

inline constexpr Out<Tensor> kX{"x", ""};
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

inline double difference(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

/// A blur with a kernel (items or 1, channels or 1, sizes...), as it stands.
inline Blur blur(const Tensor& kernel, const char* boundary = "circular") {
  return testing::load_linear_operator(
      "operators/convolution",
      {{"boundary", boundary}, {"dimensions", int(kernel.dim() - 2)}, {"normalize", false}},
      {{"kernel", kernel}});
}

inline std::string axes_of(const Tensor& y) { return y.dim() == 5 ? "czyx" : "chw"; }

inline Tensor run(const std::string& use, const Tensor& y, const Blur& a,
                  const testing::Settings& settings = {}, std::vector<testing::Given> more = {}) {
  more.insert(more.begin(), {{"y", y, axes_of(y)}, {"A", {}, {}, a}});
  return testing::run_stage("deconvolution/" + use, settings, more)[kX];
}

/// The matrix of a linear map of images with these sizes: its columns are what it makes of points.
template <class Map>
inline Tensor matrix(const Sizes& sizes, Map map) {
  const std::int64_t count = c10::multiply_integers(sizes);
  Sizes shape{count, 1};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  return map(at::eye(count, at::kDouble).view(shape)).reshape({count, count}).t().contiguous();
}

inline Tensor matrix(const Blur& a, const Sizes& sizes) {
  return matrix(sizes, [&](const Tensor& points) { return a->forward(points); });
}

/// The periodic Laplacian, by differences of neighbours.
inline Tensor laplacian(const Sizes& sizes) {
  return matrix(sizes, [](const Tensor& x) {
    Tensor sum = at::zeros_like(x);
    for (std::int64_t axis = 2; axis < x.dim(); ++axis)
      sum += 2 * x - x.roll({1}, {axis}) - x.roll({-1}, {axis});
    return sum;
  });
}

/// A kernel without symmetry that has an inverse, on 2 or 3 axes.
inline Tensor kernel(std::size_t axes, bool peaked = true) {
  const Tensor k = at::rand(axes == 2 ? Sizes{1, 1, 5, 4} : Sizes{1, 1, 3, 4, 3}, at::kDouble);
  Tensor whole = 0.3 * k / k.sum();
  Tensor middle = whole[0][0];
  for (std::size_t a = 0; a < axes; ++a) middle = middle[middle.size(0) / 2];
  if (peaked) middle += 0.7;
  return whole;
}

inline Tensor images(const Sizes& sizes) {
  Sizes shape{2, 1};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  return at::rand(shape, at::kDouble);
}

/// What a matrix makes of each item.
inline Tensor times(const Tensor& m, const Tensor& y) {
  return at::matmul(y.flatten(1), m.t()).view(y.sizes());
}

inline const std::vector<Sizes> kSizes{{16, 16}, {8, 8, 8}, {15, 14}};

/// A method computes in the dtype of the images, and each item and channel as if it were alone.
inline void expect_items_alike(const std::string& use, const testing::Settings& settings) {
  const Tensor kernels = at::rand({3, 2, 3, 5}, at::kDouble);
  const Tensor y = at::rand({3, 2, 21, 26}, at::kDouble);
  const Tensor all = run(use, y.to(at::kFloat), blur(kernels), settings);
  EXPECT_EQ(all.scalar_type(), at::kFloat);
  EXPECT_LT(difference(run(use, y, blur(kernels), settings), all), 1e-4) << use;
  for (int item = 0; item < 3; ++item)
    EXPECT_TRUE(at::equal(all.narrow(0, item, 1), run(use, y.to(at::kFloat).narrow(0, item, 1),
                                                      blur(kernels.narrow(0, item, 1)), settings)))
        << use;
  for (int channel = 0; channel < 2; ++channel)
    EXPECT_LT(
        difference(run(use, y.narrow(1, channel, 1), blur(kernels.narrow(1, channel, 1)), settings),
                   run(use, y, blur(kernels), settings).narrow(1, channel, 1)),
        1e-12)
        << use;
}

/// A method says clearly which images and blurs it cannot use.
inline void expect_refusals(const std::string& use, const testing::Settings& settings) {
  const auto message = [&](const Tensor& y, const Blur& a) {
    return testing::message_of<Error>([&] { run(use, y, a, settings); });
  };
  const Tensor y = images({16, 16});
  EXPECT_NE(message(y, blur(kernel(2), "zero"))
                .find("the boundary of the blur must be circular or reflect, got zero"),
            std::string::npos)
      << use;
  EXPECT_NE(message(y, blur(at::ones({1, 1, 17, 3})))
                .find("the kernel of a circular blur must not be larger than the images, got "
                      "17x3 for images of 16x16"),
            std::string::npos)
      << use;
  EXPECT_NE(message(y, blur(kernel(3))).find("zyx"), std::string::npos) << use;
  EXPECT_NE(message(y.to(at::kComplexDouble), blur(kernel(2))).find("float"), std::string::npos)
      << use;
  EXPECT_EQ(message(y, blur(at::zeros({1, 1, 3, 3}))),
            "test.yaml:1:1: the kernel of item 0 is 0 everywhere, so 'y' says nothing of 'x'; "
            "give another "
            "kernel to 'A'");
  EXPECT_EQ(message(y, blur(at::full({1, 1, 3, 3}, kInfinity))),
            "test.yaml:1:1: the kernel of item 0 must be finite, found inf or nan");
  for (const double bad : {kInfinity, std::numeric_limits<double>::quiet_NaN()}) {
    Tensor broken = y.clone();
    broken[1][0][3][4] = bad;
    EXPECT_EQ(message(broken, blur(kernel(2))),
              "test.yaml:1:1: 'y' must be finite, found inf or nan in item 1");
  }
}

/// A method gives the images where nothing was blurred, and zeros for zeros.
inline void expect_limits(const std::string& use, const testing::Settings& settings) {
  for (const Sizes& sizes : kSizes) {
    Tensor delta =
        at::zeros(sizes.size() == 2 ? Sizes{1, 1, 3, 3} : Sizes{1, 1, 3, 3, 3}, at::kDouble);
    delta.flatten()[delta.numel() / 2].fill_(1);
    for (const char* boundary : {"circular", "reflect"}) {
      const Tensor y = images(sizes);
      EXPECT_LT(difference(run(use, y, blur(delta, boundary), settings), y), 1e-12) << boundary;
      const Tensor zeros = run(use, at::zeros_like(y), blur(delta, boundary), settings);
      EXPECT_EQ(zeros.abs().max().item<double>(), 0) << boundary;
    }
  }
}

}  // namespace pellucid::direct
