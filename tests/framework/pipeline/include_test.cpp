#include <gtest/gtest.h>

#include "base/temporary_folder.h"
#include "framework/pipeline/reading.h"

namespace pellucid {
namespace {

using testing::problems_of;
using testing::write_file;

constexpr const char* kOptics =
    "pellucid: 1\n"
    "vars: {std: 3, noise: 0.1}\n"
    "nodes:\n"
    "  blur: {use: operators/convolution, with: {kernel: {gaussian: '${std}'}, path: psf.tif}}\n"
    "  camera: {use: operators/measure, in: {A: blur}, with: {noise: '${noise}'}, seed_as: blur}\n"
    "keep: [camera.y]\n";

/// Reads `main.yaml` in a folder that has `optics.yaml` in `parts/`.
Documents read_main(const TemporaryFolder& folder, const std::string& text,
                    std::vector<std::string> overrides = {}) {
  write_file(folder / "parts" / "optics.yaml", kOptics);
  write_file(folder / "main.yaml", text);
  const testing::Environment environment;
  ReadOptions options;
  options.environment = &environment;
  options.overrides = std::move(overrides);
  return read_pipeline(folder / "main.yaml", options);
}

const NodeText& node(const Documents& documents, const std::string& name) {
  for (const NodeText& node : documents.points.at(0).nodes)
    if (node.name == name) return node;
  throw Error("no node " + name);
}

TEST(Include, prefixes_the_names_of_nodes_and_what_refers_to_them) {
  TemporaryFolder folder;
  const Documents documents = read_main(folder,
                                        "pellucid: 1\n"
                                        "include: [{file: parts/optics.yaml, as: optics}]\n"
                                        "nodes:\n"
                                        "  save: {use: io/save, in: {y: optics.camera.y}}\n");
  ASSERT_EQ(problems_of(documents), "");
  ASSERT_EQ(documents.points[0].nodes.size(), 3u);
  EXPECT_EQ(documents.points[0].nodes[0].name, "optics.blur");
  EXPECT_EQ(node(documents, "optics.camera").in[0].second.node, "optics.blur");
  EXPECT_EQ(node(documents, "optics.camera").seed_as, "optics.blur");
  EXPECT_EQ(node(documents, "save").in[0].second.node, "optics.camera");
  EXPECT_EQ(node(documents, "save").in[0].second.port, "y");
  EXPECT_EQ(documents.points[0].keep[0].node, "optics.camera");
}

TEST(Include, lets_the_including_file_decide_variables) {
  TemporaryFolder folder;
  const Documents documents = read_main(folder,
                                        "pellucid: 1\n"
                                        "vars: {std: 5}\n"
                                        "include: [{file: parts/optics.yaml, as: optics}]\n");
  ASSERT_EQ(problems_of(documents), "");
  EXPECT_EQ(node(documents, "optics.blur").with.find("kernel")->flow(), "{gaussian: 5}");
  EXPECT_EQ(node(documents, "optics.camera").with.find("noise")->text(), "0.1");
}

TEST(Include, is_relative_to_the_including_file_and_so_are_its_paths) {
  TemporaryFolder folder;
  write_file(folder / "parts" / "lens.yaml",
             "pellucid: 1\ninclude: [{file: optics.yaml, as: inner}]\n");
  const Documents documents = read_main(folder,
                                        "pellucid: 1\n"
                                        "include: [{file: parts/lens.yaml, as: lens}]\n");
  ASSERT_EQ(problems_of(documents), "");
  EXPECT_EQ(absolute_path(*node(documents, "lens.inner.blur").with.find("path")),
            (folder / "parts" / "psf.tif").string());
}

TEST(Include, of_a_file_that_a_variable_names_follows_the_command_line) {
  TemporaryFolder folder;
  write_file(folder / "parts" / "b.yaml", "pellucid: 1\nnodes: {second: {use: io/scene}}\n");
  const Documents documents = read_main(folder,
                                        "pellucid: 1\n"
                                        "vars: {which: optics}\n"
                                        "include: [{file: 'parts/${which}.yaml', as: part}]\n",
                                        {"vars.which=b"});
  ASSERT_EQ(problems_of(documents), "");
  EXPECT_EQ(documents.points[0].nodes.at(0).name, "part.second");
}

TEST(Include, under_two_names_gives_two_sets_of_nodes) {
  TemporaryFolder folder;
  const Documents documents = read_main(folder,
                                        "pellucid: 1\n"
                                        "include:\n"
                                        "  - {file: parts/optics.yaml, as: left}\n"
                                        "  - {file: parts/optics.yaml, as: right}\n");
  ASSERT_EQ(problems_of(documents), "");
  EXPECT_EQ(documents.points[0].nodes.size(), 4u);
  EXPECT_EQ(documents.sources.size(), 2u);
}

TEST(Include, that_closes_a_circle_is_named) {
  TemporaryFolder folder;
  write_file(folder / "a.yaml", "pellucid: 1\ninclude: [{file: b.yaml, as: b}]\n");
  write_file(folder / "b.yaml", "pellucid: 1\ninclude: [{file: a.yaml, as: a}]\n");
  const Documents documents = read_pipeline(folder / "a.yaml");
  const std::string root = folder.path().string();
  EXPECT_EQ(problems_of(documents), "2:18: circular include: '" + root + "/a.yaml' -> '" + root +
                                        "/b.yaml' -> '" + root + "/a.yaml'\n");
}

TEST(Include, of_ever_more_files_ends) {
  TemporaryFolder folder;
  for (int i = 0; i < 30; ++i) {
    const std::string next = "n" + std::to_string(i + 1) + ".yaml";
    write_file(
        folder / ("n" + std::to_string(i) + ".yaml"),
        "pellucid: 1\ninclude: [{file: " + next + ", as: a}, {file: " + next + ", as: b}]\n");
  }
  write_file(folder / "n30.yaml", "pellucid: 1\nnodes: {x: {use: a/b}}\n");
  const Documents documents = read_pipeline(folder / "n0.yaml");
  ASSERT_EQ(documents.problems.size(), 1u);
  EXPECT_EQ(documents.problems[0].sentence, "more than 200 includes");
}

TEST(Include, reports_problems_in_the_included_file_at_their_place_there) {
  TemporaryFolder folder;
  write_file(folder / "bad.yaml", "pellucid: 1\nnodes:\n  a: {use: x/y, in: {p: other}}\n");
  const Documents documents = read_main(folder,
                                        "pellucid: 1\n"
                                        "include:\n"
                                        "  - {file: bad.yaml, as: bad}\n"
                                        "  - {file: none.yaml, as: none}\n");
  EXPECT_EQ(
      problems_of(documents),
      "4:12: '" + (folder / "none.yaml").string() + "' does not exist\n" +
          "3:25: node 'bad.a': 'in.p': node 'bad.other' does not exist; the nodes are 'bad.a'\n");
}

TEST(Include, cannot_redefine_a_node_or_bring_settings) {
  TemporaryFolder folder;
  write_file(folder / "more.yaml",
             "pellucid: 1\nsettings: {seed: 1}\nnodes:\n  blur: {use: x/y}\n");
  const Documents documents = read_main(folder,
                                        "pellucid: 1\n"
                                        "include:\n"
                                        "  - {file: parts/optics.yaml, as: optics}\n"
                                        "  - {file: more.yaml, as: optics}\n");
  EXPECT_EQ(problems_of(documents),
            "2:1: an included file has no 'settings'; it belongs to the file that is run\n"
            "4:3: the node 'optics.blur' is already defined at " +
                (folder / "parts" / "optics.yaml").string() +
                ":4:3; includes cannot redefine nodes\n");
}

TEST(Include, of_two_files_that_disagree_on_a_variable_is_refused) {
  TemporaryFolder folder;
  write_file(folder / "more.yaml", "pellucid: 1\nvars: {std: 4}\nnodes: {n: {use: x/y}}\n");
  const std::string includes =
      "include: [{file: parts/optics.yaml, as: a}, {file: more.yaml, as: b}]\n";
  EXPECT_EQ(problems_of(read_main(folder, "pellucid: 1\n" + includes)),
            "2:8: the variable 'std' has another value at " +
                (folder / "parts" / "optics.yaml").string() +
                ":2:8; define it in the file that includes both\n");
  EXPECT_EQ(problems_of(read_main(folder, "pellucid: 1\nvars: {std: 2}\n" + includes)), "");
}

TEST(Include, is_overridden_under_its_full_name) {
  TemporaryFolder folder;
  const Documents documents =
      read_main(folder,
                "pellucid: 1\n"
                "include: [{file: parts/optics.yaml, as: optics}]\n"
                "nodes: {optics: {use: a/b}, truth: {use: c/d}}\n",
                {"optics.camera.noise=2", "optics.camera.in.x=truth", "optics.size=3"});
  ASSERT_EQ(problems_of(documents), "");
  EXPECT_EQ(node(documents, "optics.camera").with.find("noise")->text(), "2");
  EXPECT_EQ(node(documents, "optics.camera").in[1].second.node, "truth");
  EXPECT_EQ(node(documents, "optics").with.find("size")->text(), "3");
}

}  // namespace
}  // namespace pellucid
