// `pipeline/function`: the nodes between two ports as an object.
#include "plan/function_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/plan/components.h"

namespace pellucid::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kNodes = R"(nodes:
  truth: {use: toy/images}
  blur: {use: toy/blur}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
  halve: {use: toy/halve, in: {x: camera}}
  restore: {use: toy/double, in: {x: halve}}
)";

std::string with(const std::string& nodes) { return std::string(kNodes) + nodes; }

std::vector<std::string> between(const Plan& plan, const PlannedNode& node) {
  std::vector<std::string> names;
  for (const std::size_t inner : node.function->between) names.push_back(plan.nodes[inner].name);
  return names;
}

TEST(Function, holds_the_nodes_between_argument_and_value) {
  const Plan plan =
      plan_of(with(R"(  f: {use: pipeline/function, in: {argument: truth, value: restore.mean}}
  probe: {use: toy/probe, in: {x: truth, f: f}}
  save: {use: toy/save, in: {probe: probe}}
)"));
  const PlannedNode& f = plan.nodes[node_named(plan, "f")];
  EXPECT_THAT(between(plan, f), ElementsAre("camera", "halve", "restore"));
  EXPECT_EQ(f.function->value_port, "mean");
  ASSERT_EQ(f.inputs.size(), 1);
  EXPECT_EQ(f.inputs[0].port, "blur");
}

TEST(Function, computes_nothing_for_its_references) {
  const Plan plan =
      plan_of(with(R"(  f: {use: pipeline/function, in: {argument: camera, value: restore.mean}}
  other: {use: toy/images, with: {items: 3}}
  probe: {use: toy/probe, in: {x: other, f: f}}
  save: {use: toy/save, in: {probe: probe}}
)"));
  EXPECT_TRUE(plan.nodes[node_named(plan, "probe")].computed);
  for (const char* name : {"truth", "camera", "halve", "restore"})
    EXPECT_FALSE(plan.nodes[node_named(plan, name)].computed) << name;
}

TEST(Function, answers_with_the_spec_of_its_value) {
  const Plan plan =
      plan_of(with(R"(  f: {use: pipeline/function, in: {argument: camera, value: restore.mean}}
  probe: {use: toy/probe, in: {x: truth, f: f}}
)"));
  EXPECT_EQ(plan.tensor_spec(plan.find("probe").first, "y")->text(),
            "12 x float32 chw 1x64x32 [1]");
}

TEST(Function, says_where_inside_it_a_spec_is_refused) {
  EXPECT_THAT(
      report_on(with(R"(  f: {use: pipeline/function, in: {argument: camera, value: restore.mean}}
  odd: {use: toy/images, with: {shape: [1, 8, 9]}}
  probe: {use: toy/probe, in: {x: odd, f: f}}
)")),
      HasSubstr("node 'probe' (toy/probe): in the function, at 'halve' (toy/halve): the "
                "width must be even, got 1 x float32 chw 1x8x9 [1]\n"));
}

TEST(Function, is_made_for_each_block_where_it_needs_other_items) {
  const Plan plan = plan_of(R"(nodes:
  truth: {use: toy/images}
  masks: {use: toy/images}
  blur: {use: toy/blur, in: {kernel: masks}}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
  f: {use: pipeline/function, in: {argument: truth, value: camera}}
  probe: {use: toy/probe, in: {x: truth, f: f}}
)");
  EXPECT_TRUE(plan.nodes[node_named(plan, "f")].object_per_block);
}

TEST(Function, must_depend_on_its_argument) {
  EXPECT_THAT(report_on(with("  f: {use: pipeline/function, in: {argument: restore.std, value: "
                             "camera}}\n")),
              HasSubstr("p.yaml:7:12: node 'f' (pipeline/function): 'camera' does not depend on "
                        "'restore.std', so there is no function between them\n"));
}

TEST(Function, has_no_barrier_inside) {
  EXPECT_THAT(report_on(with(R"(  mean: {use: toy/mean, in: {x: restore.mean}}
  f: {use: pipeline/function, in: {argument: camera, value: mean}}
)")),
              HasSubstr("'mean' stands between 'camera' and 'mean' and needs all items before it "
                        "gives anything"));
}

TEST(Function, does_not_call_itself) {
  EXPECT_THAT(report_on(with(R"(  f: {use: pipeline/function, in: {argument: camera, value: probe}}
  probe: {use: toy/probe, in: {x: halve, f: f}}
)")),
              HasSubstr("a node between 'camera' and 'probe' uses 'f' itself, so it would call "
                        "itself without end"));
}

TEST(Function, wants_tensors_for_both_ends) {
  EXPECT_THAT(
      report_on(with("  f: {use: pipeline/function, in: {argument: blur, value: camera}}\n")),
      HasSubstr("'argument' wants a tensor, 'blur' gives an operator.convolution"));
  EXPECT_THAT(report_on(with("  f: {use: pipeline/function, in: {argument: camera}}\n")),
              HasSubstr("input 'value' is missing"));
}

TEST(Function, computes_only_in_a_run) {
  const Plan plan =
      plan_of(with(R"(  f: {use: pipeline/function, in: {argument: camera, value: restore.mean}}
  probe: {use: toy/probe, in: {x: truth, f: f}}
)"));
  const auto& model = dynamic_cast<const Model&>(*plan.nodes[node_named(plan, "f")].instance);
  EXPECT_THROW(model(Tensor(), 0), Error);
}

}  // namespace
}  // namespace pellucid::testing
