// What a run computes: every kind of node, streams and barriers, blocks and tiles, failures.

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "buffers/result_file.h"
#include "framework/run/running.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

TEST_F(RunTest, gives_what_nobody_consumes_as_a_result) {
  const RunReport report =
      run("nodes:\n"
          "  x: {use: trial/ramp}\n"
          "  y: {use: trial/affine, in: {x: x}, with: {gain: 3, offset: 1}}\n");
  EXPECT_EQ(report.summary.status, RunStatus::done);
  EXPECT_TRUE(at::equal(result("/y/y"), ramp(8) * 3 + 1));
}

TEST_F(RunTest, is_up_to_date_the_second_time) {
  const std::string nodes = "nodes: {x: {use: trial/ramp}}\n";
  EXPECT_FALSE(run(nodes).summary.up_to_date);
  EXPECT_TRUE(run(nodes).summary.up_to_date);
}

TEST_F(RunTest, refuses_the_folder_of_another_run_and_names_the_node_that_differs) {
  run("nodes: {x: {use: trial/ramp}}\n");
  try {
    run("nodes: {x: {use: trial/ramp, with: {items: 9}}}\n");
    FAIL() << "another run took the folder";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("holds another run: node 'x' differs"));
    EXPECT_THAT(error.what(), HasSubstr("--overwrite"));
  }
  EXPECT_EQ(result("/x/x").size(0), 8);

  RunRequest again = request("nodes: {x: {use: trial/ramp, with: {items: 9}}}\n");
  again.options.overwrite = true;
  run_pipeline(std::move(again), registry());
  EXPECT_EQ(result("/x/x").size(0), 9);
}

TEST_F(RunTest, does_not_depend_on_block_size_workers_or_threads) {
  const std::string nodes =
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 13}}\n"
      "  noisy: {use: trial/noise, in: {x: x}}\n"
      "  y: {use: trial/affine, in: {x: noisy}}\n";
  run(nodes, "{seed: 7, block: 13}");
  const Tensor whole = result("/y/y");
  int number = 0;
  for (const char* settings : {"{seed: 7, block: 1}", "{seed: 7, block: 4, workers: 3, threads: 3}",
                               "{seed: 7, block: 5, threads: 1}"}) {
    RunRequest other = request(nodes, settings);
    const std::string name = "other" + std::to_string(number++);
    other.options.folder = folder() / name;
    run_pipeline(std::move(other), registry());
    EXPECT_TRUE(at::equal(result("/y/y", name), whole)) << settings;
  }
}

TEST_F(RunTest, uses_one_item_for_every_item_of_another_edge) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 5}}\n"
      "  one: {use: trial/ramp, with: {items: 1}}\n"
      "  twice: {use: trial/affine, in: {x: one}}\n"
      "  y: {use: trial/affine, in: {x: x, bias: twice}}\n",
      "{block: 2}");
  EXPECT_TRUE(at::equal(result("/y/y"), ramp(5) * 2 + ramp(1) * 2));
}

TEST_F(RunTest, reduces_in_block_order_and_goes_on_behind_the_barrier) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 7}}\n"
      "  total: {use: trial/total, in: {x: x}}\n"
      "  y: {use: trial/affine, in: {x: total.sum}, with: {gain: 0.5}}\n"
      "keep: [total.sum]\n",
      "{block: 3}");
  const Tensor sum = ramp(7).to(at::kDouble).sum(0, true);
  EXPECT_TRUE(at::allclose(result("/total/sum"), sum));
  EXPECT_TRUE(at::allclose(result("/y/y"), sum * 0.5));
  const Table rows = read_table(folder() / "run/result.h5", "/total/rows");
  ASSERT_EQ(rows.rows(), 7);
  EXPECT_EQ(rows.item(6), 6);
  EXPECT_NEAR(rows.reals("mean")[6], 6 + 0.5 * 255 / 256, 1e-6);
}

