// Random masks: how much is missing, and what a mask depends on.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::run_stage;

constexpr Out<Tensor> kMask{"mask", ""};

Tensor masks(int items, double missing, std::vector<Value> size, std::int64_t first = 0,
             std::int64_t count = -1) {
  return run_stage("operators/mask",
                   {{"items", items}, {"missing", missing}, {"size", Value::list(std::move(size))}},
                   {}, first, count)[kMask];
}

TEST(Mask, is_missing_the_share_that_was_asked_for) {
  const Tensor mask = masks(3, 0.8, {100, 120});
  EXPECT_EQ(mask.sizes(), at::IntArrayRef({3, 1, 100, 120}));
  EXPECT_TRUE(((mask == 0) | (mask == 1)).all().item<bool>());
  // 36 000 draws: the share varies by 0.0021.
  EXPECT_NEAR(mask.mean().item<double>(), 0.2, 0.011);
  EXPECT_EQ(masks(1, 0, {5, 5}).sum().item<double>(), 25);
  EXPECT_EQ(masks(1, 1, {5, 5}).sum().item<double>(), 0);
}

TEST(Mask, is_another_one_for_each_item_however_items_are_cut_into_blocks) {
  const Tensor all = masks(4, 0.5, {16, 16});
  EXPECT_FALSE(at::equal(all[0], all[1]));
  EXPECT_TRUE(at::equal(masks(4, 0.5, {16, 16}, 2, 2), all.narrow(0, 2, 2)));
}

TEST(Mask, of_one_size_is_a_square) {
  EXPECT_TRUE(at::equal(masks(2, 0.5, {9}), masks(2, 0.5, {9, 9})));
}

TEST(Mask, may_be_of_a_volume) {
  EXPECT_EQ(masks(1, 0.5, {3, 4, 5}).sizes(), at::IntArrayRef({1, 1, 3, 4, 5}));
}

}  // namespace
}  // namespace pellucid
