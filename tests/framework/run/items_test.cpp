// What belongs to an item stays with it: objects, functions, draws, failures, time limits.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "buffers/result_file.h"
#include "framework/run/running.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

using Items = RunTest;

// A shifts item n by 10 times item n.
const std::string shifting =
    "  x: {use: trial/ramp, with: {items: 5}}\n"
    "  o: {use: trial/ramp, with: {items: 5}}\n"
    "  s: {use: trial/affine, in: {x: o}, with: {gain: 10}}\n"
    "  A: {use: trial/shift, in: {s: s}}\n";

TEST_F(Items, keep_their_objects_where_others_of_their_block_fail) {
  run("nodes:\n" + shifting +
          "  z: {use: trial/ramp, with: {items: 5, broken: 1}}\n"
          "  y: {use: trial/observe, in: {x: z, A: A}}\n",
      "{block: 3, on_item_error: skip}");
  const Tensor y = result("/y/y");
  for (const std::int64_t item : {0, 2, 3, 4})
    EXPECT_TRUE(at::equal(y[item], (ramp(5) * 11)[item])) << item;
  EXPECT_TRUE(y[1].isnan().all().item<bool>());
}

TEST_F(Items, that_failed_are_left_out_of_a_sum) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 7, broken: 4}}\n"
      "  total: {use: trial/total, in: {x: x}}\n"
      "keep: [total.sum]\n",
      "{block: 3, on_item_error: skip}");
  const Tensor all = ramp(7).to(at::kDouble);
  EXPECT_TRUE(at::allclose(result("/total/sum"), all.sum(0, true) - all.narrow(0, 4, 1)));
  const Table rows = read_table(folder() / "run/result.h5", "/total/rows");
  std::vector<std::int64_t> items;
  for (std::int64_t row = 0; row < rows.rows(); ++row)
    if (!std::isnan(rows.reals("mean")[static_cast<std::size_t>(row)]))
      items.push_back(rows.item(row));
  EXPECT_EQ(items, (std::vector<std::int64_t>{0, 1, 2, 3, 5, 6}));
}

TEST_F(Items, a_block_without_a_sound_one_adds_nothing_to_a_sum) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 4, broken: 2}}\n"
      "  total: {use: trial/total, in: {x: x}}\n"
      "keep: [total.sum]\n",
      "{block: 1, on_item_error: skip}");
  const Tensor all = ramp(4).to(at::kDouble);
  EXPECT_TRUE(at::allclose(result("/total/sum"), all.sum(0, true) - all.narrow(0, 2, 1)));
}

TEST_F(Items, that_fail_and_serve_all_items_fail_them_all) {
  const RunReport report =
      run("nodes:\n"
          "  x: {use: trial/ramp, with: {items: 4}}\n"
          "  one: {use: trial/ramp, with: {items: 1, broken: 0}}\n"
          "  y: {use: trial/affine, in: {x: x, bias: one}}\n",
          "{block: 2, on_item_error: skip, nonfinite: allow}");
  EXPECT_FALSE(result("/y/y.valid").any().item<bool>());
  EXPECT_TRUE(result("/y/y").isnan().all().item<bool>());
}

TEST_F(Items, of_a_function_have_the_objects_of_that_item) {
  run("nodes:\n" + shifting +
          "  b: {use: trial/observe, in: {x: x, A: A}}\n"
          "  f: {use: pipeline/function, in: {argument: x, value: b}}\n"
          "  y: {use: trial/probe, in: {x: x, f: f}}\n",
      "{block: 3}");
  EXPECT_TRUE(at::allclose(result("/y/y"), ramp(5) * 3 + ramp(5) * 20));
}

TEST_F(Items, of_a_function_have_their_objects_in_blocks_of_one_as_well) {
  run("nodes:\n" + shifting +
          "  b: {use: trial/observe, in: {x: x, A: A}}\n"
          "  f: {use: pipeline/function, in: {argument: x, value: b}}\n"
          "  y: {use: trial/probe, in: {x: x, f: f}}\n",
      "{block: 1}");
  EXPECT_TRUE(at::allclose(result("/y/y"), ramp(5) * 3 + ramp(5) * 20));
}

TEST_F(Items, of_a_function_with_one_object_for_all_share_it_also_behind_a_barrier) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 5}}\n"
      "  o: {use: trial/ramp, with: {items: 5}}\n"
      "  total: {use: trial/total, in: {x: o}}\n"
      "  single: {use: trial/ramp, with: {items: 1}}\n"
      "  A: {use: trial/shift, in: {s: single}}\n"
      "  b: {use: trial/affine, in: {x: x, bias: total.sum}}\n"
      "  c: {use: trial/observe, in: {x: b, A: A}}\n"
      "  f: {use: pipeline/function, in: {argument: x, value: c}}\n"
      "  y: {use: trial/probe, in: {x: x, f: f}}\n",
      "{block: 2}");
  const Tensor sum = ramp(5).sum(0, true);
  EXPECT_TRUE(at::allclose(result("/y/y"), ramp(5) * 6 + sum * 2 + ramp(1) * 2));
}

TEST_F(Items, of_a_function_keep_their_draws_however_the_data_are_cut) {
  const std::string nodes =
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 6}}\n"
      "  b: {use: trial/noise, in: {x: x}}\n"
      "  f: {use: pipeline/function, in: {argument: x, value: b}, with: {fresh: true}}\n"
      "  y: {use: trial/probe, in: {x: x, f: f}}\n";
  run(nodes, "{block: 6, workers: 1}");
  RunRequest other = request(nodes, "{block: 1, workers: 2, threads: 2}");
  other.options.folder = folder() / "other";
  run_pipeline(std::move(other), registry());
  EXPECT_TRUE(at::equal(result("/y/y"), result("/y/y", "other")));
}

