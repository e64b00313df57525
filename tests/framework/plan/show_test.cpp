// What people and programs see of a plan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/plan/components.h"

namespace pellucid::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

Plan example() {
  return plan_of(R"(settings: {memory: 1 GiB, threads: 2, block: 8}
nodes:
  truth: {use: toy/images, with: {items: 47, shape: [3, 481, 321]}}
  blur: {use: toy/blur}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
  restore: {use: toy/double, in: {x: camera}}
  mean: {use: toy/mean, in: {x: restore.mean}}
  score: {use: toy/score, in: {x: restore.mean, reference: mean}}
  spare: {use: toy/invert, in: {x: truth}}
  save: {use: toy/save, in: {std: restore.std}, with: {bytes: 83 MiB}}
)");
}

TEST(Table, shows_every_output_with_spec_and_bytes) {
  const std::string table = plan_table(example());
  EXPECT_THAT(table, ContainsRegex("truth +toy/images +images +47 +float32 chw 3x481x321 +1 +"
                                   "14.1 MiB +83 MiB\n"));
  EXPECT_THAT(table, ContainsRegex("blur +toy/blur +operator.convolution\n"));
  EXPECT_THAT(table, ContainsRegex("score +toy/score +table \\(\\*\\) +47 +table: item, psnr"));
  EXPECT_THAT(table, ContainsRegex("save +toy/save +\\(files\\) +47 +83 MiB\n"));
}

TEST(Table, marks_barriers_and_what_is_not_needed) {
  const std::string table = plan_table(example());
  EXPECT_THAT(table, HasSubstr("\n-- barrier: what follows waits for all items"));
  EXPECT_THAT(table, HasSubstr("not needed by any result: spare\n"));
}

TEST(Table, ends_with_blocks_memory_and_disk) {
  const std::string table = plan_table(example());
  EXPECT_THAT(table, HasSubstr("blocks    12 blocks of 8 items at most; 1 worker of 2 threads\n"));
  EXPECT_THAT(table, ContainsRegex("memory    [0-9.]+ MiB of 1 GiB at the peak, "));
  EXPECT_THAT(table, ContainsRegex("disk      [0-9.]+ MiB of "));
}

TEST(Table, stands_in_columns_without_trailing_spaces) {
  std::istringstream lines(plan_table(example()));
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
}

TEST(Json, holds_the_same) {
  const std::string json = plan_json(example());
  for (const char* part : {"\"name\": \"truth\"", "\"shape\": [", "\"block_items\": 8",
                           "\"behind_barrier\": true", "\"unused\": [", "\"predicted_bytes\": ",
                           "\"disk_bytes\": ", "\"threads_per_worker\": 2", "\"psnr\""})
    EXPECT_THAT(json, HasSubstr(part));
}

TEST(Graph, is_drawn_for_graphviz) {
  const std::string dot = plan_graph(example(), GraphFormat::dot);
  EXPECT_THAT(dot, HasSubstr("digraph pipeline {\n"));
  EXPECT_THAT(dot, HasSubstr("label=\"truth\\ntoy/images\", shape=cds"));
  EXPECT_THAT(dot, HasSubstr("[label=\"x\\n47 x float32 chw 3x481x321 [1]\"]"));
  EXPECT_THAT(dot, HasSubstr("[label=\"A\\noperator.convolution\", style=dashed]"));
  EXPECT_EQ(dot.back(), '\n');
}

TEST(Graph, is_drawn_for_mermaid) {
  const std::string mermaid = plan_graph(example(), GraphFormat::mermaid);
  EXPECT_THAT(mermaid, HasSubstr("flowchart LR\n"));
  EXPECT_THAT(mermaid, HasSubstr("[/\"truth<br/><i>toy/images</i>\"/]:::source\n"));
  EXPECT_THAT(mermaid, HasSubstr(" -.->|\"A<br/>operator.convolution\"| "));
}

TEST(Plan, finds_ends_of_edges_by_name) {
  const Plan plan = example();
  EXPECT_EQ(plan.find("restore.std").second, "std");
  EXPECT_EQ(plan.find("truth"), (std::pair<std::size_t, std::string>(0, "images")));
  EXPECT_EQ(plan.find("blur").second, "");
  EXPECT_THROW(plan.find("restore"), ConfigError);
  try {
    plan.find("restore.men");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'restore.mean'?"));
  }
}

TEST(Plan, knows_the_consumers_of_an_output) {
  const Plan plan = example();
  const auto consumers = plan.consumers(node_named(plan, "restore"), "mean");
  ASSERT_EQ(consumers.size(), 2);
  EXPECT_EQ(plan.nodes[consumers[0].first].name, "mean");
  EXPECT_EQ(plan.nodes[consumers[1].first].name, "score");
}

}  // namespace
}  // namespace pellucid::testing