TEST_F(RunTest, lets_a_procedure_read_any_item) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 6}}\n"
      "  y: {use: trial/affine, in: {x: x}}\n"
      "  back: {use: trial/reversed, in: {x: y}}\n"
      "  more: {use: trial/affine, in: {x: back, bias: x}, with: {gain: 1}}\n",
      "{block: 4}");
  EXPECT_TRUE(at::equal(result("/more/y"), ramp(6).flip(0) * 2 + ramp(6)));
}

TEST_F(RunTest, makes_an_object_for_each_block_where_its_tensor_has_items) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 5}}\n"
      "  s: {use: trial/affine, in: {x: x}, with: {gain: 10}}\n"
      "  A: {use: trial/shift, in: {s: s}}\n"
      "  y: {use: trial/observe, in: {x: x, A: A}}\n",
      "{block: 2}");
  EXPECT_TRUE(at::equal(result("/y/y"), ramp(5) * 11));
}

TEST_F(RunTest, makes_an_object_once_where_its_tensor_has_one_item) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 5}}\n"
      "  s: {use: trial/ramp, with: {items: 1}}\n"
      "  A: {use: trial/shift, in: {s: s}}\n"
      "  y: {use: trial/observe, in: {x: x, A: A}}\n",
      "{block: 2}");
  EXPECT_TRUE(at::equal(result("/y/y"), ramp(5) + ramp(1)));
}

TEST_F(RunTest, runs_the_nodes_between_two_ports_as_a_function) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 4}}\n"
      "  z: {use: trial/affine, in: {x: x}, with: {gain: 1, offset: 100}}\n"
      "  a: {use: trial/affine, in: {x: x, bias: z}, with: {gain: 3}}\n"
      "  b: {use: trial/affine, in: {x: a}, with: {offset: 1}}\n"
      "  f: {use: pipeline/function, in: {argument: x, value: b}}\n"
      "  back: {use: trial/reversed, in: {x: x, f: f}}\n",
      "{block: 3}");
  const Tensor x = ramp(4);
  EXPECT_TRUE(at::allclose(result("/back/y"), ((x * 3 + (x + 100)) * 2 + 1).flip(0)));
}

TEST_F(RunTest, cuts_items_into_tiles_with_the_halo_that_nodes_declare) {
  const std::string nodes =
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 2, shape: [2, 31, 29]}}\n"
      "  noisy: {use: trial/noise, in: {x: x}}\n"
      "  a: {use: trial/box3, in: {x: noisy}}\n"
      "  b: {use: trial/box3, in: {x: a}}\n"
      "keep: [a.y, b.y]\n";
  run(nodes);
  RunRequest tiled = request(nodes, "{tile: [8, 7], workers: 2}");
  tiled.options.folder = folder() / "tiled";
  run_pipeline(std::move(tiled), registry());
  for (const char* port : {"/a/y", "/b/y"})
    EXPECT_TRUE(at::allclose(result(port, "tiled"), result(port), 1e-6, 1e-6)) << port;
}

TEST_F(RunTest, computes_only_the_items_asked_for_with_their_own_draws) {
  const std::string nodes =
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 9}}\n"
      "  y: {use: trial/noise, in: {x: x}}\n";
  run(nodes, "{block: 2}");
  RunRequest some = request(nodes, "{block: 2}");
  some.options.folder = folder() / "some";
  some.options.items = {3, 6};
  run_pipeline(std::move(some), registry());
  EXPECT_TRUE(at::equal(result("/y/y", "some"), result("/y/y").narrow(0, 3, 3)));
}

TEST_F(RunTest, computes_up_to_a_node_only) {
  RunRequest preview = request(
      "nodes:\n"
      "  x: {use: trial/ramp}\n"
      "  y: {use: trial/affine, in: {x: x}}\n"
      "  z: {use: trial/affine, in: {x: y}}\n");
  preview.options.until = "y";
  run_pipeline(std::move(preview), registry());
  EXPECT_TRUE(at::equal(result("/y/y"), ramp(8) * 2));
  EXPECT_THROW(result("/z/y"), Error);
}

