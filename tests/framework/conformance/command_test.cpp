// `pellucid test-plugin` as a user calls it: its table, its JUnit file, its exit codes, and plugins
// that crash or hang.

#include <nlohmann/json.hpp>

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class TestPlugin : public ProgramTest {
 protected:
  Answer test(std::vector<std::string> arguments, const std::string& fault = "none") const {
    arguments.insert(arguments.begin(), {"test-plugin", PELLUCID_MUTANTS "/mutants.so"});
    return pellucid(arguments, {"PELLUCID_MUTANT=" + fault});
  }

  static void expect_one_failure(const Answer& answer, const std::string& sentence) {
    EXPECT_EQ(answer.code, 1);
    EXPECT_THAT(answer.out, ContainsRegex("FAIL  sizes +" + sentence));
    EXPECT_THAT(answer.out, ContainsRegex("pass  nonfinite"));
  }
};

const std::vector<std::string> kShort{"--component", "crash",     "--check",   "sizes",
                                      "--check",     "nonfinite", "--timeout", "5"};

TEST_F(TestPlugin, prints_a_line_for_each_check_and_ends_with_0_where_all_pass) {
  const Answer answer = test({"--component", "magnitude"});
  EXPECT_EQ(answer.code, 0) << answer.out << answer.err;
  EXPECT_EQ(answer.err, "");
  EXPECT_THAT(answer.out, HasSubstr("mutants/magnitude\n"));
  EXPECT_THAT(answer.out, ContainsRegex("pass  gradient +[0-9]+ cases?\n"));
  EXPECT_THAT(answer.out, Not(HasSubstr("adjoint")));
  EXPECT_THAT(answer.out, ContainsRegex("[0-9]+ passed, 0 failed\n"));
  const Answer all = test({"--component", "magnitude", "--all"});
  EXPECT_THAT(all.out, ContainsRegex("n/a +adjoint +it is no linear operator\n"));
}

TEST_F(TestPlugin, says_of_a_failure_what_was_expected_and_found_and_which_case_shows_it) {
  const Answer answer = test({"--component", "difference", "--check", "adjoint", "--junit",
                              in_folder("found.xml").string()},
                             "adjoint_border_pixel");
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, HasSubstr("FAIL  adjoint"));
  EXPECT_THAT(answer.out, HasSubstr("<A x, y> and <x, A* y> must agree to rounding"));
  EXPECT_THAT(answer.out, HasSubstr("applied to"));
  EXPECT_THAT(answer.out, HasSubstr("0 passed, 1 failed\n"));
  const std::string junit = text_of_file(in_folder("found.xml"));
  EXPECT_THAT(junit,
              HasSubstr("<testsuite name=\"mutants/difference\" tests=\"1\" failures=\"1\""));
  EXPECT_THAT(junit, HasSubstr("<failure message=\"&lt;A x, y&gt; and &lt;x, A* y&gt; must agree"));
}

TEST_F(TestPlugin, makes_of_a_crash_one_failed_check_and_goes_on) {
  const Answer answer = test({"--component", "crash"}, "crash");
  expect_one_failure(answer, "the process was ended by signal 11");
  EXPECT_THAT(answer.out, HasSubstr(" 1 failed\n"));
}

TEST_F(TestPlugin, makes_of_a_hang_one_failed_check_and_goes_on) {
  expect_one_failure(test(kShort, "hang"), "it did not end within 5 s");
}

TEST_F(TestPlugin, takes_what_a_plugin_prints_for_no_sign_of_life) {
  expect_one_failure(test(kShort, "prattle"), "it did not end within 5 s");
}

TEST_F(TestPlugin, reads_findings_of_a_plugin_that_prints_without_an_end_of_line) {
  const Answer answer = test({"--component", "crash"}, "chatter");
  EXPECT_EQ(answer.code, 0) << answer.out;
  EXPECT_THAT(answer.out, HasSubstr(" 0 failed\n"));
}

TEST_F(TestPlugin, makes_of_a_plugin_that_cannot_be_loaded_a_failed_check_and_goes_on) {
  fs::copy_file(PELLUCID_FAULTY_PLUGINS "/unloadable.so", in_folder("unloadable.so"));
  fs::copy_file(PELLUCID_MUTANTS "/mutants.so", in_folder("mutants.so"));
  const Answer answer = pellucid({"test-plugin", folder().string(), "--component", "total",
                                  "--check", "specs", "--junit", "found.xml"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, ContainsRegex("mutants/total\n  pass  specs"));
  EXPECT_THAT(answer.out, ContainsRegex("unloadable\n  FAIL  loading"));
  const std::string junit = text_of_file(in_folder("found.xml"));
  EXPECT_THAT(junit, HasSubstr("its process was ended by signal 6 (aborted)"));
  EXPECT_THAT(junit, HasSubstr("| giving-up"));
}

TEST_F(TestPlugin, prints_findings_as_lines_of_json) {
  const Answer answer = test({"--component", "energy", "--check", "prox", "--json"});
  const auto finding = nlohmann::json::parse(answer.out);
  EXPECT_EQ(finding.at("component"), "energy");
  EXPECT_EQ(finding.at("check"), "prox");
  EXPECT_EQ(finding.at("state"), "pass");
}

TEST_F(TestPlugin, takes_cases_from_a_file) {
  write("cases.yaml", R"(energy:
  cases:
    - with: {weight: 3}
      on: {axes: hw, shape: [5, 4], items: 2, dtype: float64}
  except: {prox: "tried elsewhere"}
smooth: {skip: "no camera here"}
)");
  const std::string file = in_folder("cases.yaml").string();
  const Answer energy = test({"--component", "energy", "--cases", file, "--all"});
  EXPECT_EQ(energy.code, 0) << energy.out;
  EXPECT_THAT(energy.out, HasSubstr("applied to 2 x float64 hw 5x4"));
  EXPECT_THAT(energy.out, ContainsRegex("n/a +prox +excluded: tried elsewhere"));
  const Answer smooth = test({"--component", "smooth", "--cases", file});
  EXPECT_EQ(smooth.code, 0);
  EXPECT_THAT(smooth.out, ContainsRegex("n/a +cases +excluded: no camera here"));
}

TEST_F(TestPlugin, says_what_is_wrong_with_a_file_of_cases) {
  const std::string file = in_folder("cases.yaml").string();
  const auto said = [&](const std::string& text) {
    write("cases.yaml", text);
    const Answer answer = test({"--component", "energy", "--cases", file});
    EXPECT_EQ(answer.code, 2) << text;
    return answer.err;
  };
  EXPECT_THAT(said("enrgy: {}\n"), HasSubstr("cases.yaml:1:1: the plugin 'mutants' has no"));
  EXPECT_THAT(said("energy: {cases: [{on: {axes: hw, shape: [4]}}]}\n"),
              HasSubstr("'shape' must have a number for each of the axes 'hw', got 1"));
  EXPECT_THAT(said("energy: {except: {proxy: a}}\n"), HasSubstr("got 'proxy'"));
}

TEST_F(TestPlugin, refuses_what_is_no_plugin_and_names_that_are_unknown) {
  const Answer missing = pellucid({"test-plugin", "nowhere.so"});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("there is no plugin at 'nowhere.so'"));
  const Answer check = test({"--check", "adjiont"});
  EXPECT_EQ(check.code, 2);
  EXPECT_THAT(check.err, HasSubstr("did you mean 'adjoint'?"));
}

}  // namespace
}  // namespace pellucid::testing
