#include "buffers/buffer.h"

#include <atomic>
#include <map>
#include <thread>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <pellucid/error.h>
#include <pellucid/testing.h>

#include "base/temporary_folder.h"
#include "buffers/checksum.h"

namespace pellucid {
namespace {

using ::pellucid::testing::message_of;
using ::testing::HasSubstr;

constexpr std::int64_t kItems = 10;

Spec spec() { return {kItems, at::kFloat, "hw", {8, 16}, "", {}, ""}; }
Tensor all_items() { return at::arange(kItems * 128, at::kFloat).view({kItems, 8, 16}); }
constexpr std::int64_t kItemBytes = 128 * 4;

/// A buffer over a file of its own, and a record of what it said it had stored.
struct Bench {
  explicit Bench(Buffer::Keep keep, std::int64_t memory)
      : budget(memory),
        buffer(
            "node.port", spec(), keep,
            [this] {
              ++places;
              file = std::make_shared<ContiguousFile>(
                  ContiguousFile::create(folder / "buffers.h5", {array_of("/node/port", spec())},
                                         {}, ContiguousFile::Space::sparse));
              return BufferPlace{file, 0};
            },
            budget, [this](const Block& block, std::uint64_t sum) { stored[block.first] = sum; }) {}

  void put_all(std::int64_t count) {
    for (std::int64_t first = 0; first < kItems; first += count)
      buffer.put({first, count, {}}, all_items().narrow(0, first, count));
  }

