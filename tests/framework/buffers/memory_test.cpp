#include "buffers/memory.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include <pellucid/context.h>
#include <pellucid/error.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using ::pellucid::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(MemoryBudget, counts_what_is_held_and_the_most_that_ever_was) {
  MemoryBudget budget(100);
  {
    const Reservation a = budget.reserve(40, "blur");
    const Reservation b = budget.reserve(30, "camera");
    EXPECT_EQ(budget.in_use(), 70);
    EXPECT_THAT(budget.holders(), ElementsAre(Pair("blur", 40), Pair("camera", 30)));
  }
  EXPECT_EQ(budget.in_use(), 0);
  EXPECT_EQ(budget.high_water(), 70);
  EXPECT_TRUE(budget.holders().empty());
}

TEST(MemoryBudget, says_what_to_do_where_a_request_can_never_fit) {
  MemoryBudget budget(std::int64_t{1} << 20);
  EXPECT_EQ(message_of<Error>([&] { budget.reserve(std::int64_t{3} << 20, "node 'restore'"); }),
            "node 'restore' needs 3 MiB at once, more than the memory of the run, 1 MiB; give it "
            "more with settings.memory, or make its blocks smaller with settings.block or tile");
}

TEST(MemoryBudget, a_reservation_moves_and_is_given_back_once) {
  MemoryBudget budget(100);
  Reservation a = budget.reserve(40, "a");
  Reservation b = std::move(a);
  EXPECT_EQ(budget.in_use(), 40);
  b = budget.reserve(10, "b");
  EXPECT_EQ(budget.in_use(), 10);
  b.release();
  b.release();
  EXPECT_EQ(budget.in_use(), 0);
}

TEST(MemoryBudget, waits_until_others_give_back) {
  MemoryBudget budget(100);
  auto held = std::make_unique<Reservation>(budget.reserve(80, "a"));
  EXPECT_FALSE(budget.try_reserve(50, "b"));
  std::atomic<bool> got = false;
  std::thread waiter([&] {
    const Reservation waited = budget.reserve(50, "b");
    got = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(got);
  held.reset();
  waiter.join();
  EXPECT_TRUE(got);
  EXPECT_LE(budget.high_water(), 100);
}

TEST(MemoryBudget, asks_caches_for_what_is_missing) {
  MemoryBudget budget(100);
  std::vector<Reservation> cached;
  for (int i = 0; i < 9; ++i) cached.push_back(budget.reserve(10, "cache"));
  const MemoryBudget::Cache cache(budget, [&](std::int64_t wanted) {
    std::int64_t given = 0;
    while (given < wanted && !cached.empty()) {
      cached.pop_back();
      given += 10;
    }
    return given;
  });
  const Reservation block = budget.reserve(35, "block");
  EXPECT_EQ(cached.size(), 6u);
  EXPECT_EQ(budget.in_use(), 95);
}

TEST(MemoryBudget, what_a_cache_throws_reaches_who_asked) {
  MemoryBudget budget(100);
  const Reservation held = budget.reserve(90, "a");
  const MemoryBudget::Cache cache(
      budget, [](std::int64_t) -> std::int64_t { throw Error("the disk is full"); });
  EXPECT_THAT(message_of<Error>([&] { budget.reserve(20, "b"); }), HasSubstr("the disk is full"));
}

TEST(MemoryBudget, stop_ends_all_waiting) {
  MemoryBudget budget(100);
  const Reservation held = budget.reserve(90, "a");
  std::atomic<bool> cancelled = false;
  std::thread waiter([&] {
    try {
      budget.reserve(20, "b");
    } catch (const Cancelled&) {
      cancelled = true;
    }
  });
  budget.stop();
  waiter.join();
  EXPECT_TRUE(cancelled);
}

TEST(MemoryBudget, never_exceeds_its_limit_under_many_threads) {
  MemoryBudget budget(1000);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) const Reservation r = budget.reserve(200 + 37 * thread, "x");
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(budget.in_use(), 0);
  EXPECT_LE(budget.high_water(), 1000);
}

}  // namespace
}  // namespace pellucid
