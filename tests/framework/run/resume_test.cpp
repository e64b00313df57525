// A run that is killed with -9, at any moment, goes on to the very bits of an undisturbed one.

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "buffers/journal.h"
#include "framework/run/running.h"

extern char** environ;

namespace pellucid::testing {
namespace {

constexpr std::int64_t kBlocks = 40;

// A slow node before a barrier, kept; a buffer across it; a sink behind it.
constexpr const char* kPipeline = R"(pellucid: 1
settings: {seed: 11, block: 1, durability: 50 ms, threads: 2, workers: 2}
nodes:
  x: {use: trial/ramp, with: {items: 40, shape: [1, 64, 64]}}
  noisy: {use: trial/noise, in: {x: x}}
  slow: {use: trial/affine, in: {x: noisy}, with: {pause: 10 ms}}
  total: {use: trial/total, in: {x: slow}}
  centred: {use: trial/affine, in: {x: slow, bias: total.sum}, with: {pause: 5 ms}}
  save: {use: io/save, in: {centred: centred}, with: {to: centred.h5}}
keep: [slow.y, total.sum]
)";

class Killed : public RunTest {
 protected:
  Killed() { std::ofstream(folder() / "pipeline.yaml") << kPipeline; }

  pid_t start(const fs::path& run) const {
    const std::string command = std::getenv("PELLUCID_COMMAND");
    const std::string file = folder() / "pipeline.yaml";
    const std::string out = run;
    std::vector<const char*> arguments{
        command.c_str(), "run",           file.c_str(),           "--run", out.c_str(),
        "--quiet",       "--plugin-path", PELLUCID_TRIAL_PLUGINS, nullptr};
    pid_t process = 0;
    if (::posix_spawn(&process, command.c_str(), nullptr, nullptr,
                      const_cast<char* const*>(arguments.data()), environ) != 0)
      throw std::runtime_error("cannot start " + command);
    return process;
  }

