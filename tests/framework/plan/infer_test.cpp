// Inference: items, specs, and what components throw.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/plan/components.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string with_throwing(const std::string& what) {
  return "nodes:\n  scene: {use: toy/images}\n  bad: {use: toy/throwing, in: {x: scene}, with: "
         "{what: " +
         what + "}}\n";
}

TEST(Infer, gives_every_edge_its_spec) {
  const Plan plan = plan_of(R"(nodes:
  truth: {use: toy/images, with: {items: 47, shape: [3, 20, 30]}}
  blur: {use: toy/blur}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
  score: {use: toy/score, in: {x: camera, reference: truth}}
)");
  const auto [camera, y] = plan.find("camera");
  EXPECT_EQ(plan.tensor_spec(camera, y)->text(), "47 x float32 chw 3x20x30 [1]");
  const auto [score, table] = plan.find("score");
  EXPECT_EQ(plan.table_spec(score, table)->items, 47);
}

TEST(Infer, gives_one_item_for_all_beside_many) {
  const Plan plan = plan_of(R"(nodes:
  many: {use: toy/images, with: {items: 9}}
  one: {use: toy/images, with: {items: 1}}
  score: {use: toy/score, in: {x: many, reference: one}}
  reversed: {use: toy/score, in: {x: one, reference: many}}
)");
  EXPECT_EQ(plan.table_spec(plan.find("score").first, "table")->items, 9);
  // Its `infer` copied the items of the edge with one; a stage gives as many as it is given.
  EXPECT_EQ(plan.table_spec(plan.find("reversed").first, "table")->items, 9);
}

TEST(Infer, refuses_inputs_that_count_different_items) {
  EXPECT_THAT(report_on(R"(nodes:
  twelve: {use: toy/images}
  five: {use: toy/images, with: {items: 5}}
  score: {use: toy/score, in: {x: twelve, reference: five}}
)"),
              StartsWith("p.yaml:4:54: node 'score' (toy/score): all inputs must have the same "
                         "items, or one item for all: 'x' (twelve) has 12 items, 'reference' "
                         "(five) has 5 items\n"));
}

TEST(Infer, lets_a_procedure_read_several_datasets) {
  const Plan plan = plan_of(R"(nodes:
  learn: {use: toy/images, with: {items: 400}}
  test: {use: toy/images, with: {items: 47}}
  net: {use: toy/train, in: {x: learn, test: test}}
)");
  EXPECT_EQ(plan.nodes[node_named(plan, "net")].items, 1);
}

TEST(Infer, takes_a_window_of_items) {
  PlanOptions options;
  options.items = {{4, 8}};
  const Plan plan = plan_of(R"(nodes:
  many: {use: toy/images, with: {items: 6}}
  one: {use: toy/images, with: {items: 1}}
  score: {use: toy/score, in: {x: many, reference: one}}
)",
                            options);
  const PlannedNode& score = plan.nodes[node_named(plan, "score")];
  EXPECT_EQ(score.items, 2);
  EXPECT_EQ(score.first_item, 4);
  EXPECT_EQ(plan.nodes[node_named(plan, "one")].items, 1);
}

TEST(Infer, refuses_a_window_beyond_the_end) {
  PlanOptions options;
  options.items = {{12, 20}};
  EXPECT_THAT(report_on("nodes: {many: {use: toy/images}}", options),
              StartsWith("--items: 'many' has 12 items, numbered from 0, so there are none in "
                         "12:20\n"));
}

TEST(Infer, places_an_error_at_use_or_at_what_it_names) {
  EXPECT_THAT(report_on(with_throwing("of a setting")),
              StartsWith("p.yaml:3:57: node 'bad' (toy/throwing): 'what' cannot be this\n"));
  EXPECT_THAT(report_on(with_throwing("of an input")),
              StartsWith("p.yaml:3:36: node 'bad' (toy/throwing): 'x' is not wide enough\n"));
}

TEST(Infer, wraps_whatever_a_component_throws) {
  EXPECT_THAT(report_on(with_throwing("standard")),
              StartsWith("p.yaml:3:14: node 'bad' (toy/throwing): the first line\n"));
  EXPECT_THAT(report_on(with_throwing("int")),
              StartsWith("p.yaml:3:14: node 'bad' (toy/throwing): threw something"));
}

TEST(Infer, checks_what_components_answer) {
  EXPECT_THAT(report_on(with_throwing("no output")), HasSubstr("output 'y' has no spec"));
  EXPECT_THAT(report_on(with_throwing("no axes")),
              HasSubstr("output 'y' has 3 axes (1x64x64), but names ''"));
  EXPECT_THAT(report_on(with_throwing("empty")), HasSubstr("output 'y' would be empty: 1x64x0"));
  EXPECT_THAT(report_on(with_throwing("huge")), HasSubstr("would be larger than any disk"));
  EXPECT_THAT(report_on(with_throwing("items")),
              HasSubstr("output 'y' has 3 items, but the inputs have 12; a stage gives one item "
                        "for each"));
  EXPECT_THAT(report_on("nodes: {none: {use: toy/images, with: {items: 0}}}"),
              HasSubstr("output 'images' has no items"));
}

TEST(Infer, binds_objects_before_they_are_asked) {
  EXPECT_EQ(report_on(R"(nodes:
  scene: {use: toy/images}
  kernel: {use: toy/images, with: {items: 1}}
  blur: {use: toy/blur, in: {kernel: kernel}}
  camera: {use: toy/convolve, in: {x: scene, A: blur}}
)"),
            "no error");
}

}  // namespace
}  // namespace pellucid::testing
