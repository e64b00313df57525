// pellucid run: results, messages and the folder of a run.

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Run : public ProgramTest {
 protected:
  Run() {
    write("score.yaml",
          "pellucid: 1\n"
          "settings: {threads: 1, block: 2}\n"
          "nodes:\n"
          "  x: {use: trial/ramp, with: {items: 30, shape: [1, 24, 24]}}\n"
          "  y: {use: trial/affine, in: {x: x}, with: {gain: 1, offset: 0.1}}\n"
          "  score: {use: metrics/quality, in: {x: y, reference: x}}\n");
  }
};

TEST_F(Run, prints_tables_to_standard_output_and_the_rest_to_standard_error) {
  const Answer answer = with_trial({"run", "score.yaml"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  // An error of 0.1 everywhere is 20 dB.
  EXPECT_THAT(answer.out, AllOf(HasSubstr("psnr [dB]"), HasSubstr("mean"), HasSubstr("std")));
  EXPECT_THAT(answer.out, HasSubstr(" 20"));
  EXPECT_THAT(answer.out, HasSubstr("30 rows"));
  EXPECT_THAT(answer.out, Not(HasSubstr("runs/score")));
  EXPECT_THAT(
      answer.err,
      HasSubstr("score.yaml runs in runs/score: 3 nodes, 30 items in blocks of 2, 1 thread"));
  EXPECT_THAT(answer.err, HasSubstr("  runs/score/result.h5"));
  EXPECT_THAT(answer.err, HasSubstr("peak memory"));
  EXPECT_TRUE(fs::exists(in_folder("runs") / "score" / "result.h5"));
}

TEST_F(Run, has_no_colours_where_nobody_watches) {
  const Answer answer = with_trial({"run", "score.yaml"});
  EXPECT_EQ(answer.out.find('\033'), std::string::npos);
  EXPECT_EQ(answer.err.find('\033'), std::string::npos);
}

TEST_F(Run, is_up_to_date_the_second_time_and_prints_the_same_tables) {
  const Answer first = with_trial({"run", "score.yaml"});
  const Answer second = with_trial({"run", "score.yaml"});
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("runs/score is up to date"));
  EXPECT_EQ(second.out, first.out);
}

TEST_F(Run, refuses_the_folder_of_another_run_unless_it_may_overwrite) {
  ASSERT_EQ(with_trial({"run", "score.yaml"}).code, 0);
  const std::vector<std::string> other{"run", "score.yaml", "--set", "y.offset=0.01"};
  const Answer refused = with_trial(other);
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("node 'y' differs"), HasSubstr("--overwrite")));
  const Answer replaced =
      with_trial({"run", "score.yaml", "--set", "y.offset=0.01", "--overwrite"});
  EXPECT_EQ(replaced.code, 0) << replaced.err;
  EXPECT_THAT(replaced.out, HasSubstr(" 40"));
}

TEST_F(Run, keeps_its_folder_where_it_is_told) {
  const Answer answer =
      with_trial({"run", "score.yaml", "--run", "elsewhere", "--scratch", "fast"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_TRUE(fs::exists(in_folder("elsewhere") / "result.h5"));
  EXPECT_FALSE(fs::exists(in_folder("runs")));
}

TEST_F(Run, previews_some_items_up_to_a_node) {
  const Answer answer =
      with_trial({"run", "score.yaml", "--items", "4:7", "--until", "y", "--run", "preview"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(answer.out, "");
  const Answer info = pellucid({"info", "preview/result.h5"});
  EXPECT_THAT(info.out, AllOf(HasSubstr("/y/y"), HasSubstr("3x1x24x24")));
}

TEST_F(Run, says_only_results_when_quiet_and_more_when_verbose) {
  const Answer quiet = with_trial({"run", "score.yaml", "--quiet", "--run", "quiet"});
  EXPECT_EQ(quiet.err, "");
  EXPECT_THAT(quiet.out, HasSubstr("psnr [dB]"));
  EXPECT_EQ(with_trial({"run", "score.yaml", "--verbose", "--run", "verbose"}).code, 0);
}

TEST_F(Run, writes_all_messages_to_the_log) {
  const Answer answer = with_trial({"run", "score.yaml", "--quiet", "--log", "run.log"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(text_of_file(in_folder("run.log")), HasSubstr("score.yaml runs in runs/score"));
  EXPECT_EQ(with_trial({"run", "score.yaml", "--log", "score.yaml/run.log"}).code, 1);
}

TEST_F(Run, names_items_that_were_skipped) {
  write("skip.yaml",
        "pellucid: 1\n"
        "settings: {on_item_error: skip}\n"
        "nodes: {x: {use: trial/ramp, with: {broken: 3}}}\n");
  const Answer answer = with_trial({"run", "skip.yaml"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.err, AllOf(HasSubstr("1 item skipped"), HasSubstr("item 3")));
}

TEST_F(Run, takes_the_transforms_that_another_run_chose) {
  ASSERT_EQ(with_trial({"run", "score.yaml"}).code, 0);
  const Answer answer =
      with_trial({"run", "score.yaml", "--run", "second", "--choices", "runs/score"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  const Answer wrong = with_trial({"run", "score.yaml", "--run", "third", "--choices", "nowhere"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("--choices"));
}

TEST_F(Run, has_a_table_over_all_points_of_a_sweep) {
  write("sweep.yaml", text_of_file(in_folder("score.yaml")) + "sweep: [{y.offset: [0.1, 0.01]}]\n");
  const Answer answer = with_trial({"run", "sweep.yaml"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, AllOf(HasSubstr("mean psnr [dB]"), HasSubstr("0.01"), HasSubstr(" 40")));
}

}  // namespace
}  // namespace pellucid::testing
