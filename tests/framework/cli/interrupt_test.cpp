// SIGINT and SIGTERM while a pipeline runs: one ends it cleanly, two at once; either way it goes on.

#include <chrono>
#include <functional>
#include <thread>

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

class Interrupted : public ProgramTest {
 protected:
  Interrupted() {
    write("slow.yaml",
          "pellucid: 1\n"
          "settings: {threads: 1, block: 1, durability: 50 ms}\n"
          "nodes:\n"
          "  x: {use: trial/ramp, with: {items: 60}}\n"
          "  y: {use: trial/affine, in: {x: x}, with: {pause: 100 ms}}\n");
  }

  std::vector<std::string> command(const std::string& run) const {
    return {"run", "slow.yaml", "--run", run, "--plugin-path", PELLUCID_TRIAL_PLUGINS};
  }

  /// Waits until blocks are stored.
  void wait_for_blocks(Process& process, const std::string& run) const {
    const fs::path journal = in_folder(run) / "journal";
    for (int i = 0; i < 600 && !process.is_over(); ++i) {
      std::error_code none;
      const auto bytes = fs::file_size(journal, none);
      if (!none && bytes > 400) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ADD_FAILURE() << "no block was stored: " << process.wait().err;
  }

  /// The same command goes on, without overrides that would make it faster and another run.
  void expect_resumes(const std::string& run) const {
    const Answer answer = pellucid(command(run));
    EXPECT_EQ(answer.code, 0) << answer.err;
    EXPECT_THAT(answer.err, HasSubstr("slow.yaml goes on in " + run));
    EXPECT_THAT(pellucid({"info", run}).out, HasSubstr("60x1x16x16"));
  }
};

TEST_F(Interrupted, by_either_signal_ends_with_4_and_goes_on) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string run = "run-" + std::to_string(signal);
    Process process(folder(), command(run));
    wait_for_blocks(process, run);
    process.send(signal);
    const Answer answer = process.wait();
    EXPECT_EQ(answer.code, 4) << answer.err;
    EXPECT_THAT(answer.err, HasSubstr("stopping after the blocks at work"));
    EXPECT_THAT(answer.err, HasSubstr("the same command goes on from there"));
    EXPECT_THAT(pellucid({"info", run}).out, HasSubstr("a run, interrupted"));
    expect_resumes(run);
  }
}

TEST_F(Interrupted, twice_ends_at_once_and_goes_on) {
  write("slow.yaml",
        "pellucid: 1\n"
        "settings: {threads: 1, block: 1, durability: 50 ms}\n"
        "nodes:\n"
        "  x: {use: trial/ramp, with: {items: 60}}\n"
        "  y: {use: trial/affine, in: {x: x}, with: {pause: 100 ms}}\n"
        "  z: {use: trial/affine, in: {x: y}, with: {pause: 100 ms}}\n"
        "keep: [y]\n");
  Process process(folder(), command("run"));
  wait_for_blocks(process, "run");
  process.send(SIGINT);
  process.send(SIGTERM);
  const Answer answer = process.wait();
  // Both may find the program at the same place, or the first block may end in between.
  EXPECT_TRUE(answer.signal == SIGTERM || answer.signal == SIGINT || answer.code == 4)
      << answer.code;
  expect_resumes("run");
}

}  // namespace
}  // namespace pellucid::testing
