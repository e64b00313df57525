// A run whose files are elsewhere, gone or only half there goes on to the right result all the same.

#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "buffers/journal.h"
#include "buffers/result_file.h"
#include "framework/run/running.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kItems = 12;

// States of a reducer in buffers.h5, a result before the barrier, a sink behind it.
constexpr const char* kNodes = R"(nodes:
  x: {use: trial/ramp, with: {items: 12}}
  slow: {use: trial/affine, in: {x: x}, with: {pause: 20 ms}}
  total: {use: trial/total, in: {x: slow}}
  centred: {use: trial/affine, in: {x: slow, bias: total.sum}, with: {pause: 20 ms}}
  save: {use: io/save, in: {centred: centred, rows: total.rows}, with: {to: SINK}}
keep: [slow.y, total.sum, total.rows]
)";
constexpr const char* kSettings = "{block: 1, threads: 1, workers: 1}";

Tensor slow() { return ramp(kItems) * 2; }
Tensor total() { return slow().to(at::kDouble).sum(0, true); }
Tensor centred() { return slow() * 2 + total().to(at::kFloat); }

class Scratch : public RunTest {
 protected:
  RunRequest request_of(const std::string& sink, const fs::path& scratch = {},
                        const fs::path& run = "run") const {
    std::string nodes = kNodes;
    nodes.replace(nodes.find("SINK"), 4, sink);
    RunRequest made = request(nodes, kSettings);
    made.options.folder = folder() / run;
    if (!scratch.empty()) made.options.scratch = folder() / scratch;
    return made;
  }

  // Stops with a mark behind `states` states of the reducer.
  void stop_after_states(RunRequest request, std::int64_t states = kItems / 2) const {
    const RunReport report = interrupt(std::move(request), " total state:sum ", states);
    ASSERT_EQ(report.summary.status, RunStatus::interrupted);
  }

  // Stops with a mark behind `units` units of the sink.
  void stop_after_units(RunRequest request, std::int64_t units) const {
    const RunReport report = interrupt(std::move(request), "block save * ", units);
    ASSERT_EQ(report.summary.status, RunStatus::interrupted);
  }

  void finish(RunRequest request) const {
    EXPECT_EQ(run_pipeline(std::move(request), registry()).summary.status, RunStatus::done);
  }

  void expect_results(const fs::path& run = "run") const {
    EXPECT_TRUE(at::equal(result("/slow/y", run), slow()));
    EXPECT_TRUE(at::equal(result("/total/sum", run), total()));
    const Table rows = read_table(folder() / run / "result.h5", "/total/rows");
    ASSERT_EQ(rows.rows(), kItems);
    EXPECT_NEAR(rows.reals("mean")[kItems - 1], slow()[kItems - 1].mean().item<double>(), 1e-5);
  }

  Tensor saved(const std::string& file, const std::string& dataset) const {
    const DatasetReader reader({folder() / "run" / file, dataset});
    return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
  }

  std::int64_t computed(const std::string& node) const {
    const auto json = record();
    for (const auto& entry : json.at("nodes"))
      if (entry.at("name") == node) return entry.at("blocks");
    return -1;
  }

  static std::vector<fs::path> names_in(const fs::path& folder) {
    std::vector<fs::path> names;
    for (const auto& entry : fs::directory_iterator(folder))
      names.push_back(entry.path().filename());
    return names;
  }

  // What a process that is killed leaves: entries behind the last mark, for blocks that never came
  // to the disk.
  void pretend(const std::string& node, const std::string& port, std::int64_t first,
               std::int64_t count) const {
    Journal journal(folder() / "run/journal");
    for (std::int64_t unit = first; unit < first + count; ++unit)
      journal.stored(node, port, unit, Key{}, 17);
  }
};

TEST_F(Scratch, that_is_another_one_has_its_blocks_computed_again) {
  stop_after_states(request_of("centred.h5", "there"));
  finish(request_of("centred.h5", "elsewhere"));
  expect_results();
  EXPECT_TRUE(at::allclose(saved("centred.h5", "/centred"), centred()));
  EXPECT_TRUE(fs::is_empty(folder() / "there"));
  EXPECT_TRUE(fs::is_empty(folder() / "elsewhere"));
}

