// The allocator counts what tensors hold, by node, and gives back what it need not keep.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "run/allocator.h"

namespace pellucid {
namespace {

class Allocator : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { install_counting_allocator(); }
  void SetUp() override {
    trim_allocator();
    set_allocator_limit(64 << 20);
  }
};

TEST_F(Allocator, counts_live_bytes_and_returns_to_where_it_was) {
  const std::int64_t before = allocator_use().live;
  {
    const at::Tensor x = at::zeros({1 << 20}, at::kFloat);
    EXPECT_GE(allocator_use().live - before, 4 << 20);
    const at::Tensor kernel = at::ones({4, 1, 5, 5});
    const at::Tensor y = at::conv2d(x.view({1, 1, 1024, 1024}), kernel, {}, 1, 2);
    EXPECT_NEAR(y.sum().item<double>(), 0, 1e-9);
  }
  EXPECT_EQ(allocator_use().live, before);
}

TEST_F(Allocator, keeps_a_freed_block_for_the_next_of_its_size) {
  const void* first = at::empty({1 << 20}, at::kFloat).data_ptr();
  EXPECT_GE(allocator_use().pooled, 4 << 20);
  const at::Tensor second = at::empty({1 << 20}, at::kFloat);
  EXPECT_EQ(second.data_ptr(), first);
  EXPECT_EQ(allocator_use().pooled, 0);
}

TEST_F(Allocator, keeps_no_more_than_its_limit) {
  set_allocator_limit(6 << 20);
  { const at::Tensor two[] = {at::empty({1 << 20}, at::kFloat), at::empty({1 << 20}, at::kFloat)}; }
  EXPECT_LE(allocator_use().pooled + allocator_use().live, 6 << 20);
}

TEST_F(Allocator, aligns_for_vector_instructions) {
  for (const std::int64_t n : {1, 7, 1000, 100000, 3000000}) {
    const at::Tensor x = at::empty({n}, at::kFloat);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.data_ptr()) % 64, 0U) << n;
  }
}

TEST_F(Allocator, counts_for_the_node_that_allocates_until_it_is_freed) {
  at::Tensor kept;
  {
    const AllocationTag tag(5);
    kept = at::empty({1 << 20}, at::kFloat);
    const AllocationTag inner(6);
    const at::Tensor other = at::empty({1 << 19}, at::kFloat);
  }
  EXPECT_GE(peak_of_tag(5), 4 << 20);
  EXPECT_LT(peak_of_tag(5), 5 << 20);
  EXPECT_GE(peak_of_tag(6), 2 << 20);
  EXPECT_LT(peak_of_tag(6), 3 << 20);
}

}  // namespace
}  // namespace pellucid