  TemporaryFolder folder;
  std::shared_ptr<ContiguousFile> file;
  int places = 0;
  std::map<std::int64_t, std::uint64_t> stored;
  MemoryBudget budget;
  Buffer buffer;
};

TEST(Buffer, an_intermediate_that_fits_into_memory_never_reaches_the_disk) {
  Bench bench(Buffer::Keep::cached, 100 * kItemBytes);
  bench.put_all(2);
  EXPECT_TRUE(at::equal(bench.buffer.get(0, kItems), all_items()));
  EXPECT_EQ(bench.places, 0);
  EXPECT_TRUE(bench.stored.empty());
  EXPECT_EQ(bench.budget.in_use(), kItems * kItemBytes);
}

TEST(Buffer, what_does_not_fit_goes_to_the_file_and_is_told) {
  Bench bench(Buffer::Keep::cached, 4 * kItemBytes);
  bench.put_all(2);
  EXPECT_EQ(bench.places, 1);
  EXPECT_EQ(bench.buffer.cached_bytes(), 4 * kItemBytes);
  ASSERT_EQ(bench.stored.size(), 3u);
  EXPECT_EQ(bench.stored[6], checksum(all_items().narrow(0, 6, 2)));
  EXPECT_EQ(bench.buffer.stored_checksum({6, 2, {}}), bench.stored[6]);
  EXPECT_TRUE(at::equal(bench.buffer.get(0, kItems), all_items()));
  EXPECT_TRUE(at::equal(bench.buffer.get(3, 4), all_items().narrow(0, 3, 4)));
}

TEST(Buffer, gives_memory_back_to_others_from_its_end) {
  Bench bench(Buffer::Keep::cached, 10 * kItemBytes);
  bench.put_all(2);
  const Reservation block = bench.budget.reserve(3 * kItemBytes, "block");
  EXPECT_EQ(bench.buffer.cached_bytes(), 6 * kItemBytes);
  EXPECT_THAT(bench.stored, ::testing::ElementsAre(::testing::Key(6), ::testing::Key(8)));
  EXPECT_TRUE(at::equal(bench.buffer.get(0, kItems), all_items()));
}

TEST(Buffer, a_result_stands_in_the_file_at_once) {
  Bench bench(Buffer::Keep::stored, 100 * kItemBytes);
  bench.buffer.put({4, 2, {}}, all_items().narrow(0, 4, 2));
  EXPECT_EQ(bench.budget.in_use(), 0);
  EXPECT_TRUE(at::equal(bench.file->read(0, 4, 2), all_items().narrow(0, 4, 2)));
}

TEST(Buffer, a_missing_block_is_an_error_not_zeros) {
  Bench bench(Buffer::Keep::cached, 4 * kItemBytes);
  bench.buffer.put({0, 2, {}}, all_items().narrow(0, 0, 2));
  bench.buffer.put({4, 2, {}}, all_items().narrow(0, 4, 2));
  EXPECT_TRUE(bench.buffer.holds({4, 2, {}}));
  EXPECT_FALSE(bench.buffer.holds({2, 2, {}}));
  EXPECT_FALSE(bench.buffer.holds({4, 1, {}}));
  EXPECT_THAT(message_of<Error>([&] { bench.buffer.get(0, 4); }),
              HasSubstr("'node.port' does not hold all of items 0 to 3"));
}

TEST(Buffer, regions_of_an_item_are_put_together) {
  for (const auto keep : {Buffer::Keep::cached, Buffer::Keep::stored}) {
    Bench bench(keep, kItemBytes);  // one item in memory, the other in the file
    for (const std::int64_t item : {3, 4})
      for (const std::int64_t row : {0, 4})
        for (const std::int64_t column : {0, 10}) {
          const Region region{{row, column}, {4, column == 0 ? 10 : 6}, {8, 16}};
          bench.buffer.put(
              {item, 1, region},
              all_items().narrow(0, item, 1).narrow(1, row, 4).narrow(2, column, region.size[1]));
        }
    EXPECT_TRUE(at::equal(bench.buffer.get(3, 2), all_items().narrow(0, 3, 2)));
    const Region across{{2, 8}, {5, 4}, {8, 16}};
    EXPECT_TRUE(at::equal(bench.buffer.get({4, 1, across}),
                          all_items().narrow(0, 4, 1).narrow(1, 2, 5).narrow(2, 8, 4)));
  }
}

TEST(Buffer, what_is_dropped_gives_its_memory_back) {
  Bench bench(Buffer::Keep::cached, 100 * kItemBytes);
  bench.put_all(5);
  bench.buffer.drop({0, 5, {}});
  EXPECT_FALSE(bench.buffer.holds({0, 5, {}}));
  EXPECT_EQ(bench.budget.in_use(), 5 * kItemBytes);
  bench.buffer.drop();
  EXPECT_EQ(bench.budget.in_use(), 0);
}

TEST(Buffer, goes_on_with_the_blocks_of_an_earlier_process) {
  Bench first(Buffer::Keep::stored, 0);
  first.put_all(2);
  MemoryBudget budget(0);
  Buffer second("node.port", spec(), Buffer::Keep::stored,
                [&] {
                  return BufferPlace{
                      std::make_shared<ContiguousFile>(ContiguousFile::open(
                          first.folder / "buffers.h5", {array_of("/node/port", spec())})),
                      0};
                },
                budget, {});
  EXPECT_EQ(second.stored_checksum({2, 2, {}}), first.stored[2]);
  second.restore({2, 2, {}});
  EXPECT_TRUE(at::equal(second.get(2, 2), all_items().narrow(0, 2, 2)));
}

TEST(Buffer, store_writes_what_is_only_in_memory) {
  Bench bench(Buffer::Keep::cached, 100 * kItemBytes);
  bench.put_all(2);
  bench.buffer.store();
  EXPECT_EQ(bench.stored.size(), 5u);
  EXPECT_EQ(bench.budget.in_use(), 0);
  EXPECT_TRUE(at::equal(bench.file->read(0, 0, kItems), all_items()));
}

TEST(Buffer, refuses_blocks_of_another_shape_or_type) {
  Bench bench(Buffer::Keep::cached, 100 * kItemBytes);
  EXPECT_THROW(bench.buffer.put({0, 2, {}}, at::zeros({2, 8, 15})), ShapeError);
  EXPECT_THROW(bench.buffer.put({0, 2, {}}, at::zeros({2, 8, 16}, at::kDouble)), ShapeError);
  EXPECT_THROW(bench.buffer.put({9, 2, {}}, at::zeros({2, 8, 16})), ShapeError);
}

TEST(Buffer, is_filled_and_read_by_many_threads_under_a_tight_budget) {
  Bench bench(Buffer::Keep::cached, 5 * kItemBytes);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (std::int64_t item = thread; item < kItems; item += 4) {
        const Reservation working = bench.budget.reserve(kItemBytes, "work");
        bench.buffer.put({item, 1, {}}, all_items().narrow(0, item, 1));
        if (!at::equal(bench.buffer.get(item, 1), all_items().narrow(0, item, 1))) ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(at::equal(bench.buffer.get(0, kItems), all_items()));
  EXPECT_LE(bench.budget.high_water(), 5 * kItemBytes);
}

}  // namespace
}  // namespace pellucid
