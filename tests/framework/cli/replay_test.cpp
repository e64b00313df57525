// pellucid replay: what made a result makes it again.

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

class Replay : public ProgramTest {
 protected:
  void SetUp() override {
    write("noisy.yaml",
          "pellucid: 1\n"
          "settings: {threads: 1, seed: 5}\n"
          "nodes:\n"
          "  x: {use: trial/ramp, with: {items: 6}}\n"
          "  y: {use: trial/noise, in: {x: x}}\n");
    const Answer answer = with_trial({"run", "noisy.yaml", "--items", "1:5"});
    ASSERT_EQ(answer.code, 0) << answer.err;
  }
};

TEST_F(Replay, is_equal_to_the_bit) {
  const Answer answer = with_trial({"replay", "runs/noisy/result.h5"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("equal to the bit"));
  EXPECT_TRUE(fs::exists(in_folder("runs") / "noisy" / "result.replay" / "result.h5"));
}

TEST_F(Replay, leaves_the_result_alone) {
  const std::string before = text_of_file(in_folder("runs") / "noisy" / "result.h5");
  with_trial({"replay", "runs/noisy/result.h5", "--run", "again"});
  EXPECT_EQ(text_of_file(in_folder("runs") / "noisy" / "result.h5"), before);
  EXPECT_TRUE(fs::exists(in_folder("again") / "result.h5"));
}

TEST_F(Replay, needs_a_result_with_provenance) {
  write("text.h5", "no HDF5 at all");
  EXPECT_EQ(with_trial({"replay", "text.h5"}).code, 1);
  EXPECT_EQ(with_trial({"replay", "nowhere.h5"}).code, 1);
}

}  // namespace
}  // namespace pellucid::testing
