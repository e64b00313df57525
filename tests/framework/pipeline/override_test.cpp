#include <gtest/gtest.h>

#include "framework/pipeline/reading.h"

namespace pellucid {
namespace {

using testing::problems_of;
using testing::read;

constexpr const char* kPipeline =
    "pellucid: 1\n"
    "settings: {seed: 1}\n"
    "vars: {sigma: 0.1, kernel: {gaussian: {std: 3}}}\n"
    "nodes:\n"
    "  blur: {use: operators/convolution, with: {kernel: '${kernel}', boundary: reflect}}\n"
    "  camera: {use: operators/measure, in: {A: blur}, with: {noise: {gaussian: '${sigma}'}}}\n"
    "  probe: {use: a/b, with: {weights: [1, 2, 3], mode: fast}}\n";

/// The node as one line after the overrides, or the problems.
std::string node_after(const std::vector<std::string>& overrides, const std::string& name) {
  const Documents documents = read(kPipeline, overrides);
  if (!documents.problems.empty()) return problems_of(documents);
  for (const NodeText& node : documents.points[0].nodes) {
    if (node.name != name) continue;
    std::string text = node.use;
    for (const auto& [port, reference] : node.in) text += " " + port + "=" + reference.node;
    return text + " " + node.with.flow();
  }
  return "no node";
}

TEST(Override, of_node_and_key_is_a_parameter) {
  EXPECT_EQ(node_after({"probe.mode=slow"}, "probe"), "a/b {mode: slow, weights: [1, 2, 3]}");
  EXPECT_EQ(node_after({"probe.with.mode=slow"}, "probe"), "a/b {mode: slow, weights: [1, 2, 3]}");
  EXPECT_EQ(node_after({"probe.new=1"}, "probe"), "a/b {mode: fast, new: 1, weights: [1, 2, 3]}");
}

TEST(Override, reaches_into_maps_lists_choices_and_variables) {
  EXPECT_EQ(node_after({"probe.weights.1=7"}, "probe"), "a/b {mode: fast, weights: [1, 7, 3]}");
  EXPECT_EQ(node_after({"probe.mode.fast.steps=7"}, "probe"),
            "a/b {mode: {fast: {steps: 7}}, weights: [1, 2, 3]}");
  EXPECT_EQ(node_after({"blur.kernel.gaussian.std=4"}, "blur"),
            "operators/convolution {boundary: reflect, kernel: {gaussian: {std: 4}}}");
  EXPECT_EQ(node_after({"vars.kernel.gaussian.std=4"}, "blur"),
            "operators/convolution {boundary: reflect, kernel: {gaussian: {std: 4}}}");
}

TEST(Override, sets_the_nodes_own_keys) {
  EXPECT_EQ(node_after({"camera.use=x/y", "camera.in.A=probe", "camera.in.x=blur"}, "camera"),
            "x/y A=probe x=blur {noise: {gaussian: 0.1}}");
  const Documents documents = read(kPipeline, {"camera.seed_as=blur", "camera.timeout=2 min"});
  EXPECT_EQ(documents.points[0].nodes[1].seed_as, "blur");
  EXPECT_EQ(documents.points[0].nodes[1].timeout, 120);
}

TEST(Override, sets_variables_and_settings) {
  EXPECT_EQ(node_after({"vars.sigma=1/2"}, "camera"),
            "operators/measure A=blur {noise: {gaussian: 1/2}}");
  EXPECT_EQ(read(kPipeline, {"settings.seed=7"}).points[0].settings.seed, 7u);
}

TEST(Override, is_parsed_as_yaml_and_substituted) {
  EXPECT_EQ(node_after({"probe.weights=[4, {a: 5}]"}, "probe"),
            "a/b {mode: fast, weights: [4, {a: 5}]}");
  EXPECT_EQ(node_after({"probe.mode=${sigma}"}, "probe"), "a/b {mode: 0.1, weights: [1, 2, 3]}");
  EXPECT_EQ(node_after({"probe.mode="}, "probe"), "a/b {mode: null, weights: [1, 2, 3]}");
  EXPECT_EQ(node_after({"probe.mode=a=b"}, "probe"), "a/b {mode: \"a=b\", weights: [1, 2, 3]}");
}

TEST(Override, that_comes_last_wins) {
  EXPECT_EQ(node_after({"probe.mode=a", "probe.mode=b"}, "probe"),
            "a/b {mode: b, weights: [1, 2, 3]}");
}

TEST(Override, makes_the_value_in_the_file_irrelevant) {
  const std::string text = "pellucid: 1\nnodes:\n  a: {use: x/y, with: {path: '${UNDEFINED}'}}\n";
  EXPECT_EQ(read(text).problems.size(), 1u);
  EXPECT_EQ(problems_of(read(text, {"a.path=here"})), "");
  EXPECT_EQ(problems_of(read(text, {"vars.UNDEFINED=here"})), "");
}

TEST(Override, that_sets_nothing_is_a_problem_of_the_command_line) {
  EXPECT_EQ(node_after({"blru.std=1"}, ""),
            "1:1: 'blru.std' sets nothing: there is no node 'blru'; did you mean 'blur'?\n");
  EXPECT_EQ(node_after({"vars.sgma=1"}, ""),
            "1:1: 'vars.sgma' sets nothing: the pipeline has no variable 'sgma'; did you mean "
            "'sigma'?\n");
  EXPECT_EQ(node_after({"blur=1"}, ""),
            "1:1: 'blur' does not say what to set; say 'blur.PARAMETER', 'blur.in.PORT' or "
            "'blur.use'\n");
  EXPECT_EQ(node_after({"camera.noise.gaussian.std=1"}, ""),
            "1:1: 'camera.noise.gaussian.std' has no place: what stands before 'std' is '0.1', not "
            "a map\n");
  EXPECT_EQ(node_after({"probe.weights.3=1"}, ""),
            "1:1: 'probe.weights.3' has no place: '3' stands for an item of a list, which are "
            "numbered from 0 and are 3\n");
  EXPECT_EQ(node_after({"probe"}, ""),
            "1:1: expected PATH=VALUE such as restore.iterations=50, found 'probe'\n");
  EXPECT_EQ(node_after({"probe..x=1"}, ""),
            "1:1: expected a path such as restore.iterations, found 'probe..x'\n");
}

TEST(Override, has_its_place_on_the_command_line) {
  const Documents documents = read(kPipeline, {"settings.seed=2", "settings.threads=none"});
  EXPECT_EQ(report_of(documents.problems, documents.sources),
            "--set:2:18: 'threads': expected auto or a number of threads, found 'none'\n"
            "  settings.threads=none\n"
            "                   ^\n"
            "1 error; nothing was run\n");
}

}  // namespace
}  // namespace pellucid
