// Binding: what is wrong with names, ports and edges, word for word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/plan/components.h"

namespace pellucid::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The report without its quoted lines and its last line.
std::string faults_of(const std::string& text) {
  std::string faults;
  std::istringstream report(report_on(text));
  for (std::string line; std::getline(report, line);)
    if (line.rfind("p.yaml", 0) == 0 || line.rfind("--", 0) == 0) faults += line + "\n";
  return faults;
}

TEST(Bind, connects_nodes_in_the_order_of_the_file) {
  const Plan plan = plan_of(R"(
nodes:
  truth: {use: toy/images}
  blur: {use: toy/blur}
  camera: {use: toy/convolve, in: {x: truth, A: blur}}
  save: {use: toy/save, in: {camera: camera, truth: truth.images}}
)");
  const PlannedNode& camera = plan.nodes[node_named(plan, "camera")];
  ASSERT_EQ(camera.inputs.size(), 2);
  EXPECT_EQ(camera.inputs[0].port, "x");
  EXPECT_EQ(camera.inputs[0].node, node_named(plan, "truth"));
  EXPECT_EQ(camera.inputs[0].from, "images");
  EXPECT_EQ(camera.inputs[1].type, PortType::operator_convolution);
  EXPECT_EQ(camera.inputs[1].from, "");
  const PlannedNode& save = plan.nodes[node_named(plan, "save")];
  EXPECT_TRUE(save.inputs[0].open);
  EXPECT_EQ(save.inputs[1].port, "truth");
}

TEST(Bind, names_a_missing_plugin_and_asks_for_exit_code_3) {
  try {
    plan_of("nodes: {a: {use: nowhere/images}}");
    FAIL();
  } catch (const PipelineErrors& errors) {
    EXPECT_TRUE(errors.plugins_missing());
    EXPECT_THAT(errors.what(), HasSubstr("there is no plugin 'nowhere'"));
  }
}

TEST(Bind, suggests_the_nearest_component) {
  EXPECT_EQ(faults_of("nodes: {a: {use: toy/imagse}}"),
            "p.yaml:1:18: node 'a' (toy/imagse): plugin 'toy' has no component 'imagse'; did you "
            "mean 'images'?\n");
}

TEST(Bind, names_the_inputs_there_are) {
  EXPECT_EQ(faults_of(R"(nodes:
  truth: {use: toy/images}
  s: {use: toy/score, in: {x: truth, referense: truth}}
)"),
            "p.yaml:3:38: node 's' (toy/score): there is no input 'referense'; did you mean "
            "'reference'?\n");
}

TEST(Bind, says_that_a_source_takes_nothing) {
  EXPECT_EQ(faults_of(R"(nodes:
  truth: {use: toy/images}
  other: {use: toy/images, in: {x: truth}}
)"),
            "p.yaml:3:33: node 'other' (toy/images): 'x' cannot be connected: 'toy/images' is a "
            "source and has no inputs\n");
}

TEST(Bind, asks_for_a_missing_input_with_its_type) {
  EXPECT_EQ(faults_of(R"(nodes:
  truth: {use: toy/images}
  camera: {use: toy/convolve, in: {x: truth}}
)"),
            "p.yaml:3:17: node 'camera' (toy/convolve): input 'A' is missing; it takes an "
            "operator.convolution: the blur\n");
}

TEST(Bind, names_both_types_of_an_edge_that_does_not_fit) {
  EXPECT_EQ(faults_of(R"(nodes:
  scene: {use: toy/images}
  line: {use: toy/linear}
  one: {use: toy/convolve, in: {x: scene, A: scene}}
  two: {use: toy/convolve, in: {x: scene, A: line}}
  three: {use: toy/save, in: {operator: line}}
)"),
            "p.yaml:4:46: node 'one' (toy/convolve): 'A' wants an operator.convolution, 'scene' "
            "gives a tensor\n"
            "p.yaml:5:46: node 'two' (toy/convolve): 'A' wants an operator.convolution, 'line' "
            "gives an operator.linear\n"
            "p.yaml:6:41: node 'three' (toy/save): 'operator' wants a tensor or a table, 'line' "
            "gives an operator.linear\n");
}