TEST_F(RunTest, stops_at_a_value_that_is_not_finite_and_names_node_and_item) {
  const std::string nodes = "nodes: {x: {use: trial/ramp, with: {infinite: 5}}}\n";
  try {
    run(nodes, "{block: 2}");
    FAIL() << "an infinite value passed";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("node 'x' (trial/ramp): output 'x' of item 5 holds a value that is not "
                          "finite"));
  }
  RunRequest allowed = request(nodes, "{nonfinite: allow}");
  allowed.options.folder = folder() / "allowed";
  run_pipeline(std::move(allowed), registry());
  EXPECT_TRUE(result("/x/x", "allowed")[5].isinf().any().item<bool>());
}

TEST_F(RunTest, stops_at_an_item_that_fails_or_skips_and_marks_it) {
  const std::string nodes =
      "nodes:\n"
      "  x: {use: trial/ramp, with: {broken: 3}}\n"
      "  y: {use: trial/affine, in: {x: x}}\n";
  EXPECT_THROW(run(nodes, "{block: 2}"), Error);
  RunRequest skipping = request(nodes, "{block: 2, on_item_error: skip}");
  skipping.options.folder = folder() / "skipping";
  const RunReport report = run_pipeline(std::move(skipping), registry());
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_THAT(report.failures[0], HasSubstr("item 3: "));
  EXPECT_THAT(report.failures[0], HasSubstr("item 3 is broken"));
  const Tensor y = result("/y/y", "skipping");
  const Tensor valid = result("/y/y.valid", "skipping");
  EXPECT_TRUE(y[3].isnan().all().item<bool>());
  for (const std::int64_t item : {0, 1, 2, 4, 5, 6, 7}) {
    EXPECT_TRUE(at::equal(y[item], (ramp(8) * 2)[item])) << item;
    EXPECT_TRUE(valid[item].item<bool>());
  }
  EXPECT_FALSE(valid[3].item<bool>());
}

TEST_F(RunTest, runs_equal_nodes_of_a_sweep_once_and_tabulates_the_points) {
  const RunReport report =
      run("nodes:\n"
          "  x: {use: trial/ramp, with: {items: 3}}\n"
          "  y: {use: trial/affine, in: {x: x}}\n"
          "  total: {use: trial/total, in: {x: y}}\n"
          "sweep:\n"
          "  - {y.gain: [1, 2, 4]}\n",
          "{block: 2}");
  EXPECT_EQ(report.summary.status, RunStatus::done);
  std::size_t points = 0;
  for (const auto& point : fs::directory_iterator(folder() / "run/points")) {
    EXPECT_TRUE(fs::exists(point.path() / "result.h5"));
    ++points;
  }
  EXPECT_EQ(points, 3U);
  EXPECT_TRUE(fs::exists(folder() / "run/sweep.csv"));
  std::ifstream csv(folder() / "run/sweep.csv");
  std::size_t lines = 0;
  for (std::string line; std::getline(csv, line);) ++lines;
  EXPECT_EQ(lines, 1U + 3 * 3);
}

TEST_F(RunTest, tabulates_points_apart_whose_components_give_other_columns) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 3}}\n"
      "  t: {use: trial/total, in: {x: x}}\n"
      "sweep:\n"
      "  - {t.use: [trial/total, trial/few]}\n"
      "keep: [t.rows]\n");
  std::ifstream csv(folder() / "run/sweep.csv");
  std::vector<std::string> lines;
  for (std::string line; std::getline(csv, line);) lines.push_back(line.substr(0, line.rfind(',')));
  EXPECT_EQ(lines, (std::vector<std::string>{"table,use,item", "t.rows,trial/total,0",
                                             "t.rows,trial/total,1", "t.rows,trial/total,2",
                                             "table,use,item", "t.rows,trial/few,0"}));
}

TEST_F(RunTest, can_be_replayed_to_the_bit) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 6}}\n"
      "  noisy: {use: trial/noise, in: {x: x}}\n"
      "  y: {use: trial/affine, in: {x: noisy}}\n",
      "{seed: 3, block: 2}");
  const ReplayReport report =
      replay(folder() / "run/result.h5", folder() / "replay", registry(), false, nullptr);
  EXPECT_TRUE(report.equal) << report.first_difference;
  EXPECT_EQ(report.compared, 3U);
}

}  // namespace
}  // namespace pellucid::testing
