#include <gtest/gtest.h>

#include "base/temporary_folder.h"
#include "framework/pipeline/reading.h"

namespace pellucid {
namespace {

using testing::problems_of;
using testing::read;
using testing::read_nodes;

TEST(ReadPipeline, reads_the_pipeline_of_the_design) {
  const Documents documents = read(
      "pellucid: 1\n"
      "settings: {device: cpu, seed: 1, memory: 4 GiB, threads: auto}\n"
      "vars: {sigma: 7.65/255, photos: \"${PELLUCID_DATA:-data}/test/set47_bsd\"}\n"
      "nodes:\n"
      "  truth:   {use: io/images, with: {path: \"${photos}/*.jpg\"}}\n"
      "  blur:    {use: operators/convolution, with: {kernel: {gaussian: {std: 3}}, boundary: "
      "reflect}}\n"
      "  camera:  {use: operators/measure, in: {x: truth, A: blur}, with: {noise: {gaussian: "
      "\"${sigma}\"}}}\n"
      "  restore:\n"
      "    use: vb/vble\n"
      "    in:   {y: camera, A: blur}\n"
      "    with: {sigma: \"${sigma}\", iterations: 300, lambda: 0.7}\n"
      "    timeout: 2 h\n"
      "  save:    {use: io/save, in: {mean: restore.mean, std: restore.std}, with: {to: "
      "restored.h5}}\n"
      "keep: [restore.mean, camera]\n");
  ASSERT_EQ(problems_of(documents), "");
  ASSERT_EQ(documents.points.size(), 1u);
  const Document& document = documents.points[0];
  EXPECT_EQ(document.settings.memory, std::int64_t{4} << 30);
  EXPECT_EQ(document.settings.seed, 1u);
  EXPECT_FALSE(document.settings.threads.has_value());
  ASSERT_EQ(document.nodes.size(), 5u);
  EXPECT_EQ(document.nodes[0].with.find("path")->text(), "data/test/set47_bsd/*.jpg");
  EXPECT_EQ(number_of(*document.nodes[2].with.find("noise")->find("gaussian")), 7.65 / 255);
  EXPECT_EQ(document.nodes[3].timeout, 7200);
  EXPECT_EQ(document.nodes[4].in[1].first, "std");
  EXPECT_EQ(document.nodes[4].in[1].second.node, "restore");
  EXPECT_EQ(document.nodes[4].in[1].second.port, "std");
  EXPECT_EQ(document.keep[0].port, "mean");
  EXPECT_EQ(document.keep[1].node, "camera");
  EXPECT_EQ(document.keep[1].port, "");
}

TEST(ReadPipeline, knows_every_setting) {
  const Documents documents = read(
      "pellucid: 1\n"
      "settings:\n"
      "  device: cuda:1\n  seed: 2^40\n  memory: 512 MiB\n  threads: 3\n  workers: 2\n"
      "  block: 16 MiB\n  tile: [256, 512]\n  overlap: [0, 32]\n  durability: 1 min\n"
      "  nonfinite: allow\n  on_item_error: skip\n  isolate: [a, b]\n"
      "nodes: {a: {use: x/y, nonfinite: stop, on_item_error: stop}}\n");
  ASSERT_EQ(problems_of(documents), "");
  const RunSettings& settings = documents.points[0].settings;
  EXPECT_EQ(settings.device, "cuda:1");
  EXPECT_EQ(settings.seed, std::uint64_t{1} << 40);
  EXPECT_EQ(settings.memory, std::int64_t{512} << 20);
  EXPECT_EQ(settings.threads, 3);
  EXPECT_EQ(settings.workers, 2);
  EXPECT_EQ(settings.block_bytes, std::int64_t{16} << 20);
  EXPECT_FALSE(settings.block_items.has_value());
  EXPECT_EQ(settings.tile, (std::vector<std::int64_t>{256, 512}));
  EXPECT_EQ(settings.overlap, (std::vector<std::int64_t>{0, 32}));
  EXPECT_EQ(settings.durability, 60);
  EXPECT_EQ(settings.nonfinite, OnNonfinite::allow);
  EXPECT_EQ(settings.on_item_error, OnItemError::skip);
  ASSERT_EQ(settings.isolate.size(), 2u);
  EXPECT_EQ(settings.isolate[1].text(), "b");
  EXPECT_EQ(settings.isolate[1].where().line, 14);
  EXPECT_EQ(settings.place_of("tile").line, 9);
  EXPECT_EQ(documents.points[0].nodes[0].nonfinite, OnNonfinite::stop);
  EXPECT_EQ(documents.points[0].nodes[0].on_item_error, OnItemError::stop);
}

TEST(ReadPipeline, counts_items_in_a_block_without_unit) {
  const Documents documents = read("pellucid: 1\nsettings: {block: 4*2}\nnodes: {a: {use: x/y}}\n");
  EXPECT_EQ(documents.points[0].settings.block_items, 8);
}

TEST(ReadPipeline, reports_everything_at_once_in_file_order) {
  EXPECT_EQ(problems_of(read("pellucid: 1\n"
                             "settings: {seed: -1, thread: 2}\n"
                             "nodes:\n"
                             "  a: {use: x, in: {p: nope}}\n"
                             "  b: {wth: {}}\n"
                             "extra: 1\n")),
            "2:18: 'seed': expected a whole number of at least 0, found '-1'\n"
            "2:22: unknown key 'thread' in 'settings'; did you mean 'threads'?\n"
            "4:12: node 'a': 'use': expected PLUGIN/COMPONENT such as operators/convolution, found "
            "'x'\n"
            "4:23: node 'a': 'in.p': node 'nope' does not exist; the nodes are 'a' and 'b'\n"
            "5:3: node 'b': missing key 'use', the component such as operators/convolution\n"
            "5:7: node 'b': unknown key 'wth'; did you mean 'with'?\n"
            "6:1: unknown key 'extra'; a pipeline has 'pellucid', 'settings', 'vars', 'nodes', "
            "'include', 'sweep' and 'keep'\n");
}

TEST(ReadPipeline, keeps_nodes_that_are_wrong_so_that_others_can_refer_to_them) {
  const Documents documents = read_nodes("  a: {use: x}\n  b: {use: x/y, in: {p: a, q: c}}\n");
  ASSERT_EQ(documents.points[0].nodes.size(), 2u);
  EXPECT_EQ(documents.points[0].nodes[0].use, "");
  EXPECT_EQ(documents.points[0].nodes[1].in[0].second.node, "a");
  EXPECT_EQ(documents.points[0].nodes[1].in[1].second.node, "");
}

TEST(ReadPipeline, refers_to_the_process_environment_by_default) {
  ::setenv("PELLUCID_TEST_VARIABLE", "seen", 1);
  const Documents documents = read_pipeline_text(
      "pellucid: 1\nnodes: {a: {use: x/y, with: {p: '${PELLUCID_TEST_VARIABLE}'}}}\n", "t.yaml",
      ".");
  EXPECT_EQ(documents.points[0].nodes[0].with.find("p")->text(), "seen");
}

TEST(ReadPipeline, reads_a_file_and_calls_it_as_it_was_called) {
  TemporaryFolder folder;
  testing::write_file(folder / "a.yaml", "pellucid: 1\nnodes: {a: {use: xy}}\n");
  const Documents documents = read_pipeline(folder / "a.yaml");
  EXPECT_EQ(*documents.problems.at(0).where.file, (folder / "a.yaml").string());
  EXPECT_EQ(documents.sources.at(0).name, (folder / "a.yaml").string());
}

TEST(ReadPipeline, of_a_missing_file_is_one_problem) {
  const Documents documents = read_pipeline("/nowhere/a.yaml");
  EXPECT_EQ(report_of(documents.problems, documents.sources),
            "/nowhere/a.yaml: the file does not exist\n1 error; nothing was run\n");
}

TEST(ToYaml, gives_back_the_same_document) {
  const Documents documents = read(
      "pellucid: 1\n"
      "settings: {seed: 3, memory: 1 GiB, block: 8, tile: [64, 64], overlap: [8, 0],\n"
      "           durability: 0.1, isolate: b}\n"
      "vars: {half: 1/2, money: '$${x}'}\n"
      "nodes:\n"
      "  a: {use: x/y, with: {n: '3/${half}', t: '${money}: #1', l: [1, {k: ~}], q: 'null'}}\n"
      "  b: {use: x/y, in: {p: a.out, q: a}, timeout: 3 s, seed_as: a, nonfinite: allow,\n"
      "      on_item_error: skip}\n"
      "keep: [a.out, b]\n");
  ASSERT_EQ(problems_of(documents), "");
  const std::string yaml = to_yaml(documents.points[0]);
  ReadOptions options;
  options.resolved = true;
  const Documents again = read_pipeline_text(yaml, "resolved.yaml", "/elsewhere", options);
  ASSERT_EQ(problems_of(again), "") << yaml;
  EXPECT_EQ(to_yaml(again.points[0]), yaml);
  const Value& with = again.points[0].nodes[0].with;
  EXPECT_EQ(number_of(*with.find("n")), 6);
  EXPECT_EQ(with.find("t")->text(), "${x}: #1");
  EXPECT_TRUE(with.find("q")->is_scalar());
  EXPECT_EQ(again.points[0].settings.durability, 0.1);
  EXPECT_EQ(again.points[0].settings.overlap, (std::vector<std::int64_t>{8, 0}));
  ASSERT_EQ(again.points[0].settings.isolate.size(), 1u);
  EXPECT_EQ(again.points[0].settings.isolate[0].text(), "b");
  EXPECT_EQ(again.points[0].settings.memory, std::int64_t{1} << 30);
  EXPECT_EQ(again.points[0].nodes[1].in[0].second.port, "out");
  EXPECT_EQ(again.points[0].nodes[1].timeout, 3);
}

TEST(ToYaml, keeps_the_dotted_names_of_included_nodes) {
  TemporaryFolder folder;
  testing::write_file(folder / "part.yaml", "pellucid: 1\nnodes: {n: {use: x/y}}\n");
  testing::write_file(folder / "main.yaml",
                      "pellucid: 1\ninclude: [{file: part.yaml, as: p}]\n"
                      "nodes: {m: {use: x/y, in: {i: p.n.out}}}\n");
  const Documents documents = read_pipeline(folder / "main.yaml");
  ASSERT_EQ(problems_of(documents), "");
  ReadOptions options;
  options.resolved = true;
  const Documents again =
      read_pipeline_text(to_yaml(documents.points[0]), "resolved.yaml", "/", options);
  ASSERT_EQ(problems_of(again), "");
  EXPECT_EQ(again.points[0].nodes[1].in[0].second.node, "p.n");
  EXPECT_EQ(again.points[0].nodes[1].in[0].second.port, "out");
}

}  // namespace
}  // namespace pellucid
