// Sizes: memory and disk as the plan predicts them, checked against sums by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/plan/components.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

// 512 x 512 float32 is 1 MiB, so a block of 4 items is 4 MiB an edge.
std::string chain(const std::string& settings, const std::string& working = "0") {
  return "settings: {" + settings + R"(}
nodes:
  a: {use: toy/images, with: {items: 64, shape: [1, 512, 512]}}
  b: {use: toy/invert, in: {x: a}, with: {working: )" +
         working + R"(}}
  c: {use: toy/invert, in: {x: b}}
  save: {use: toy/save, in: {c: c}}
)";
}

TEST(Memory, holds_inputs_outputs_and_working_memory_of_the_worst_node) {
  // At `b`: 4 of a, 4 of b, and 4 x 2 MiB beside them.
  const Plan plan = plan_of(chain("block: 4, memory: 1 GiB", "2 MiB"));
  EXPECT_EQ(plan.streams[0].block_bytes, 16 * kMiB);
  const PlannedNode& b = plan.nodes[node_named(plan, "b")];
  EXPECT_EQ(b.output_bytes, 4 * kMiB);
  EXPECT_EQ(b.working_bytes, 8 * kMiB);
}

TEST(Memory, drops_an_edge_behind_its_last_consumer) {
  // At `c` only b and c are alive: as much as at `b`.
  EXPECT_EQ(plan_of(chain("block: 4, memory: 1 GiB")).streams[0].block_bytes, 8 * kMiB);
}

TEST(Memory, holds_a_block_for_each_worker_one_read_ahead_and_one_written) {
  const Plan one = plan_of(chain("block: 4, memory: 1 GiB, workers: 1, threads: 1"));
  EXPECT_EQ(one.predicted_bytes, (8 + 4 + 4) * kMiB);
  const Plan three = plan_of(chain("block: 4, memory: 1 GiB, workers: 3, threads: 3"));
  EXPECT_EQ(three.predicted_bytes, (3 * 8 + 4 + 4) * kMiB);
  EXPECT_GT(three.predicted_resident, three.predicted_bytes);
}

TEST(Memory, lets_fewer_blocks_fly_where_it_is_short) {
  const Plan plan = plan_of(chain("block: 4, memory: 25 MiB, workers: 8, threads: 8"));
  EXPECT_EQ(plan.streams[0].in_flight, 2);
  EXPECT_EQ(plan.workers, 8);
  EXPECT_EQ(plan.threads, 1);
  EXPECT_LE(plan.predicted_bytes, 25 * kMiB);
}

TEST(Memory, counts_objects) {
  const std::string nodes = R"(nodes:
  a: {use: toy/images, with: {items: 1}}
  blur: {use: toy/blur, with: {bytes: 30 MiB}}
  c: {use: toy/convolve, in: {x: a, A: blur}}
)";
  EXPECT_GE(plan_of(nodes).predicted_bytes, 30 * kMiB);
  EXPECT_LT(plan_of(nodes).predicted_bytes, 31 * kMiB);
}

TEST(Memory, holds_buffers_between_streams_as_far_as_it_goes) {
  const auto text = [](const std::string& memory) {
    return "settings: {block: 1, memory: " + memory + R"(}
nodes:
  a: {use: toy/images, with: {items: 64, shape: [1, 512, 512]}}
  mean: {use: toy/mean, in: {x: a}}
  score: {use: toy/score, in: {x: a, reference: mean}}
)";
  };
  const Plan roomy = plan_of(text("1 GiB"));
  EXPECT_GE(roomy.predicted_bytes, 64 * kMiB);
  EXPECT_EQ(roomy.spilled_bytes, 0);
  const Plan narrow = plan_of(text("32 MiB"));
  EXPECT_LE(narrow.predicted_bytes, 32 * kMiB);
  EXPECT_GE(narrow.spilled_bytes, 32 * kMiB);
  EXPECT_GE(narrow.disk_bytes, narrow.spilled_bytes);
}

TEST(Memory, names_the_block_that_would_fit) {
  // One block of b items needs 2 b + b + b MiB.
  EXPECT_THAT(report_on(chain("block: 16, memory: 30 MiB")),
              HasSubstr("one block does not fit in memory: 64 MiB are needed here, "
                        "settings.memory allows 30 MiB; it would with 'block: 7' (or 'memory: 64 "
                        "MiB')"));
}

TEST(Memory, names_the_tile_that_would_fit) {
  EXPECT_THAT(report_on(R"(settings: {memory: 40 MiB}
nodes:
  a: {use: toy/images, with: {items: 2, shape: [1, 2048, 2048]}}
  b: {use: toy/blur}
  c: {use: toy/convolve, in: {x: a, A: b}}
)"),
              HasSubstr("it would with 'tile: [1024, 2048]' (or 'memory: "));
}

TEST(Memory, says_how_much_is_needed_where_nothing_can_be_cut) {
  const std::string report = report_on(R"(settings: {memory: 20 MiB}
nodes:
  a: {use: toy/images, with: {items: 1, shape: [1, 2048, 2048]}}
  c: {use: toy/invert, in: {x: a}}
)");
  EXPECT_THAT(report, HasSubstr("it would with 'memory: 32 MiB'"));
}

TEST(Memory, is_half_of_what_there_is_by_default) {
  const Plan plan = plan_of("nodes: {a: {use: toy/images}}");
  EXPECT_NEAR(static_cast<double>(plan.memory), static_cast<double>(available_memory()) / 2,
              static_cast<double>(available_memory()) / 4);
}

TEST(Disk, holds_results_and_the_files_of_sinks) {
  const Plan plan = plan_of(R"(keep: [a]
nodes:
  a: {use: toy/images, with: {items: 3, shape: [1, 512, 512]}}
  save: {use: toy/save, in: {a: a}, with: {bytes: 7 MiB}}
)");
  EXPECT_EQ(plan.disk_bytes, 10 * kMiB);
  EXPECT_GT(plan.disk_free, 0);
}

TEST(Disk, holds_a_state_for_each_block_that_is_reduced) {
  const Plan plan = plan_of(R"(settings: {block: 4}
nodes:
  a: {use: toy/images, with: {items: 64, shape: [1, 512, 512]}}
  m: {use: toy/mean, in: {x: a}}
)");
  EXPECT_EQ(plan.disk_bytes, (64 / 4 + 1) * kMiB);
}

TEST(Disk, is_not_to_be_filled) {
  EXPECT_THAT(report_on(R"(nodes:
  a: {use: toy/images, with: {items: 1}}
  save: {use: toy/save, in: {a: a}, with: {bytes: 4000 TiB}}
)"),
              HasSubstr("p.yaml: the run would write 3.91 PiB, but only "));
}

}  // namespace
}  // namespace pellucid::testing