TEST_F(Items, keep_their_numbers_in_tables_of_a_part_of_the_data) {
  RunRequest part = request(
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 9}}\n"
      "  total: {use: trial/total, in: {x: x}}\n"
      "  save: {use: io/save, in: {rows: total.rows}, with: {to: rows.h5}}\n"
      "keep: [total.rows]\n",
      "{block: 2}");
  part.options.items = {{3, 6}};
  run_pipeline(std::move(part), registry());
  const Table rows = read_table(folder() / "run/result.h5", "/total/rows");
  ASSERT_EQ(rows.rows(), 3);
  for (std::int64_t row = 0; row < 3; ++row) {
    EXPECT_EQ(rows.item(row), row + 3);
    EXPECT_NEAR(rows.reals("mean")[static_cast<std::size_t>(row)], 3.0 + row + 0.5 * 255 / 256,
                1e-5);
  }
}

TEST_F(Items, that_failed_before_a_table_was_made_are_marked_there) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 4, shape: [1, 24, 24], broken: 2}, on_item_error: "
      "skip}\n"
      "  y: {use: trial/affine, in: {x: x}, nonfinite: allow}\n"
      "  score: {use: metrics/quality, in: {x: y, reference: y}, nonfinite: allow}\n",
      "{block: 2}");
  const Table rows = read_table(folder() / "run/result.h5", "/score/scores");
  ASSERT_EQ(rows.rows(), 4);
  for (std::int64_t row = 0; row < 4; ++row)
    EXPECT_EQ(std::get<bool>(rows.cell(row, 2)), row != 2) << row;
}

TEST_F(Items, that_fail_leave_the_rest_of_their_block_to_a_reducer_with_objects) {
  run("nodes:\n" + shifting +
          "  z: {use: trial/ramp, with: {items: 5, broken: 1}}\n"
          "  y: {use: trial/observe, in: {x: z, A: A}}\n"
          "  total: {use: trial/total, in: {x: y}}\n"
          "keep: [total.sum]\n",
      "{block: 5, on_item_error: skip}");
  const Tensor all = ramp(5).to(at::kDouble) * 11;
  EXPECT_TRUE(at::allclose(result("/total/sum"), all.sum(0, true) - all.narrow(0, 1, 1)));
}

TEST_F(Items, that_a_procedure_asks_for_may_be_one_for_all) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 1}}\n"
      "  total: {use: trial/total, in: {x: x}}\n"
      "  back: {use: trial/reversed, in: {x: total.sum}}\n");
  EXPECT_TRUE(at::allclose(result("/back/y"), ramp(1).to(at::kDouble)));
}

TEST_F(Items, of_a_procedure_share_one_row_of_draws) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 50}}\n"
      "  lot: {use: trial/lot, in: {x: x}}\n");
  EXPECT_EQ(result("/lot/y").sizes(), (at::IntArrayRef{1, 3}));
  RunRequest fewer = request(
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 7}}\n"
      "  lot: {use: trial/lot, in: {x: x}}\n");
  fewer.options.folder = folder() / "fewer";
  run_pipeline(std::move(fewer), registry());
  EXPECT_TRUE(result("/lot/y").equal(result("/lot/y", "fewer")));
}

TEST_F(Items, of_a_procedure_that_takes_too_long_end_in_an_error_not_in_a_pause) {
  const std::string nodes =
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 50}}\n"
      "  back: {use: trial/reversed, in: {x: x}, with: {pause: 0.02}, timeout: 0.05}\n";
  try {
    run(nodes);
    FAIL() << "the time limit was not noticed";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("back"));
    EXPECT_THAT(error.what(), HasSubstr("took longer than its timeout of 0.05 s"));
  }
}

TEST_F(Items, behind_a_barrier_are_cut_into_tiles_as_well) {
  const std::string nodes =
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 3, shape: [1, 30, 20]}}\n"
      "  back: {use: trial/reversed, in: {x: x}}\n"
      "  y: {use: trial/box3, in: {x: back}}\n";
  run(nodes);
  RunRequest tiled = request(nodes, "{tile: [7, 9]}");
  tiled.options.folder = folder() / "tiled";
  run_pipeline(std::move(tiled), registry());
  EXPECT_TRUE(at::allclose(result("/y/y", "tiled"), result("/y/y"), 1e-6, 1e-6));
}

TEST_F(Items, in_files_that_change_while_they_are_read_stop_the_run) {
  run("nodes: {x: {use: trial/ramp, with: {items: 40}}}\nkeep: [x]\n");
  const fs::path input = folder() / "input.h5";
  fs::copy(folder() / "run/result.h5", input);
  RunRequest reading = request(
      "nodes:\n"
      "  x: {use: io/dataset, with: {path: input.h5:/x/x}}\n"
      "  y: {use: trial/affine, in: {x: x}, with: {pause: 0.01}}\n",
      "{block: 1}");
  reading.options.folder = folder() / "reading";
  reading.begins = [&](const Plan&, bool) {
    fs::last_write_time(input, fs::last_write_time(input) + std::chrono::seconds(1));
  };
  try {
    run_pipeline(std::move(reading), registry());
    FAIL() << "the change was not noticed";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("input.h5' changed while the run was reading it"));
  }
  EXPECT_FALSE(fs::exists(folder() / "reading/result.h5"));
}

}  // namespace
}  // namespace pellucid::testing
