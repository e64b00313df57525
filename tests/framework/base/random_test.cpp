#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <pellucid/random.h>

#include <cmath>
#include <numbers>

namespace pellucid {
namespace {

using Words = std::array<std::uint32_t, 4>;

Random draws(std::vector<std::int64_t> items, std::optional<Region> region = {}) {
  return Random(1, "camera", "noise", std::move(items), std::move(region));
}

// Known answers of Random123 1.14 (D. E. Shaw Research), kat_vectors, philox4x32 with 10 rounds.
TEST(Philox, gives_the_published_answers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Standard errors of n independent draws, times five.
TEST(Uniform, has_the_moments_of_its_distribution) {
  const std::int64_t n = 1 << 20;
  const Tensor u = draws({0}).uniform({n}, at::kDouble);
  EXPECT_GE(u.min().item<double>(), 0);
  EXPECT_LT(u.max().item<double>(), 1);
  EXPECT_NEAR(u.mean().item<double>(), 0.5, 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(u.var().item<double>(), 1.0 / 12, 5 * std::sqrt(1.0 / 180 / n));
}

TEST(Uniform, of_few_digits_stays_below_one) {
  for (const auto dtype : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const Tensor u = draws({0}).uniform({1 << 18}, dtype).to(at::kDouble);
    EXPECT_GE(u.min().item<double>(), 0);
    EXPECT_LT(u.max().item<double>(), 1);
    EXPECT_LT((u - draws({0}).uniform({1 << 18}, at::kDouble)).abs().max().item<double>(),
              1.0 / 128);
  }
}

TEST(Normal, has_the_moments_of_its_distribution) {
  const std::int64_t n = 1 << 20;
  const Tensor x = draws({0}).normal({n}, at::kDouble)[0];
  EXPECT_NEAR(x.mean().item<double>(), 0, 5 / std::sqrt(n));
  EXPECT_NEAR(x.pow(2).mean().item<double>(), 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(x.pow(3).mean().item<double>(), 0, 5 * std::sqrt(15.0 / n));
  EXPECT_NEAR(x.pow(4).mean().item<double>(), 3, 5 * std::sqrt(96.0 / n));
  const Tensor neighbours = x.narrow(0, 0, n - 1) * x.narrow(0, 1, n - 1);
  EXPECT_NEAR(neighbours.mean().item<double>(), 0, 5 / std::sqrt(n));
}

TEST(Normal, fills_the_tails) {
  const std::int64_t n = 1 << 21;
  const Tensor x = draws({0}).normal({n}, at::kDouble);
  for (const double bound : {2.0, 3.0, 4.0}) {
    const double expected = n * std::erfc(bound / std::numbers::sqrt2);
    EXPECT_NEAR(x.abs().gt(bound).sum().item<double>(), expected, 5 * std::sqrt(expected));
  }
}

/// Box-Muller by the standard library, of the uniforms that the same counter gives.
TEST(Normal, is_the_textbook_formula_to_rounding) {
  const std::int64_t n = 10000;
  const Tensor u = draws({5}).uniform({n}, at::kDouble, 3);
  const Tensor x = draws({5}).normal({n}, at::kDouble, 3);
  const double* const uniform = u.data_ptr<double>();
  const double* const normal = x.data_ptr<double>();
  for (std::int64_t i = 0; i < n; i += 2) {
    const double radius = std::sqrt(-2 * std::log(1 - uniform[i]));
    const double angle = 2 * std::numbers::pi * uniform[i + 1];
    EXPECT_NEAR(normal[i], radius * std::cos(angle), 1e-14);
    EXPECT_NEAR(normal[i + 1], radius * std::sin(angle), 1e-14);
  }
}

TEST(Normal, of_a_complex_dtype_has_half_the_variance_in_each_part) {
  const std::int64_t n = 1 << 19;
  const Tensor x = draws({0}).normal({n}, at::kComplexDouble);
  const Tensor parts = at::view_as_real(x);
  EXPECT_NEAR(parts.select(-1, 0).var().item<double>(), 0.5, 5 * 0.5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(parts.select(-1, 1).var().item<double>(), 0.5, 5 * 0.5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(at::real(x * x).mean().item<double>(), 0, 5 / std::sqrt(n));
}

TEST(Integers, are_uniform_below_their_bound) {
  const std::int64_t n = 1 << 18;
  const Tensor counts = at::bincount(draws({0}).integers({n}, 7).flatten(), {}, 7).to(at::kDouble);
  EXPECT_EQ(counts.size(0), 7);
  const double expected = n / 7.0;
  // Chi-square with 6 degrees of freedom stays below 35 but for 4 times in a million.
  EXPECT_LT(((counts - expected).square() / expected).sum().item<double>(), 35);
  EXPECT_THROW(draws({0}).integers({1}, 0), Error);
}

TEST(Draws, of_an_item_do_not_depend_on_the_block_it_is_in) {
  const Tensor all = draws({0, 1, 2, 3, 4}).normal({3, 33, 17});
  for (const std::int64_t item : {0, 2, 4})
    EXPECT_TRUE(at::equal(all[item], draws({item}).normal({3, 33, 17})[0]));
  EXPECT_TRUE(at::equal(all.narrow(0, 1, 3), draws({1, 2, 3}).normal({3, 33, 17})));
}

TEST(Draws, of_a_region_are_those_of_the_whole_item) {
  const std::vector<std::int64_t> whole{3, 33, 17};
  const Tensor normal = draws({7}).normal(whole);
  const Tensor uniform = draws({7}).uniform(whole, at::kDouble);
  const Tensor complex = draws({7}).normal(whole, at::kComplexFloat);
  const Tensor integers = draws({7}).integers(whole, 1000);
  for (const auto& [offset, size] :
       std::vector<std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>>{
           {{0, 0, 0}, {3, 33, 17}},
           {{0, 5, 0}, {3, 8, 17}},
           {{0, 3, 1}, {3, 30, 15}},
           {{1, 32, 16}, {2, 1, 1}},
           {{2, 7, 3}, {1, 11, 4}}}) {
    const Region region{offset, size, whole};
    const auto cut = [&](Tensor item) {
      for (std::int64_t axis = 0; axis < 3; ++axis)
        item = item.narrow(axis + 1, offset[axis], size[axis]);
      return item;
    };
    EXPECT_TRUE(at::equal(draws({7}, region).normal(size), cut(normal)));
    EXPECT_TRUE(at::equal(draws({7}, region).uniform(size, at::kDouble), cut(uniform)));
    EXPECT_TRUE(at::equal(draws({7}, region).normal(size, at::kComplexFloat), cut(complex)));
    EXPECT_TRUE(at::equal(draws({7}, region).integers(size, 1000), cut(integers)));
  }
}

TEST(Draws, for_a_region_must_have_its_shape) {
  EXPECT_THROW(draws({0}, Region{{0, 0}, {2, 2}, {4, 4}}).normal({4, 4}), ShapeError);
}

TEST(Draws, do_not_depend_on_the_number_of_threads) {
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor alone = draws({0, 1}).normal({257, 129});
  at::set_num_threads(4);
  const Tensor together = draws({0, 1}).normal({257, 129});
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(alone, together));
}

TEST(Draws, differ_by_seed_node_purpose_item_and_step) {
  const Tensor one = draws({0}).normal({64});
  EXPECT_FALSE(at::equal(one, Random(2, "camera", "noise", {0}).normal({64})));
  EXPECT_FALSE(at::equal(one, Random(1, "camer", "anoise", {0}).normal({64})));
  EXPECT_FALSE(at::equal(one, Random(1, "camera", "init", {0}).normal({64})));
  EXPECT_FALSE(at::equal(one, draws({1}).normal({64})));
  EXPECT_FALSE(at::equal(one, draws({0}).normal({64}, at::kFloat, 1)));
  EXPECT_TRUE(at::equal(one, draws({0}).normal({64})));
}

TEST(Draws, of_nothing_are_empty) {
  EXPECT_EQ(draws({}).normal({3}).numel(), 0);
  EXPECT_EQ(draws({0, 1}).normal({3, 0}).numel(), 0);
  EXPECT_EQ(draws({0, 1}).normal({}).sizes(), at::IntArrayRef({2}));
}

}  // namespace
}  // namespace pellucid
