// Streams: what works block by block together, and what has to wait.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/plan/components.h"

namespace pellucid::testing {
namespace {

using ::testing::ElementsAre;

std::vector<std::vector<std::string>> streams_of(const Plan& plan) {
  std::vector<std::vector<std::string>> streams;
  for (const PlannedStream& stream : plan.streams) streams.push_back(names_in(plan, stream));
  return streams;
}

TEST(Streams, hold_together_what_works_item_by_item) {
  const Plan plan = plan_of(R"(nodes:
  truth: {use: toy/images}
  blur: {use: toy/blur}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
  score: {use: toy/score, in: {x: camera, reference: truth}}
)");
  EXPECT_THAT(streams_of(plan), ElementsAre(ElementsAre("truth", "blur", "camera", "score")));
  EXPECT_EQ(plan.streams[0].items, 12);
  EXPECT_FALSE(plan.streams[0].behind_barrier);
}

TEST(Streams, end_at_a_reducer) {
  const Plan plan = plan_of(R"(nodes:
  truth: {use: toy/images}
  mean: {use: toy/mean, in: {x: truth}}
  score: {use: toy/score, in: {x: truth, reference: mean}}
)");
  EXPECT_THAT(streams_of(plan), ElementsAre(ElementsAre("truth", "mean"), ElementsAre("score")));
  EXPECT_TRUE(plan.streams[1].behind_barrier);
  EXPECT_EQ(plan.streams[1].items, 12);
}

TEST(Streams, run_a_procedure_alone_and_what_needs_it_afterwards) {
  const Plan plan = plan_of(R"(nodes:
  truth: {use: toy/images}
  net: {use: toy/train, in: {x: truth}}
  clean: {use: toy/clean, in: {x: truth, denoiser: net.net}}
)");
  EXPECT_THAT(streams_of(plan),
              ElementsAre(ElementsAre("truth"), ElementsAre("net"), ElementsAre("clean")));
  EXPECT_FALSE(plan.streams[0].behind_barrier);
  EXPECT_TRUE(plan.streams[1].behind_barrier);
  EXPECT_TRUE(plan.streams[2].behind_barrier);
}

TEST(Streams, read_a_source_where_it_is_first_used) {
  const Plan plan = plan_of(R"(nodes:
  learn: {use: toy/images, with: {items: 50}}
  truth: {use: toy/images}
  net: {use: toy/train, in: {x: learn}}
  inverse: {use: toy/invert, in: {x: truth}}
  clean: {use: toy/clean, in: {x: inverse, denoiser: net.net}}
)");
  EXPECT_THAT(streams_of(plan), ElementsAre(ElementsAre("learn"), ElementsAre("net"),
                                            ElementsAre("truth", "inverse", "clean")));
}

TEST(Streams, make_an_object_of_one_item_before_what_uses_it) {
  const Plan plan = plan_of(R"(nodes:
  truth: {use: toy/images}
  kernel: {use: toy/images, with: {items: 1, shape: [1, 7, 7]}}
  blur: {use: toy/blur, in: {kernel: kernel}}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
)");
  EXPECT_THAT(streams_of(plan),
              ElementsAre(ElementsAre("kernel", "blur"), ElementsAre("truth", "camera")));
  EXPECT_FALSE(plan.nodes[node_named(plan, "blur")].object_per_block);
  EXPECT_FALSE(plan.streams[1].behind_barrier);
}

TEST(Streams, make_an_object_of_many_items_in_every_stream_that_uses_it) {
  const Plan plan = plan_of(R"(nodes:
  truth: {use: toy/images}
  kernels: {use: toy/images, with: {shape: [1, 7, 7]}}
  blur: {use: toy/blur, in: {kernel: kernels}}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
  mean: {use: toy/mean, in: {x: camera}}
  again: {use: toy/convolve, in: {x: camera, A: blur}}
  score: {use: toy/score, in: {x: again, reference: mean}}
)");
  EXPECT_TRUE(plan.nodes[node_named(plan, "blur")].object_per_block);
  EXPECT_THAT(streams_of(plan),
              ElementsAre(ElementsAre("truth", "kernels", "blur", "camera", "mean", "again"),
                          ElementsAre("score")));
}

TEST(Streams, are_apart_where_nothing_connects_them) {
  const Plan plan = plan_of(R"(nodes:
  a: {use: toy/images}
  b: {use: toy/images}
  c: {use: toy/invert, in: {x: a}}
  d: {use: toy/invert, in: {x: b}}
)");
  EXPECT_THAT(streams_of(plan), ElementsAre(ElementsAre("a", "c"), ElementsAre("b", "d")));
}

TEST(Streams, compute_one_item_for_all_first) {
  const Plan plan = plan_of(R"(nodes:
  many: {use: toy/images}
  one: {use: toy/images, with: {items: 1}}
  other: {use: toy/invert, in: {x: one}}
  score: {use: toy/score, in: {x: many, reference: other}}
)");
  EXPECT_THAT(streams_of(plan),
              ElementsAre(ElementsAre("one", "other"), ElementsAre("many", "score")));
}

TEST(Streams, hold_every_computed_node_and_only_after_its_producers) {
  const Plan plan = plan_of(R"(nodes:
  truth: {use: toy/images}
  kernel: {use: toy/images, with: {items: 1}}
  blur: {use: toy/blur, in: {kernel: kernel}}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
  mean: {use: toy/mean, in: {x: camera}}
  net: {use: toy/train, in: {x: camera}}
  clean: {use: toy/clean, in: {x: camera, denoiser: net.net}}
  score: {use: toy/score, in: {x: clean, reference: mean}}
  summary: {use: toy/summary, in: {rows: score}}
  save: {use: toy/save, in: {clean: clean, mean: mean, summary: summary, loss: net.loss}}
)");
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const PlannedNode& node = plan.nodes[i];
    ASSERT_LT(node.stream, plan.streams.size()) << node.name;
    const auto names = names_in(plan, plan.streams[node.stream]);
    EXPECT_NE(std::find(names.begin(), names.end(), node.name), names.end()) << node.name;
    for (const PlannedInput& input : node.inputs)
      EXPECT_LE(plan.nodes[input.node].stream, node.stream) << node.name;
  }
}

}  // namespace
}  // namespace pellucid::testing
