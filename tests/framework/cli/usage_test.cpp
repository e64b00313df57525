// What a wrong command line, a wrong pipeline and a missing plugin end with.

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Usage : public ProgramTest {
 protected:
  /// One line on standard error, nothing else, exit code 2.
  void expect_refused(const std::vector<std::string>& arguments,
                      const std::string& sentence) const {
    const Answer answer = pellucid(arguments);
    EXPECT_EQ(answer.code, 2) << sentence;
    EXPECT_EQ(answer.out, "");
    EXPECT_THAT(answer.err, StartsWith("pellucid: "));
    EXPECT_THAT(answer.err, HasSubstr(sentence));
    EXPECT_EQ(std::count(answer.err.begin(), answer.err.end(), '\n'), 1) << answer.err;
  }
};

TEST_F(Usage, refuses_a_wrong_command_line_in_one_line) {
  write("ramp.yaml", "pellucid: 1\nnodes: {x: {use: trial/ramp}}\n");
  expect_refused({}, "a command is missing");
  expect_refused({"run"}, "a FILE is missing");
  expect_refused({"rum", "ramp.yaml"}, "did you mean 'run'?");
  expect_refused({"run", "ramp.yaml", "--overwite"}, "did you mean '--overwrite'?");
  expect_refused({"run", "ramp.yaml", "--items", "4"}, "--items needs two whole numbers A:B");
  expect_refused({"run", "ramp.yaml", "--quiet", "--verbose"}, "exclude each other");
  expect_refused({"graph", "ramp.yaml", "--format", "svg"}, "--format must be dot or mermaid");
  expect_refused({"describe"}, "needs a NAME or --all");
  expect_refused({"describe", "io", "--to", "x"}, "--to goes with --all --markdown");
  expect_refused({"describe", "io", "--json", "--markdown"}, "exclude each other");
}

TEST_F(Usage, gives_2_for_a_pipeline_that_is_wrong) {
  write("wrong.yaml", "pellucid: 1\nnodes: {x: {use: trial/ramp, with: {itms: 3}}}\n");
  const Answer answer = with_trial({"run", "wrong.yaml"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("did you mean 'items'?"));
  EXPECT_THAT(answer.err, HasSubstr("1 error; nothing was run"));
  EXPECT_FALSE(fs::exists(in_folder("runs")));
}

TEST_F(Usage, gives_2_for_a_file_that_is_not_there) {
  const Answer answer = pellucid({"run", "nowhere.yaml"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("nowhere.yaml"));
}

TEST_F(Usage, gives_3_for_a_plugin_that_is_missing_or_was_refused) {
  write("missing.yaml", "pellucid: 1\nnodes: {x: {use: nowhere/ramp}}\n");
  EXPECT_EQ(pellucid({"run", "missing.yaml"}).code, 3);
  EXPECT_EQ(pellucid({"check", "missing.yaml", "--json"}).code, 3);
  EXPECT_EQ(pellucid({"describe", "nowhere/ramp"}).code, 3);

  write("fake.so", "this is no library");
  write("refused.yaml", "pellucid: 1\nnodes: {x: {use: fake/ramp}}\n");
  EXPECT_EQ(pellucid({"run", "refused.yaml", "--plugin-path", "."}).code, 3);
  const Answer doctor = pellucid({"doctor", "--plugin-path", "."});
  EXPECT_EQ(doctor.code, 3);
  EXPECT_THAT(doctor.out, HasSubstr("refused  fake"));
  EXPECT_THAT(doctor.out, HasSubstr("1 plugin cannot be used"));
}

TEST_F(Usage, gives_1_where_a_node_fails_and_names_it) {
  write("broken.yaml", "pellucid: 1\nnodes: {x: {use: trial/ramp, with: {broken: 3}}}\n");
  const Answer answer = with_trial({"run", "broken.yaml"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("error: broken.yaml:2:"));
  EXPECT_THAT(answer.err, HasSubstr("node 'x' (trial/ramp)"));
}

}  // namespace
}  // namespace pellucid::testing