TEST(Bind, lists_the_outputs_where_several_could_be_meant) {
  EXPECT_EQ(faults_of(R"(nodes:
  scenes: {use: toy/pair}
  other: {use: toy/invert, in: {x: scenes}}
  third: {use: toy/invert, in: {x: scenes.lift}}
)"),
            "p.yaml:3:36: node 'other' (toy/invert): 'scenes' has several outputs; name one of "
            "'scenes.left' and 'scenes.right'\n"
            "p.yaml:4:36: node 'third' (toy/invert): 'scenes' (toy/pair) has no output 'lift'; did "
            "you mean 'left'?\n");
}

TEST(Bind, takes_objects_as_a_whole) {
  EXPECT_EQ(faults_of(R"(nodes:
  scene: {use: toy/images}
  blur: {use: toy/blur}
  camera: {use: toy/convolve, in: {x: scene, A: blur.kernel}}
)"),
            "p.yaml:4:49: node 'camera' (toy/convolve): 'blur' is an operator.convolution as a "
            "whole and has no outputs; write 'blur', not 'blur.kernel'\n");
}

TEST(Bind, knows_that_sinks_give_nothing) {
  EXPECT_EQ(faults_of(R"(nodes:
  scene: {use: toy/images}
  save: {use: toy/save, in: {scene: scene}}
  other: {use: toy/invert, in: {x: save}}
)"),
            "p.yaml:4:36: node 'other' (toy/invert): 'save' (toy/save) gives nothing: it is a "
            "sink\n");
}

TEST(Bind, keeps_tensors_and_tables_only) {
  EXPECT_EQ(faults_of(R"(keep: [blur]
nodes:
  scene: {use: toy/images}
  blur: {use: toy/blur}
)"),
            "p.yaml:1:8: only tensors and tables can be kept; 'blur' gives an "
            "operator.convolution\n");
}

TEST(Bind, names_the_nodes_of_every_cycle) {
  EXPECT_EQ(
      faults_of(R"(nodes:
  a: {use: toy/invert, in: {x: c}}
  b: {use: toy/invert, in: {x: a}}
  c: {use: toy/invert, in: {x: b}}
  d: {use: toy/invert, in: {x: d}}
)"),
      "p.yaml:2:32: node 'a' (toy/invert): these nodes feed each other in a circle: a -> b -> "
      "c -> a\n"
      "p.yaml:5:32: node 'd' (toy/invert): it feeds itself: d -> d\n");
}

TEST(Bind, reports_all_faults_of_all_nodes_in_the_order_of_the_file) {
  const std::string report = report_on(R"(nodes:
  scene: {use: toy/images, with: {items: many}}
  blur: {use: toy/blur, with: {std: -1, boundry: reflect}}
  camera: {use: toy/convolve, in: {x: scene, A: scene}}
)");
  EXPECT_THAT(report, HasSubstr("4 errors; nothing was run"));
  const auto first = report.find("'items'"), second = report.find("'std'"),
             third = report.find("unknown key 'boundry'"), fourth = report.find("'A' wants");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_LT(third, fourth);
  EXPECT_NE(fourth, std::string::npos);
}

TEST(Bind, does_not_repeat_a_fault_downstream) {
  EXPECT_EQ(faults_of(R"(nodes:
  scene: {use: toy/nothing_like_it}
  blur: {use: toy/blur}
  camera: {use: toy/convolve, in: {x: scene, A: blur}}
  save: {use: toy/save, in: {camera: camera}}
)"),
            "p.yaml:2:16: node 'scene' (toy/nothing_like_it): plugin 'toy' has no component "
            "'nothing_like_it'; it has 'images', 'pair', 'blur', 'linear', 'denoiser', 'convolve', "
            "'invert', 'double', 'score', 'iterate', 'mean', 'summary', 'train', 'clean', 'save', "
            "'probe', "
            "'halve' and 'throwing'\n");
}

TEST(Bind, makes_input_paths_absolute) {
  const Plan plan = plan_of(R"(nodes: {scene: {use: toy/images, with: {path: sub/../*.png}}})");
  EXPECT_EQ(plan.nodes[0].settings.find("path")->text(), "/data/*.png");
  EXPECT_THAT(plan.points[0].resolved, HasSubstr("/data/*.png"));
}

}  // namespace
}  // namespace pellucid::testing
