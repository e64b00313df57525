// Sweeps: equal nodes of several points are one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "framework/plan/components.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

std::size_t count_of(const Plan& plan, const std::string& name) {
  return static_cast<std::size_t>(
      std::count_if(plan.nodes.begin(), plan.nodes.end(),
                    [&name](const PlannedNode& node) { return node.name == name; }));
}

constexpr const char* kNodes = R"(nodes:
  truth: {use: toy/images}
  blur: {use: toy/blur}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
  inverse: {use: toy/invert, in: {x: camera}}
  score: {use: toy/score, in: {x: inverse, reference: truth}}
  save: {use: toy/save, in: {inverse: inverse}}
)";

TEST(Sweep, shares_what_is_equal_in_all_points) {
  const Plan plan = plan_of(std::string("sweep: [{inverse.scale: [1, 2, 3]}]\n") + kNodes);
  EXPECT_EQ(plan.points.size(), 3);
  EXPECT_EQ(count_of(plan, "truth"), 1);
  EXPECT_EQ(count_of(plan, "camera"), 1);
  EXPECT_EQ(count_of(plan, "inverse"), 3);
  EXPECT_EQ(count_of(plan, "score"), 3);
  EXPECT_EQ(plan.results.size(), 3);
}

TEST(Sweep, shares_nothing_behind_what_differs) {
  const Plan plan = plan_of(std::string("sweep: [{blur.std: [1, 2]}]\n") + kNodes);
  EXPECT_EQ(count_of(plan, "truth"), 1);
  EXPECT_EQ(count_of(plan, "blur"), 2);
  EXPECT_EQ(count_of(plan, "camera"), 2);
  EXPECT_EQ(count_of(plan, "score"), 2);
}

TEST(Sweep, never_shares_a_sink) {
  const Plan plan = plan_of(R"(sweep: [{spare.scale: [1, 2]}]
nodes:
  truth: {use: toy/images}
  spare: {use: toy/invert, in: {x: truth}}
  save: {use: toy/save, in: {truth: truth}}
)");
  EXPECT_EQ(count_of(plan, "save"), 2);
  EXPECT_EQ(count_of(plan, "truth"), 1);
}

TEST(Sweep, names_the_point_of_a_node_that_is_in_one_alone) {
  const Plan plan = plan_of(std::string("sweep: [{blur.std: [1, 2]}]\n") + kNodes);
  EXPECT_EQ(plan.nodes[node_named(plan, "truth")].point, "");
  EXPECT_EQ(plan.nodes[node_named(plan, "blur")].point, plan.points[0].label);
}

TEST(Sweep, reports_a_fault_of_all_points_once) {
  const std::string report = report_on(std::string("sweep: [{inverse.scale: [1, 2]}]\n") + kNodes +
                                       "  wrong: {use: toy/convolve, in: {x: truth, A: truth}}\n");
  EXPECT_THAT(report, HasSubstr("1 error; nothing was run"));
}

TEST(Sweep, keeps_the_resolved_text_of_every_point) {
  const Plan plan = plan_of(std::string("sweep: [{blur.std: [1.25, 2.5]}]\n") + kNodes);
  EXPECT_THAT(plan.points[0].resolved, HasSubstr("1.25"));
  EXPECT_THAT(plan.points[1].resolved, HasSubstr("2.5"));
}

}  // namespace
}  // namespace pellucid::testing
