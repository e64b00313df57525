// pellucid check and pellucid graph: a pipeline before any pixel is read.

#include <nlohmann/json.hpp>

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

class Check : public ProgramTest {
 protected:
  Check() {
    write("chain.yaml",
          "pellucid: 1\n"
          "nodes:\n"
          "  x: {use: trial/ramp, with: {items: 12, shape: [1, 24, 40]}}\n"
          "  y: {use: trial/affine, in: {x: x}}\n");
  }
};

TEST_F(Check, prints_a_table_of_nodes_with_shapes) {
  const Answer answer = with_trial({"check", "chain.yaml"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(answer.err, "");
  EXPECT_THAT(answer.out, HasSubstr("trial/affine"));
  EXPECT_THAT(answer.out, HasSubstr("1x24x40"));
  EXPECT_FALSE(fs::exists(in_folder("runs")));
}

TEST_F(Check, obeys_overrides_and_items) {
  EXPECT_THAT(with_trial({"check", "chain.yaml", "--set", "x.shape=[3, 8, 8]"}).out,
              HasSubstr("3x8x8"));
  const Answer answer = with_trial({"check", "chain.yaml", "--items", "2:5", "--json"});
  const Json plan = Json::parse(answer.out);
  EXPECT_THAT(plan.dump(), HasSubstr("\"items\":3"));
}

TEST_F(Check, until_a_node_leaves_the_rest_out) {
  const Answer answer = with_trial({"check", "chain.yaml", "--until", "x"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(answer.out.find("trial/affine"), std::string::npos);
}

TEST_F(Check, prints_nothing_but_json_with_json) {
  const Answer answer = with_trial({"check", "chain.yaml", "--json"});
  EXPECT_EQ(answer.code, 0);
  EXPECT_TRUE(Json::parse(answer.out).is_object());
}

TEST_F(Check, gives_problems_as_json_with_their_places) {
  write("wrong.yaml",
        "pellucid: 1\n"
        "nodes:\n"
        "  x: {use: trial/ramp, with: {items: -4}}\n"
        "  y: {use: trial/affine, in: {x: z}}\n");
  const Answer answer = with_trial({"check", "wrong.yaml", "--json"});
  EXPECT_EQ(answer.code, 2);
  const Json report = Json::parse(answer.out);
  ASSERT_EQ(report["problems"].size(), 2u) << answer.out;
  EXPECT_EQ(report["problems"][0]["file"], "wrong.yaml");
  EXPECT_EQ(report["problems"][0]["line"], 3);
  EXPECT_EQ(report["problems"][0]["node"], "x");
  EXPECT_EQ(report["problems"][1]["line"], 4);
  EXPECT_EQ(report["plugins_missing"], false);
}

TEST_F(Check, gives_a_syntax_error_as_json_too) {
  write("broken.yaml", "pellucid: 1\nnodes: {a: [1, 2\n");
  const Answer answer = pellucid({"check", "broken.yaml", "--json"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(Json::parse(answer.out)["problems"].size(), 1u);
}

TEST_F(Check, reports_all_errors_at_once) {
  write("wrong.yaml",
        "pellucid: 1\n"
        "settings: {sed: 1}\n"
        "nodes:\n"
        "  x: {use: trial/rmp}\n"
        "  y: {use: trial/affine, in: {x: z}, with: {gan: 2}}\n");
  const Answer answer = with_trial({"check", "wrong.yaml"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("wrong.yaml:2:12"));
  EXPECT_THAT(answer.err, HasSubstr("did you mean 'ramp'"));
  EXPECT_THAT(answer.err, HasSubstr("did you mean 'gain'"));
  EXPECT_THAT(answer.err, HasSubstr("4 errors; nothing was run"));
}

TEST_F(Check, is_the_same_wherever_options_stand) {
  const Answer before = pellucid({"--plugin-path", PELLUCID_TRIAL_PLUGINS, "graph", "chain.yaml"});
  EXPECT_EQ(before.code, 0) << before.err;
  EXPECT_EQ(before.out, with_trial({"graph", "chain.yaml"}).out);
}

TEST_F(Check, finds_plugins_of_the_environment_too) {
  const std::string path = std::string("PELLUCID_PLUGIN_PATH=") + PELLUCID_TRIAL_PLUGINS;
  EXPECT_EQ(pellucid({"check", "chain.yaml"}, {path}).code, 0);
}

TEST_F(Check, draws_the_graph_for_graphviz_and_mermaid) {
  const Answer dot = with_trial({"graph", "chain.yaml"});
  EXPECT_EQ(dot.code, 0) << dot.err;
  EXPECT_THAT(dot.out, StartsWith("digraph"));
  const Answer mermaid = with_trial({"graph", "chain.yaml", "--format", "mermaid"});
  EXPECT_EQ(mermaid.code, 0) << mermaid.err;
  EXPECT_THAT(mermaid.out, HasSubstr("-->"));
}

}  // namespace
}  // namespace pellucid::testing