TEST_F(Scratch, that_comes_back_after_another_is_not_believed) {
  stop_after_states(request_of("centred.h5", "there"), 3);
  // Three lines of before, three that drop them, and nine states: more than the first file has.
  stop_after_states(request_of("centred.h5", "elsewhere"), 3 + 3 + 9);
  finish(request_of("centred.h5", "there"));
  expect_results();
  EXPECT_TRUE(at::allclose(saved("centred.h5", "/centred"), centred()));
}

TEST_F(Scratch, that_is_forgotten_is_found_again) {
  stop_after_states(request_of("centred.h5", "there"));
  finish(request_of("centred.h5"));
  expect_results();
  EXPECT_LE(computed("total"), kItems / 2);
  EXPECT_FALSE(fs::exists(folder() / "run/buffers.h5"));
  EXPECT_TRUE(fs::is_empty(folder() / "there"));
}

TEST_F(Scratch, that_is_gone_has_its_blocks_computed_again) {
  stop_after_states(request_of("centred.h5", "there"));
  fs::remove_all(folder() / "there");
  finish(request_of("centred.h5"));
  expect_results();
}

TEST_F(Scratch, is_below_the_folder_given_also_where_that_of_the_run_ends_in_a_slash) {
  stop_after_states(request_of("centred.h5", "there", "run/"));
  const auto names = names_in(folder() / "there");
  ASSERT_EQ(names.size(), 1U);
  EXPECT_THAT(names[0].string(), ::testing::StartsWith("run-"));
  finish(request_of("centred.h5", "there", "run"));
  expect_results();
}

TEST_F(Scratch, is_shared_by_runs_of_one_name_without_harm) {
  fs::create_directories(folder() / "a");
  fs::create_directories(folder() / "b");
  stop_after_states(request_of("centred.h5", "there", "a/run"));
  stop_after_states(request_of("centred.h5", "there", "b/run"), 3);
  EXPECT_EQ(names_in(folder() / "there").size(), 2U);
  finish(request_of("centred.h5", "there", "b/run"));
  finish(request_of("centred.h5", "there", "a/run"));
  expect_results("a/run");
  expect_results("b/run");
}

TEST_F(Scratch, of_a_run_that_is_replaced_is_removed) {
  stop_after_states(request_of("centred.h5", "there"));
  RunRequest other = request("nodes: {x: {use: trial/ramp}}\n");
  other.options.overwrite = true;
  run_pipeline(std::move(other), registry());
  EXPECT_TRUE(fs::is_empty(folder() / "there"));
}

// As one leaves it that is killed behind its record.
TEST_F(Scratch, of_a_finished_run_is_removed_when_the_run_is_looked_at_again) {
  finish(request_of("centred.h5", "there"));
  const std::string scratch = Journal(folder() / "run/journal").notes("scratch").back().text;
  fs::create_directories(fs::path(scratch) / "nodes");
  for (const char* name : {"buffers.h5", "buffers.id", "lock"})
    std::ofstream(fs::path(scratch) / name) << "left";
  EXPECT_TRUE(run_pipeline(request_of("centred.h5"), registry()).summary.up_to_date);
  EXPECT_TRUE(fs::is_empty(folder() / "there"));
}

TEST_F(Scratch, results_that_are_gone_are_computed_again) {
  stop_after_states(request_of("centred.h5"));
  fs::remove(folder() / "run/result.h5.part");
  finish(request_of("centred.h5"));
  expect_results();
}

TEST_F(Scratch, an_item_that_is_skipped_again_is_counted_once) {
  RunRequest skipping = request(
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 12, broken: 1}}\n"
      "  y: {use: trial/affine, in: {x: x}, with: {pause: 20 ms}}\n",
      "{block: 1, threads: 1, workers: 1, on_item_error: skip}");
  ASSERT_EQ(interrupt(skipping, "block y y ", kItems / 2).summary.status, RunStatus::interrupted);
  fs::remove(folder() / "run/result.h5.part");
  const RunReport report = run_pipeline(skipping, registry());
  EXPECT_EQ(report.summary.skipped_items, 1);
  EXPECT_EQ(std::ssize(record().at("skipped")), 1);
}

