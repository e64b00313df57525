// A disk that fills up, or that cannot be written, stops a run with a reason; no file has its final
// name then, and the same request finishes it when there is room.

#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pellucid/testing.h>

#include "base/disk.h"
#include "framework/buffers/small_disk.h"
#include "framework/run/running.h"

namespace pellucid::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

// A result of 640 KiB, states of 1.3 MiB, a file of 640 KiB.
constexpr const char* kNodes = R"(nodes:
  x: {use: trial/ramp, with: {items: 40, shape: [1, 64, 64]}}
  y: {use: trial/affine, in: {x: x}}
  total: {use: trial/total, in: {x: y}}
  save: {use: io/save, in: {y: y}, with: {to: SINK}}
keep: [y.y, total.sum]
)";
constexpr const char* kSettings = "{block: 1, workers: 1, threads: 1, memory: 256 MiB}";

// Takes all room of a disk but some.
void fill(const fs::path& file, std::int64_t left) {
  const std::int64_t bytes = free_disk(file) - left;
  std::ofstream(file, std::ios::binary) << std::string(static_cast<std::size_t>(bytes), 'x');
}

class FullDisk : public RunTest {
 protected:
  RunRequest request_to(const std::string& sink) const {
    std::string nodes = kNodes;
    nodes.replace(nodes.find("SINK"), 4, sink);
    return request(nodes, kSettings);
  }

  static std::vector<fs::path> final_names_in(const fs::path& folder) {
    std::vector<fs::path> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const std::string suffix = entry.path().extension();
      for (const char* known : {".h5", ".npy", ".png", ".csv"})
        if (suffix == known && entry.path().filename() != "buffers.h5")
          names.push_back(entry.path());
    }
    return names;
  }

  // The request fails once with the disk filled up after it was planned, and then does not.
  void expect_failure_then_success(const RunRequest& request, const fs::path& filler,
                                   std::int64_t left) const {
    RunRequest failing = request;
    failing.begins = [&](const Plan&, bool) { fill(filler, left); };
    EXPECT_THAT(message_of<Error>([&] { run_pipeline(failing, registry()); }),
                AnyOf(HasSubstr("the disk is full ("), HasSubstr("not enough space for '"),
                      HasSubstr("cannot be written")));
    EXPECT_THAT(final_names_in(request.options.folder), ::testing::IsEmpty());
    EXPECT_THAT(final_names_in(filler.parent_path()), ::testing::IsEmpty());
    fs::remove(filler);
    EXPECT_EQ(run_pipeline(request, registry()).summary.status, RunStatus::done);
    const DatasetReader reader({request.options.folder / "result.h5", "/total/sum"});
    EXPECT_TRUE(at::equal(reader.read({0, 0, 0, 0}, reader.shape()),
                          (ramp(40, 64, 64) * 2).to(at::kDouble).sum(0, true)));
  }
};

TEST_F(FullDisk, of_the_results) {
  const SmallDisk disk("8m");
  if (!disk.mounted()) GTEST_SKIP() << "only the superuser can mount a disk";
  RunRequest request = request_to("y.npy");
  for (const std::int64_t left : {0, 256 << 10}) {
    request.options.folder = disk / ("run" + std::to_string(left));
    expect_failure_then_success(request, disk / "filler", left);
    fs::remove_all(request.options.folder);
  }
}

TEST_F(FullDisk, of_the_buffers) {
  const SmallDisk disk("8m");
  if (!disk.mounted()) GTEST_SKIP() << "only the superuser can mount a disk";
  RunRequest request = request_to("y.npy");
  request.options.scratch = disk / "scratch";
  expect_failure_then_success(request, disk / "filler", 512 << 10);
}

TEST_F(FullDisk, of_a_sink) {
  for (const char* name : {"y.h5", "y.npy", "y.png"}) {
    SCOPED_TRACE(name);
    const SmallDisk disk("8m");
    if (!disk.mounted()) GTEST_SKIP() << "only the superuser can mount a disk";
    fs::remove_all(folder() / "run");
    const RunRequest request = request_to(disk / name);
    expect_failure_then_success(request, disk / "filler", 32 << 10);
    EXPECT_EQ(final_names_in(disk / ".").size(), std::string(name) == "y.png" ? 40U : 1U);
  }
}

TEST_F(FullDisk, or_files_that_the_system_allows_no_longer) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  RunRequest failing = request_to("y.npy");
  failing.begins = [&](const Plan&, bool) {
    const rlimit small{512 << 10, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
  };
  const std::string message = message_of<Error>([&] { run_pipeline(failing, registry()); });
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(message, HasSubstr("the file would be larger than the system allows"));
  EXPECT_THAT(final_names_in(folder() / "run"), ::testing::IsEmpty());
  EXPECT_EQ(run_pipeline(request_to("y.npy"), registry()).summary.status, RunStatus::done);
  EXPECT_TRUE(at::equal(result("/y/y"), ramp(40, 64, 64) * 2));
}

TEST_F(FullDisk, or_one_that_cannot_be_written) {
  const SmallDisk disk("8m");
  if (!disk.mounted()) GTEST_SKIP() << "only the superuser can mount a disk";
  RunRequest request = request_to("y.npy");
  request.options.folder = disk / "run";
  const RunReport report = interrupt(request, "block y y ", 5);
  ASSERT_EQ(report.summary.status, RunStatus::interrupted);
  disk.make_read_only();
  EXPECT_THAT(message_of<Error>([&] { run_pipeline(request, registry()); }),
              HasSubstr("Read-only file system"));
  request.options.folder = disk / "another";
  const std::string message = message_of<Error>([&] { run_pipeline(request, registry()); });
  EXPECT_THAT(message, HasSubstr("'" + (disk / "another").string() + "', cannot be made: "));
  EXPECT_THAT(message, HasSubstr("--run"));
  EXPECT_THAT(final_names_in(disk / "."), ::testing::IsEmpty());
}

}  // namespace
}  // namespace pellucid::testing
