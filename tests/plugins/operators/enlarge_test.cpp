// Enlarged images against the formula written out, and what decides their size.

#include <gtest/gtest.h>

#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::message_of;
using testing::run_stage;

const char* const kUse = "operators/enlarge";
constexpr Out<Tensor> kX{"x", ""};

Value list(std::vector<Value> items) { return Value::list(std::move(items)); }

Tensor enlarged(const Tensor& y, std::vector<Value> size) {
  const int dimensions = int(size.size());
  return run_stage(kUse, {{"size", list(std::move(size))}, {"dimensions", dimensions}},
                   {{"y", y}})[kX];
}

double cubic(double u) {
  u = std::abs(u);
  if (u <= 1) return 1.5 * u * u * u - 2.5 * u * u + 1;
  if (u <= 2) return -0.5 * u * u * u + 2.5 * u * u - 4 * u + 2;
  return 0;
}

Tensor matrix(std::int64_t n, std::int64_t to) {
  Tensor all = at::zeros({to, n}, at::kDouble);
  for (std::int64_t i = 0; i < to; ++i) {
    const double place = (double(i) + 0.5) * double(n) / double(to) - 0.5;
    double sum = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += cubic(double(j) - place);
    for (std::int64_t j = 0; j < n; ++j) all[i][j].fill_(cubic(double(j) - place) / sum);
  }
  return all;
}

TEST(Enlarge, equals_its_formula_along_each_axis) {
  for (const auto& [h, w, to_h, to_w] : std::vector<std::array<std::int64_t, 4>>{
           {6, 5, 12, 20}, {5, 7, 9, 7}, {1, 3, 4, 8}, {1, 1, 1, 5}}) {
    const Tensor y = at::randn({2, 3, h, w}, at::kDouble);
    const Tensor expected =
        at::matmul(at::matmul(matrix(h, to_h), y), matrix(w, to_w).transpose(0, 1));
    EXPECT_LT(laws::largest(enlarged(y, {to_h, to_w}) - expected), 1e-14) << h << "x" << w;
  }
}

TEST(Enlarge, works_on_volumes_and_keeps_dtypes) {
  const Tensor y = at::full({2, 1, 3, 4, 5}, 0.5);
  const Tensor x = enlarged(y, {6, 8, 5});
  EXPECT_EQ(x.sizes(), at::IntArrayRef({2, 1, 6, 8, 5}));
  EXPECT_EQ(x.scalar_type(), at::kFloat);
  EXPECT_LT(laws::largest(x - 0.5), 1e-6);
}

TEST(Enlarge, asks_the_operator_for_the_size) {
  const auto a = testing::load_linear_operator("operators/downsampling",
                                               {{"factor", 2}, {"size", list({11, 8})}});
  const Tensor y = at::randn({2, 3, 6, 4}, at::kDouble);
  const Outputs out = run_stage(kUse, {}, {{"y", y}, {"A", {}, {}, a}});
  EXPECT_TRUE(at::equal(out[kX], enlarged(y, {11, 8})));
}

TEST(Enlarge, takes_one_size_for_all_axes) {
  const Tensor y = at::rand({1, 1, 6, 4}, at::kDouble);
  EXPECT_TRUE(at::equal(run_stage(kUse, {{"size", 9}}, {{"y", y}})[kX], enlarged(y, {9, 9})));
  EXPECT_EQ(message_of<ConfigError>([&] {
              run_stage(kUse, {{"size", list({9, 9, 9})}}, {{"y", y}});
            }),
            "test.yaml:1:1: 'size' must have one entry or one for each of the 2 axes, got 3");
}

TEST(Enlarge, says_what_decides_the_size) {
  const Tensor y = at::rand({1, 1, 6, 4});
  EXPECT_EQ(message_of<ConfigError>([&] {
              run_stage(kUse, {}, {{"y", y}});
            }),
            "test.yaml:1:1: the size is missing: give 'size' or the input 'A'");
  EXPECT_EQ(message_of<ShapeError>([&] {
              enlarged(y, {12, 3});
            }),
            "test.yaml:1:1: x must be at least as large as y along the last 2 axes and alike along "
            "others, got 1x12x3 from 1x6x4; operators/downsampling makes images smaller");
}

}  // namespace
}  // namespace pellucid
