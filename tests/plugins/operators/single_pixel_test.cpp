// The single-pixel camera against the dense Hadamard matrix, its laws, and the messages of misuse.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::load_linear_operator;
using testing::message_of;
using testing::Settings;

const char* const kUse = "operators/single_pixel";

Value size(int height, int width) { return Value::list({height, width}); }

/// H of n rows: H_2n = [H_n H_n; H_n -H_n].
Tensor hadamard(std::int64_t n) {
  if (n == 1) return at::ones({1, 1}, at::kDouble);
  const Tensor half = hadamard(n / 2);
  return at::cat({at::cat({half, half}, 1), at::cat({half, -half}, 1)}, 0);
}

Tensor matrix_of(const Settings& settings, std::int64_t h, std::int64_t w) {
  const auto a = load_linear_operator(kUse, settings);
  return laws::matrix_of(*a, laws::spec_of_items({{1, 1, h, w}}, at::kDouble));
}

std::int64_t changes_of_sign(const Tensor& row) {
  return (row.narrow(0, 1, row.size(0) - 1) * row.narrow(0, 0, row.size(0) - 1) < 0)
      .sum()
      .item<std::int64_t>();
}

TEST(SinglePixel, of_all_patterns_is_the_hadamard_matrix) {
  for (const auto& [h, w] :
       {std::pair{1, 1}, std::pair{1, 2}, std::pair{8, 4}, std::pair{16, 16}}) {
    const Tensor expected = hadamard(h * w) / std::sqrt(double(h * w));
    EXPECT_TRUE(at::allclose(matrix_of({{"size", size(h, w)}}, h, w), expected, 0, 1e-15))
        << h << "x" << w;
  }
}

TEST(SinglePixel, transforms_images_of_every_size_alike) {
  // Larger than the blocks that stay in the cache, and of odd and even numbers of levels.
  for (const std::int64_t n : {64, 128, 256}) {
    const auto a = load_linear_operator(kUse, {{"size", n}});
    const Tensor x = at::randn({1, 1, n, n}, at::kDouble);
    const Tensor h = hadamard(n) / std::sqrt(double(n));
    const Tensor expected = at::matmul(at::matmul(h, x[0][0]), h).flatten();
    EXPECT_TRUE(at::allclose(a->forward(x)[0][0], expected, 0, 1e-12)) << n;
  }
}

TEST(SinglePixel, measures_different_patterns_and_always_the_uniform_one) {
  const Settings settings{{"size", 16}, {"measurements", 40}};
  const Tensor a = matrix_of(settings, 16, 16);
  EXPECT_EQ(a.sizes(), at::IntArrayRef({40, 256}));
  EXPECT_TRUE(at::allclose(at::matmul(a, a.t()), at::eye(40, at::kDouble), 0, 1e-14));
  EXPECT_TRUE(at::allclose(a[0], at::full({256}, 1.0 / 16, at::kDouble)));
  EXPECT_TRUE(at::equal(a, matrix_of(settings, 16, 16))) << "draws differ from run to run";
  EXPECT_TRUE(at::allclose(a.abs(), at::full_like(a, 1.0 / 16), 0, 1e-15));
}

TEST(SinglePixel, draws_from_all_patterns) {
  const Tensor a = matrix_of({{"size", 32}, {"measurements", 256}}, 32, 32);
  const Tensor order = at::matmul(a * 32, hadamard(1024)).argmax(1).to(at::kDouble);
  EXPECT_NEAR(order.mean().item<double>(), 511.5, 60);
  EXPECT_TRUE((order.narrow(0, 1, 255) > order.narrow(0, 0, 255)).all().item<bool>());
}

TEST(SinglePixel, of_the_lowest_patterns_has_few_changes_of_sign) {
  const std::int64_t n = 8;
  const Tensor a = matrix_of({{"size", n}, {"patterns", "lowest"}}, n, n).view({n * n, n, n});
  std::int64_t before = 0;
  for (std::int64_t m = 0; m < n * n; ++m) {
    const std::int64_t changes = changes_of_sign(a[m][0]) + changes_of_sign(a[m].select(1, 0));
    EXPECT_GE(changes, before);
    before = changes;
  }
  EXPECT_EQ(before, 14);
}

TEST(SinglePixel, with_flipped_pixels_has_patterns_without_structure) {
  const Tensor plain = matrix_of({{"size", 16}}, 16, 16);
  const Tensor flipped = matrix_of({{"size", 16}, {"flip", true}}, 16, 16);
  const Tensor signs = (flipped / plain)[0];
  EXPECT_TRUE(at::allclose(flipped, plain * signs));
  EXPECT_NEAR(signs.sum().item<double>(), 0, 50);
  EXPECT_TRUE((signs.abs() == 1).all().item<bool>());
}

TEST(SinglePixel, obeys_the_laws_of_linear_operators) {
  laws::Limits limits;
  const std::vector<laws::Items> cases{{{2, 1, 4, 8}}, {{3, 4, 8}}, {{2, 2, 3, 4, 8}}};
  for (const auto& settings : std::vector<Settings>{
           {{"size", size(4, 8)}},
           {{"size", size(4, 8)}, {"measurements", 12}, {"flip", true}},
           {{"size", size(4, 8)}, {"measurements", 12}, {"patterns", "lowest"}}}) {
    limits.dtype = at::kDouble;
    laws::expect_linear_operator_laws(kUse, settings, {}, cases, limits);
    limits.dtype = at::kComplexDouble;
    laws::expect_linear_operator_laws(kUse, settings, {}, cases, limits);
  }
  laws::expect_linear_operator_laws(kUse, {{"size", 1}}, {}, {{{2, 1, 1, 1}}});
}

TEST(SinglePixel, knows_its_domain) {
  const auto a = load_linear_operator(kUse, {{"size", size(8, 4)}, {"measurements", 10}});
  const Spec x = laws::spec_of_items({{2, 3, 8, 4}}, at::kFloat);
  EXPECT_EQ(a->range(x).text(), "2 x float32 cm 3x10");
  EXPECT_EQ(a->domain(a->range(x)), x);
}

TEST(SinglePixel, says_what_it_needs) {
  EXPECT_EQ(message_of<ConfigError>([] {
              load_linear_operator(kUse, {{"size", 100}});
            }),
            "test.yaml:1:1: 'size' must be powers of 2, got 100; crop to 64 or pad to 128");
  EXPECT_EQ(message_of<ConfigError>([] {
              load_linear_operator(kUse, {{"size", 8}, {"measurements", 65}});
            }),
            "test.yaml:1:1: 'measurements' must be at most the number of pixels, 64, got 65");
  const auto a = load_linear_operator(kUse, {{"size", 8}, {"measurements", 10}});
  EXPECT_EQ(message_of<ShapeError>([&] {
              a->range(laws::spec_of_items({{1, 1, 8, 16}}, at::kFloat));
            }),
            "images must be of 'size' 8x8, got 1 x float32 chw 1x8x16");
  EXPECT_EQ(message_of<ShapeError>([&] {
              a->domain(laws::spec_of_items({{1, 1, 11}, "cm"}, at::kFloat));
            }),
            "there must be 10 measurements, got 1 x float32 cm 1x11");
}

}  // namespace
}  // namespace pellucid
