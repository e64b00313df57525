// A blur that changes over the image, against the kernel that each point is to have.

#include <cmath>

#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::Given;
using testing::load_linear_operator;
using testing::message_of;
using testing::Settings;

const char* const kUse = "operators/spatially_varying";
const std::vector<const char*> kBoundaries{"circular", "reflect", "replicate", "zero", "valid"};

Value list(std::vector<Value> items) { return Value::list(std::move(items)); }

Given kernels(const Tensor& values) {
  return {"kernels", values.unsqueeze(0), values.dim() == 3 ? "khw" : "kzyx"};
}

Given weights(const Tensor& values) {
  return {"weights", values.unsqueeze(0), values.dim() == 3 ? "khw" : "kzyx"};
}

std::shared_ptr<const LinearOperator> one_blur(const Tensor& kernel, const Settings& settings) {
  return load_linear_operator("operators/convolution", settings,
                              {{"kernel", kernel.unsqueeze(0).unsqueeze(0)}});
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

TEST(SpatiallyVarying, with_equal_kernels_is_a_convolution) {
  const Tensor kernel = at::rand({3, 5}, at::kDouble), x = at::randn({2, 3, 13, 17}, at::kDouble);
  for (const char* boundary : kBoundaries) {
    const Settings settings{{"boundary", boundary}, {"normalize", false}};
    Settings in_grid = settings;
    in_grid.push_back({"grid", list({2, 3})});
    const auto a = load_linear_operator(kUse, in_grid, {kernels(kernel.expand({6, 3, 5}))});
    const auto b = one_blur(kernel, settings);
    EXPECT_LT(difference(a->forward(x), b->forward(x)), 1e-13) << boundary;
    const Tensor y = b->forward(x);
    EXPECT_LT(difference(a->adjoint(y), b->adjoint(y)), 1e-13) << boundary;
  }
}

TEST(SpatiallyVarying, blurs_each_point_with_its_mixture_of_kernels) {
  const Tensor h = at::rand({4, 3, 4}, at::kDouble), w = at::rand({4, 6, 7}, at::kDouble);
  for (const char* boundary : kBoundaries)
    for (const char* method : {"direct", "fft"}) {
      const Settings settings{{"boundary", boundary}, {"method", method}, {"normalize", false}};
      const auto a = load_linear_operator(kUse, settings, {kernels(h), weights(w)});
      const Tensor points = at::eye(42, at::kDouble).view({42, 1, 6, 7});
      const Tensor columns = a->forward(points);
      for (std::int64_t point = 0; point < 42; ++point) {
        const Tensor mixture = (h * w.flatten(1).select(1, point).view({4, 1, 1})).sum(0);
        const Tensor expected = one_blur(mixture, settings)->forward(points[point].unsqueeze(0));
        EXPECT_LT(difference(columns[point], expected[0]), 1e-13) << boundary << " " << method;
      }
    }
}

TEST(SpatiallyVarying, obeys_the_laws_of_linear_operators) {
  at::set_num_threads(1);  // all is small, so that threads would only wait for each other
  const laws::Limits limits{.norm = 0.25};
  const auto expect_laws = [&](const Settings& settings, const std::vector<Given>& inputs,
                               const std::vector<std::int64_t>& shape) {
    const auto make = [&](std::int64_t, std::int64_t) {
      return load_linear_operator(kUse, settings, inputs);
    };
    laws::expect_linear_operator_laws(make, {{shape}}, limits);
  };
  for (const char* boundary : kBoundaries) {
    SCOPED_TRACE(boundary);
    expect_laws({{"boundary", boundary}, {"grid", list({2, 2})}},
                {kernels(at::rand({4, 3, 4}, at::kDouble))}, {2, 2, 8, 7});
  }
  expect_laws({{"dimensions", 3}, {"grid", list({2, 1, 2})}},
              {kernels(at::rand({4, 2, 3, 3}, at::kDouble))}, {1, 1, 4, 5, 6});
  expect_laws({{"kernel", "gaussian"}}, {}, {2, 1, 9, 8});
}

/// What a point becomes, as a kernel of `size` around it.
Tensor response(const LinearOperator& a, std::int64_t n, std::int64_t y, std::int64_t x,
                std::int64_t size) {
  Tensor point = at::zeros({1, 1, n, n}, at::kDouble);
  point[0][0][y][x].fill_(1);
  return a.forward(point)[0][0].narrow(0, y - size / 2, size).narrow(1, x - size / 2, size);
}

TEST(SpatiallyVarying, has_each_kernel_of_a_grid_in_the_middle_of_its_part) {
  const Tensor h = at::rand({6, 3, 3}, at::kDouble);
  const auto a =
      load_linear_operator(kUse, {{"grid", list({2, 3})}, {"normalize", false}}, {kernels(h)});
  // Parts of 15 x 10: middles at 7 + 15 i, and between two pixels.
  EXPECT_LT(difference(response(*a, 30, 7, 3, 3), h[0]), 1e-13);  // on from the outer ones
  EXPECT_LT(difference(response(*a, 30, 22, 26, 3), h[5]), 1e-13);
  const Tensor between = 0.95 * h[1] + 0.05 * h[2];  // at 15 of the middles 14.5 and 24.5
  EXPECT_LT(difference(response(*a, 30, 7, 15, 3), between), 1e-13);
}

TEST(SpatiallyVarying, grows_from_the_centre_to_the_corners) {
  const auto a = load_linear_operator(
      kUse,
      {{"kernel",
        Value::map({{"gaussian", Value::map({{"centre", 1}, {"edge", 2.5}, {"levels", 16}})}})},
       {"boundary", "zero"}});
  const auto std_at = [&](std::int64_t place) {
    Tensor point = at::zeros({1, 1, 81, 81}, at::kDouble);
    point[0][0][40][place].fill_(1);
    const Tensor rows = a->forward(point)[0][0].sum(1);
    return std::sqrt((rows * (at::arange(81, at::kDouble) - 40).square()).sum().item<double>());
  };
  EXPECT_NEAR(std_at(40), 1, 0.01);
  EXPECT_NEAR(std_at(60), 1 + 1.5 * 20 / (40 * std::sqrt(2.0)), 0.05);
}

TEST(SpatiallyVarying, refuses_kernels_that_are_nowhere_twice_or_of_another_number) {
  const Given four = kernels(at::rand({4, 3, 3}));
  const auto message = [](const Settings& settings, const std::vector<Given>& inputs) {
    return message_of<Error>([&] { load_linear_operator(kUse, settings, inputs); });
  };
  EXPECT_EQ(message({}, {}),
            "test.yaml:1:1: the kernels are missing: give the setting 'kernel' or the input "
            "'kernels'");
  EXPECT_EQ(message({}, {four}),
            "test.yaml:1:1: nothing says where the kernels stand: give 'grid' or 'weights'");
  EXPECT_EQ(message({{"grid", list({2, 3})}}, {four}),
            "test.yaml:1:1: a grid of 2x3 needs 6 kernels, got 4");
  EXPECT_EQ(message({{"grid", list({2, 2})}, {"kernel", "gaussian"}}, {}),
            "test.yaml:1:1: the setting 'kernel' says where its kernels stand: remove 'grid' and "
            "'weights'");
  EXPECT_EQ(message({}, {four, weights(at::rand({3, 8, 8}))}),
            "test.yaml:1:1: there must be as many weights as kernels, got 3 and 4");
  EXPECT_EQ(message({{"grid", list({2, 2})}}, {{"kernels", at::rand({4, 1, 3, 3}), "chw"}}),
            "test.yaml:1:1: the kernels must be one item, with an axis for their number, got 4 "
            "items");
}

TEST(SpatiallyVarying, refuses_images_of_other_sizes_than_its_weights) {
  const auto a =
      load_linear_operator(kUse, {}, {kernels(at::rand({2, 3, 3})), weights(at::rand({2, 8, 9}))});
  Spec x;
  x.axes = "chw";
  x.shape = {1, 8, 8};
  EXPECT_EQ(message_of<ShapeError>([&] { a->range(x); }),
            "the weights must have the sizes of x, 8x8, got 8x9");
}

TEST(SpatiallyVarying, is_for_images_that_are_sampled_as_its_kernels_are) {
  Spec kernels = laws::spec_of_items({{1, 2, 3, 3}, "khw"}, at::kFloat);
  kernels.spacing = {1, 65, 65};
  kernels.spacing_unit = "nm";
  Inputs in;
  in.add({"kernels", kernels, {}, nullptr});
  const auto component =
      testing::load_component("operators/spatially_varying", {{"grid", Value::list({1, 2})}});
  auto& a = dynamic_cast<LinearOperator&>(*component);
  a.bind(in);
  Spec x = laws::spec_of_items({{1, 1, 8, 8}}, at::kFloat);
  EXPECT_NO_THROW(a.range(x));
  x.spacing = {1, 0.065, 0.065};
  x.spacing_unit = "um";
  EXPECT_NO_THROW(a.range(x));
  x.spacing.back() = 0.1;
  EXPECT_THROW(a.range(x), ShapeError);
}

}  // namespace
}  // namespace pellucid