TEST_F(Scratch, a_file_of_a_sink_that_is_gone_is_written_again_from_its_first_item) {
  for (const char* name : {"centred.h5", "centred.npy"}) {
    SCOPED_TRACE(name);
    fs::remove_all(folder() / "run");
    stop_after_units(request_of(name), kItems / 2);
    fs::remove(folder() / "run" / (std::string(name) + ".part"));
    finish(request_of(name));
    const bool npy = fs::path(name).extension() == ".npy";
    EXPECT_TRUE(at::allclose(saved(name, npy ? "" : "/centred"), centred()));
  }
}

TEST_F(Scratch, pictures_and_rows_that_are_gone_are_written_again) {
  for (const char* gone : {"centred/centred_0002.png.part", "centred_rows.csv.part"}) {
    SCOPED_TRACE(gone);
    fs::remove_all(folder() / "run");
    stop_after_units(request_of("centred.png"), kItems / 2);
    ASSERT_TRUE(fs::remove(folder() / "run" / gone));
    finish(request_of("centred.png"));
    EXPECT_EQ(names_in(folder() / "run/centred").size(), static_cast<std::size_t>(kItems));
    EXPECT_EQ(count_of("\n", folder() / "run/centred_rows.csv"), kItems + 1);
  }
}

TEST_F(Scratch, a_name_that_is_taken_costs_nothing_of_what_a_sink_wrote) {
  stop_after_units(request_of("centred.h5"), kItems / 2);
  const std::int64_t before = count_of("block save * ", folder() / "run/journal");
  std::ofstream(folder() / "run/centred.h5") << "mine";
  EXPECT_THROW(run_pipeline(request_of("centred.h5"), registry()), Error);
  fs::remove(folder() / "run/centred.h5");
  finish(request_of("centred.h5"));
  EXPECT_EQ(computed("save"), kItems - before);
  EXPECT_TRUE(at::allclose(saved("centred.h5", "/centred"), centred()));
}

// No format of pictures can tell what it holds, so all behind the last mark is written again; a mark
// of the process that does so must not bless what it refused.
TEST_F(Scratch, blocks_that_were_refused_once_are_not_believed_later) {
  stop_after_units(request_of("centred.png"), 2);
  const std::int64_t written = count_of("block save * ", folder() / "run/journal");
  if (written + 6 >= kItems) GTEST_SKIP() << "the first process was stopped too late";
  pretend("save", "*", written, 6);
  const auto part_of = [&](std::int64_t item) {
    const std::string number = (item < 10 ? "000" : "00") + std::to_string(item);
    return folder() / "run/centred" / ("centred_" + number + ".png.part");
  };
  for (std::int64_t item = written; item < written + 6; ++item)
    std::ofstream(part_of(item)) << "torn";
  stop_after_units(request_of("centred.png"), written + 6 + 1);
  const auto last = part_of(written + 5);
  if (fs::file_size(last) != 4) GTEST_SKIP() << "the second process was stopped too late";
  finish(request_of("centred.png"));
  EXPECT_EQ(names_in(folder() / "run/centred").size(), static_cast<std::size_t>(kItems));
  for (const auto& picture : fs::directory_iterator(folder() / "run/centred"))
    EXPECT_GT(picture.file_size(), 4U) << picture.path();
  EXPECT_EQ(count_of("\n", folder() / "run/centred_rows.csv"), kItems + 1);
}

// After a power cut the entries of some blocks may stand in the journal, and their files not.
TEST_F(Scratch, a_sink_goes_on_at_the_last_mark_where_what_came_later_is_gone) {
  stop_after_units(request_of("centred.png"), kItems / 2);
  const std::int64_t written = count_of("block save * ", folder() / "run/journal");
  pretend("save", "*", written, std::min<std::int64_t>(2, kItems - written));
  finish(request_of("centred.png"));
  EXPECT_EQ(computed("save"), kItems - written);
  EXPECT_EQ(names_in(folder() / "run/centred").size(), static_cast<std::size_t>(kItems));
  EXPECT_EQ(count_of("\n", folder() / "run/centred_rows.csv"), kItems + 1);
}

TEST_F(Scratch, results_that_were_refused_once_are_not_believed_later) {
  stop_after_states(request_of("centred.h5"), 2);
  const std::int64_t written = count_of("block slow y ", folder() / "run/journal");
  pretend("slow", "y", written, 6);
  stop_after_states(request_of("centred.h5"), written + 1);
  finish(request_of("centred.h5"));
  expect_results();
}

}  // namespace
}  // namespace pellucid::testing