  static int wait_for(pid_t process) {
    int status = 0;
    ::waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  static bool ended(pid_t process) {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid == process;
  }

  // Kills as soon as `due` is true of the journal's text; false where the run ended before.
  static bool kill_when(pid_t process, const fs::path& run,
                        const std::function<bool(const std::string&)>& due) {
    while (!ended(process)) {
      std::ifstream file(run / "journal");
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      if (due(text)) {
        ::kill(process, SIGKILL);
        wait_for(process);
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    wait_for(process);
    return false;
  }

  // Blocks that stand in files by the journal, of the node that is stored and of the sink.
  struct Standing {
    std::int64_t slow = 0;
    std::int64_t save = 0;
  };
  Standing standing(const fs::path& run) const {
    if (!fs::exists(run / "journal")) return {};
    const fs::path copy = folder() / "journal-copy";
    fs::copy_file(run / "journal", copy, fs::copy_options::overwrite_existing);
    const Journal journal(copy);
    return {journal.count("slow", "y"), journal.count("save", "*")};
  }

  static bool finished(const fs::path& run) {
    if (!fs::exists(run / "run.json")) return false;
    return nlohmann::json::parse(std::ifstream(run / "run.json")).at("status") == "finished";
  }

  static std::int64_t computed(const fs::path& run, const std::string& node) {
    const auto json = nlohmann::json::parse(std::ifstream(run / "run.json"));
    for (const auto& entry : json.at("nodes"))
      if (entry.at("name") == node) return entry.at("blocks");
    return -1;
  }

  Tensor read(const fs::path& file, const std::string& dataset) const {
    const DatasetReader reader({file, dataset});
    return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
  }

  void expect_equal_results(const fs::path& run, const fs::path& reference) const {
    EXPECT_TRUE(
        at::equal(read(run / "result.h5", "/slow/y"), read(reference / "result.h5", "/slow/y")));
    EXPECT_TRUE(at::equal(read(run / "result.h5", "/total/sum"),
                          read(reference / "result.h5", "/total/sum")));
    EXPECT_TRUE(at::equal(read(run / "centred.h5", "/centred"),
                          read(reference / "centred.h5", "/centred")));
  }

  // Every HDF5 file of a run opens, whatever state it is in.
  void expect_files_open(const fs::path& run) const {
    for (const char* name : {"result.h5.part", "result.h5"})
      if (fs::exists(run / name)) {
        EXPECT_NO_THROW(read(run / name, "/slow/y")) << name;
      }
    for (const char* name : {"centred.h5.part", "centred.h5"})
      if (fs::exists(run / name)) {
        EXPECT_NO_THROW(read(run / name, "/centred")) << name;
      }
  }
};

std::int64_t lines_with(const std::string& text, const std::string& word) {
  std::int64_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

TEST_F(Killed, at_fifty_moments_resumes_to_identical_bits_and_recomputes_nothing_stored) {
  const fs::path reference = folder() / "reference";
  ASSERT_EQ(wait_for(start(reference)), 0);
  std::mt19937 random(2024);
  std::uniform_real_distribution<double> uniform(0, 1);
  int in_the_middle = 0;

  for (int moment = 0; moment < 50; ++moment) {
    SCOPED_TRACE("moment " + std::to_string(moment));
    const fs::path run = folder() / ("run" + std::to_string(moment));
    const double fraction = 0.06 + 0.86 * uniform(random);
    pid_t process = start(run);
    if (moment < 4) {  // while libtorch loads, plugins load, the folder is made
      std::this_thread::sleep_for(std::chrono::duration<double>(0.4 * uniform(random)));
      ::kill(process, SIGKILL);
      wait_for(process);
    } else if (moment < 8) {  // while results get their names
      kill_when(process, run, [](const std::string& text) {
        return text.find("finishing") != std::string::npos;
      });
    } else {
      const auto blocks = static_cast<std::int64_t>(2 * kBlocks * fraction);
      kill_when(process, run, [&](const std::string& text) {
        return lines_with(text, " slow y ") + lines_with(text, " save * ") >= blocks;
      });
    }
    expect_files_open(run);
    if (moment >= 45) {  // once more, while it resumes
      process = start(run);
      std::this_thread::sleep_for(std::chrono::duration<double>(0.2 + 0.3 * uniform(random)));
      ::kill(process, SIGKILL);
      wait_for(process);
      expect_files_open(run);
    }
    const Standing before = standing(run);
    const double share = static_cast<double>(before.slow + before.save) / (2.0 * kBlocks);
    if (share >= 0.05 && share <= 0.95) ++in_the_middle;

    // The kill may have come too late: then the record is that of the whole run.
    const bool was_finished = finished(run);
    ASSERT_EQ(wait_for(start(run)), 0);
    if (!was_finished) {
      EXPECT_EQ(computed(run, "slow"), kBlocks - before.slow);
      EXPECT_EQ(computed(run, "save"), kBlocks - before.save);
    }
    expect_equal_results(run, reference);
    EXPECT_FALSE(fs::exists(run / "result.h5.part"));
    EXPECT_FALSE(fs::exists(run / "buffers.h5"));
    fs::remove_all(run);
  }
  EXPECT_GE(in_the_middle, 35);
}

TEST_F(Killed, politely_stops_after_the_block_and_says_it_can_go_on) {
  const fs::path run = folder() / "run";
  const pid_t process = start(run);
  while (!ended(process)) {
    std::ifstream file(run / "journal");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (lines_with(text, " slow y ") >= 5) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::kill(process, SIGTERM);
  EXPECT_EQ(wait_for(process), 4);
  const Standing before = standing(run);
  EXPECT_LT(before.slow, kBlocks);
  EXPECT_EQ(wait_for(start(run)), 0);
  EXPECT_EQ(computed(run, "slow"), kBlocks - before.slow);
}

}  // namespace
}  // namespace pellucid::testing
