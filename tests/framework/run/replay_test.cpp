// A replay makes a result again beside it, and harms nothing.

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pellucid/testing.h>

#include "framework/run/running.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kNodes = R"(nodes:
  x: {use: trial/ramp, with: {items: 6}}
  noisy: {use: trial/noise, in: {x: x}}
  y: {use: trial/affine, in: {x: noisy}}
)";

class Replay : public RunTest {
 protected:
  ReplayReport replay_in(const std::string& name,
                         const std::string& result = "run/result.h5") const {
    return replay(folder() / result, folder() / name, registry(), false, nullptr);
  }
  static std::string text_of(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
};

TEST_F(Replay, is_equal_to_the_bit_and_can_be_repeated) {
  run(kNodes, "{seed: 3, block: 2}");
  for (int time = 0; time < 2; ++time) {
    const ReplayReport report = replay_in("again");
    EXPECT_TRUE(report.equal) << report.first_difference;
    EXPECT_EQ(report.compared, 3U);
  }
  EXPECT_TRUE(at::equal(result("/y/y", "again"), result("/y/y")));
}

TEST_F(Replay, goes_on_where_it_was_interrupted) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 6}}\n"
      "  y: {use: trial/affine, in: {x: x}, with: {pause: 20 ms}}\n",
      "{block: 1}");
  std::atomic<bool> stop{true};
  EXPECT_THROW(replay(folder() / "run/result.h5", folder() / "again", registry(), false, &stop),
               Error);
  EXPECT_TRUE(replay_in("again").equal);
}

TEST_F(Replay, refuses_the_folder_of_another_run_the_replayed_one_first_of_all) {
  run(kNodes);
  RunRequest other = request(kNodes, "{seed: 9}");
  other.options.folder = folder() / "other";
  run_pipeline(std::move(other), registry());
  const std::string before = text_of(folder() / "run/result.h5");
  for (const char* name : {"run", "run/", "other"}) {
    const std::string message = message_of<Error>([&] { replay_in(name); });
    EXPECT_THAT(message, HasSubstr("is there already and is no replay of '"));
    EXPECT_THAT(message, HasSubstr("--run"));
  }
  EXPECT_EQ(text_of(folder() / "run/result.h5"), before);

  replay_in("again");
  EXPECT_THAT(message_of<Error>([&] { replay_in("again", "other/result.h5"); }),
              HasSubstr("is no replay of '" + (folder() / "other/result.h5").string() + "'"));
}

TEST_F(Replay, writes_no_file_of_a_sink_outside_of_its_folder) {
  const fs::path absolute = folder() / "elsewhere/absolute.npy";
  const std::string nodes = std::string(kNodes) +
                            "  a: {use: io/save, in: {y: y}, with: {to: " + absolute.string() +
                            "}}\n"
                            "  b: {use: io/save, in: {y: y}, with: {to: ../above.npy}}\n"
                            "  c: {use: io/save, in: {y: y}, with: {to: inside.npy}}\n"
                            "keep: [y.y]\n";
  run(nodes);
  const fs::path above = folder() / "above.npy";
  ASSERT_TRUE(fs::exists(above));
  for (const fs::path& file : {absolute, above}) std::ofstream(file) << "mine";
  EXPECT_TRUE(replay_in("deep/again").equal);
  for (const fs::path& file : {absolute, above}) EXPECT_EQ(text_of(file), "mine");
  const fs::path again = folder() / "deep/again";
  EXPECT_TRUE(fs::exists(again / "inside.npy"));
  EXPECT_TRUE(fs::exists(again / "outside" / absolute.relative_path()));
  EXPECT_TRUE(fs::exists(again / "outside" / (folder() / "deep/above.npy").relative_path()));
}

TEST_F(Replay, takes_the_choices_of_the_run_each_time) {
  run("nodes:\n"
      "  x: {use: trial/ramp, with: {items: 2, shape: [4, 8, 8]}}\n"
      "  y: {use: trial/spectrum, in: {x: x}}\n");
  std::ofstream(folder() / "run/choices/marker") << "of the run";
  for (int time = 0; time < 2; ++time) {
    replay_in("again");
    EXPECT_EQ(text_of(folder() / "again/choices/marker"), "of the run") << time;
  }
}

}  // namespace
}  // namespace pellucid::testing
