// How runs end: names of files, provenance, and ends that did not come to their end.

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pellucid/testing.h>

#include "buffers/result_file.h"
#include "framework/run/running.h"
#include "run/provenance.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

// A late sink (TIFF), and tables that have fewer rows than they may have.
constexpr const char* kSweep = R"(nodes:
  x: {use: trial/ramp, with: {items: 3}}
  y: {use: trial/affine, in: {x: x}}
  total: {use: trial/total, in: {x: y}}
  few: {use: trial/few, in: {x: y}}
  save: {use: io/save, in: {y: y, rows: few}, with: {to: y.tif}}
keep: [y.y, few.rows]
sweep:
  - {y.gain: [1, 4]}
)";

class Finish : public RunTest {
 protected:
  // Fails while it gives results their names: that of the last point is taken meanwhile.
  void fail_at_the_last_point() {
    RunRequest failing = request(kSweep, "{block: 2}");
    failing.begins = [this](const Plan& plan, bool) {
      for (const PlannedPoint& point : plan.points)
        results_.push_back(folder() / "run/points" / point.label / "result.h5");
      fs::create_directories(results_.back().parent_path());
      std::ofstream(results_.back()) << "mine";
    };
    const std::string message = message_of<Error>([&] { run_pipeline(failing, registry()); });
    ASSERT_THAT(message, HasSubstr("'" + results_.back().string() + "' exists already"));
    ASSERT_EQ(results_.size(), 2U);
    ASSERT_TRUE(fs::exists(results_.front()));
    fs::remove(results_.back());
  }

  void expect_finished() const {
    const RunReport report = run(kSweep, "{block: 2}");
    EXPECT_EQ(report.summary.status, RunStatus::done);
    for (std::size_t point = 0; point < results_.size(); ++point) {
      const fs::path point_folder = results_[point].parent_path();
      const DatasetReader reader({results_[point], "/y/y"});
      EXPECT_TRUE(
          at::equal(reader.read({0, 0, 0, 0}, reader.shape()), ramp(3) * (point == 0 ? 1 : 4)));
      EXPECT_EQ(read_table(results_[point], "/few/rows").rows(), 1);
      for (const auto& entry : fs::directory_iterator(point_folder))
        EXPECT_NE(entry.path().extension(), ".part") << entry.path();
      EXPECT_TRUE(fs::exists(point_folder / "y.tif"));
      EXPECT_THAT(report.summary.results, ::testing::Contains(point_folder / "y.tif"));
    }
    EXPECT_TRUE(run(kSweep, "{block: 2}").summary.up_to_date);
  }

  std::vector<fs::path> results_;
};

TEST_F(Finish, that_failed_at_a_name_goes_on_with_the_names_that_are_missing) {
  fail_at_the_last_point();
  const auto first = fs::last_write_time(results_.front());
  expect_finished();
  EXPECT_EQ(fs::last_write_time(results_.front()), first);
}

TEST_F(Finish, that_was_killed_between_a_name_and_its_part_removes_the_part) {
  fail_at_the_last_point();
  fs::copy_file(results_.front(), results_.front().string() + ".part");
  expect_finished();
}

TEST_F(Finish, that_was_killed_and_lost_a_part_computes_that_again) {
  fail_at_the_last_point();
  fs::remove(results_.back().string() + ".part");
  fs::remove(folder() / "run/buffers.h5");
  expect_finished();
}

TEST_F(Finish, a_file_of_somebody_else_under_the_name_of_a_result_stays) {
  fail_at_the_last_point();
  std::ofstream(results_.back()) << "mine again";
  EXPECT_THROW(run(kSweep, "{block: 2}"), Error);
  EXPECT_EQ(fs::file_size(results_.back()), 10U);
  fs::remove(results_.back());
  expect_finished();
}

// A process that was killed while a sink gave its files their names leaves some with, some without.
TEST_F(Finish, files_of_a_sink_that_have_their_names_are_not_written_anew) {
  const std::string nodes = R"(nodes:
  x: {use: trial/ramp, with: {items: 3}}
  few: {use: trial/few, in: {x: x}}
  save: {use: io/save, in: {x: x, rows: few}, with: {to: x.npy}}
keep: [x.x]
)";
  RunRequest failing = request(nodes);
  failing.begins = [this](const Plan&, bool) {
    std::ofstream(folder() / "run/result.h5") << "mine";
  };
  EXPECT_THROW(run_pipeline(failing, registry()), Error);
  fs::remove(folder() / "run/result.h5");
  // As if it had come to the first file of the sink only.
  std::string journal;
  std::ifstream lines(folder() / "run/journal");
  for (std::string line; std::getline(lines, line);)
    if (line.find("note closed ") == std::string::npos) journal += line + "\n";
  lines.close();
  std::ofstream(folder() / "run/journal") << journal;
  fs::rename(folder() / "run/x.npy", folder() / "run/x.npy.part");

  EXPECT_EQ(run(nodes).summary.status, RunStatus::done);
  EXPECT_EQ(count_of("\n", folder() / "run/x_rows.csv"), 2);
  EXPECT_TRUE(at::equal(
      DatasetReader({folder() / "run/x.npy", ""}).read({0, 0, 0, 0}, {3, 1, 16, 16}), ramp(3)));
}

TEST_F(Finish, many_items_that_were_skipped_do_not_outgrow_the_file) {
  constexpr std::int64_t items = 3000, sound = 100;
  RunRequest skipping = request(
      "nodes: {x: {use: trial/ramp, with: {items: 3000, shape: [1, 1, 1], broken_from: 100}}}\n",
      "{block: 500, on_item_error: skip}");
  std::int64_t reserved = 0;
  skipping.begins = [&](const Plan& plan, bool) { reserved = provenance_bytes(plan); };
  const RunReport report = run_pipeline(std::move(skipping), registry());
  EXPECT_EQ(report.summary.skipped_items, items - sound);

  const std::string text = read_provenance(folder() / "run/result.h5");
  EXPECT_LT(std::ssize(text), reserved);
  EXPECT_GT(std::ssize(text), reserved / 2);
  const auto provenance = nlohmann::json::parse(text);
  EXPECT_EQ(provenance.at("skipped_items"), items - sound);
  EXPECT_LT(std::ssize(provenance.at("skipped")), items - sound);
  EXPECT_EQ(std::ssize(record().at("skipped")), items - sound);
}

TEST_F(Finish, a_reason_may_hold_any_bytes) {
  const std::string nodes = "nodes: {x: {use: trial/ramp, with: {broken: 3}}}\n";
  const RunReport report = run(nodes, "{block: 2, on_item_error: skip}");
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_THAT(report.failures[0], HasSubstr("item 3 is broken: 'caf\xe9\n.png'"));
  EXPECT_THAT(record().at("skipped").at(0).get<std::string>(),
              HasSubstr("item 3 is broken: 'caf\uFFFD\n.png'"));

  RunRequest stopping = request(nodes);
  stopping.options.folder = folder() / "stopped";
  EXPECT_THAT(message_of<Error>([&] { run_pipeline(stopping, registry()); }),
              HasSubstr("item 3 is broken"));
  EXPECT_EQ(record("stopped").at("status"), "failed");
  EXPECT_THAT(record("stopped").at("error").get<std::string>(), HasSubstr("caf\uFFFD"));
}

}  // namespace
}  // namespace pellucid::testing
