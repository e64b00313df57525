// Selection: what is computed, and what is stored.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/plan/components.h"

namespace pellucid::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<std::string> results_of(const Plan& plan) {
  std::vector<std::string> results;
  for (const PlannedResult& result : plan.results)
    results.push_back(plan.nodes[result.node].name + "." + result.port);
  return results;
}

constexpr const char* kNodes = R"(nodes:
  truth: {use: toy/images}
  blur: {use: toy/blur}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
  restore: {use: toy/double, in: {x: camera}}
  score: {use: toy/score, in: {x: restore.mean, reference: truth}}
  spare: {use: toy/invert, in: {x: truth}}
)";
const std::string kWithSink =
    std::string(kNodes) + "  save: {use: toy/save, in: {mean: restore.mean}}\n";

TEST(Selection, without_a_sink_stores_what_nobody_consumes) {
  EXPECT_THAT(results_of(plan_of(kNodes)), ElementsAre("restore.std", "score.table", "spare.y"));
}

TEST(Selection, with_a_sink_stores_tables_and_what_is_kept) {
  EXPECT_THAT(results_of(plan_of(kWithSink)), ElementsAre("score.table"));
  EXPECT_THAT(results_of(plan_of("keep: [camera, restore.std]\n" + kWithSink)),
              ElementsAre("camera.y", "restore.std", "score.table"));
}

TEST(Selection, names_nodes_that_nothing_needs) {
  const Plan plan = plan_of(kWithSink);
  EXPECT_THAT(plan.unused, ElementsAre("spare"));
  for (const PlannedNode& node : plan.nodes) EXPECT_NE(node.name, "spare");
}

TEST(Selection, until_a_node_computes_its_ancestors_alone) {
  PlanOptions options;
  options.until = "restore";
  const Plan plan = plan_of(kWithSink, options);
  EXPECT_THAT(results_of(plan), ElementsAre("restore.mean", "restore.std"));
  EXPECT_EQ(plan.nodes.size(), 4);
  options.until = "restore.std";
  EXPECT_THAT(results_of(plan_of(kWithSink, options)), ElementsAre("restore.std"));
}

TEST(Selection, until_says_which_nodes_there_are) {
  PlanOptions options;
  options.until = "restor";
  EXPECT_THAT(report_on(kWithSink, options),
              StartsWith("--until: there is no node 'restor'; did you mean 'restore'?\n"));
  options.until = "blur";
  EXPECT_THAT(
      report_on(kWithSink, options),
      StartsWith("--until: 'blur' is an object (operator.convolution) and gives no tensor or "
                 "table; name a node that does\n"));
  options.until = "restore.men";
  EXPECT_THAT(report_on(kWithSink, options),
              StartsWith("--until: 'restore.men' is no output; 'restore' has 'restore.mean' and "
                         "'restore.std'\n"));
}

TEST(Selection, refuses_a_pipeline_that_computes_nothing) {
  EXPECT_THAT(report_on("nodes: {blur: {use: toy/blur}}"),
              StartsWith("p.yaml: there is nothing to compute"));
}

TEST(Selection, reports_faults_of_nodes_that_nothing_needs) {
  EXPECT_THAT(report_on(kWithSink + "  wrong: {use: toy/convolve, in: {x: truth, A: truth}}\n"),
              StartsWith("p.yaml:9:"));
}

}  // namespace
}  // namespace pellucid::testing
