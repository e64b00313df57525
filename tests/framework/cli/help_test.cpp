// Help, versions and text that is no pipeline: answered at once, without libtorch.

#include <chrono>
#include <iostream>

#include "cli/commands.h"
#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Help : public ProgramTest {
 protected:
  /// Everything the loader says it opens for a command.
  std::string opened_for(const std::vector<std::string>& arguments) const {
    pellucid(arguments, {"LD_DEBUG=files", "LD_DEBUG_OUTPUT=" + in_folder("loader").string()});
    std::string said;
    for (const auto& entry : fs::directory_iterator(folder()))
      if (entry.path().filename().string().starts_with("loader")) {
        said += text_of_file(entry.path());
        fs::remove(entry.path());
      }
    return said;
  }

  double milliseconds_of(const std::vector<std::string>& arguments) const {
    double best = 1e9;
    for (int trial = 0; trial < 5; ++trial) {
      const auto start = std::chrono::steady_clock::now();
      pellucid(arguments);
      const std::chrono::duration<double, std::milli> spent =
          std::chrono::steady_clock::now() - start;
      best = std::min(best, spent.count());
    }
    return best;
  }
};

TEST_F(Help, lists_all_commands_and_exit_codes) {
  const Answer answer = pellucid({"--help"});
  EXPECT_EQ(answer.code, 0);
  EXPECT_EQ(answer.err, "");
  for (const char* command : {"run FILE", "check FILE", "graph FILE", "plugins", "describe [NAME]",
                              "doctor", "schema", "info FILE", "replay RESULT", "version"})
    EXPECT_THAT(answer.out, HasSubstr(std::string("  ") + command + " "));
  for (const char* code : {"0  done", "1  failed", "2  the pipeline", "3  a plugin"})
    EXPECT_THAT(answer.out, HasSubstr(code));
  EXPECT_THAT(answer.out, EndsWith("  4  interrupted; the same command goes on from there\n"));
  EXPECT_EQ(pellucid({"help"}).out, answer.out);
}

TEST_F(Help, of_every_command_shows_its_options_and_an_example) {
  for (const Command& command : commands()) {
    const Answer answer = pellucid({command.name, "--help"});
    EXPECT_EQ(answer.code, 0);
    EXPECT_EQ(answer.err, "");
    EXPECT_THAT(answer.out, StartsWith(std::string("usage: pellucid ") + command.name));
    EXPECT_THAT(answer.out, HasSubstr(std::string("\nexamples\n  pellucid ") + command.name));
    for (const Option& option : command.options)
      EXPECT_THAT(answer.out, HasSubstr(std::string("\n  --") + option.name)) << command.name;
    EXPECT_EQ(pellucid({"help", command.name}).out, answer.out) << command.name;
  }
}

TEST_F(Help, fits_into_a_hundred_columns) {
  for (const Command& command : commands()) {
    std::istringstream lines(help_of(command));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
  }
}

TEST_F(Help, says_the_version) {
  EXPECT_EQ(pellucid({"--version"}).out, "pellucid 0.1.0\n");
  EXPECT_THAT(pellucid({"version"}).out, StartsWith("pellucid 0.1.0\nlanguage 1\n"));
}

TEST_F(Help, names_the_nearest_command) {
  const Answer answer = pellucid({"help", "chek"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.err, HasSubstr("did you mean 'check'?"));
}

TEST_F(Help, and_reports_of_text_that_is_no_pipeline_come_without_libtorch) {
  write("broken.yaml", "pellucid: 1\nnodes: {a: [1, 2\n");
  const std::vector<std::vector<std::string>> quick{
      {"--help"}, {"run", "--help"}, {"--version"}, {"chek"}, {"run", "broken.yaml"}};
  for (const auto& arguments : quick) {
    EXPECT_THAT(opened_for(arguments), Not(HasSubstr("libpellucid.so"))) << arguments.back();
    std::cout << "pellucid";
    for (const std::string& word : arguments) std::cout << " " << word;
    std::cout << ": " << milliseconds_of(arguments) << " ms\n";
  }
  EXPECT_THAT(opened_for({"version"}), HasSubstr("libpellucid.so"));
}

TEST_F(Help, is_not_needed_for_a_syntax_error_which_says_where_it_is) {
  write("broken.yaml", "pellucid: 1\nnodes: {a: [1, 2\n");
  const Answer answer = pellucid({"check", "broken.yaml"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_EQ(answer.out, "");
  EXPECT_THAT(answer.err, StartsWith("broken.yaml:"));
  EXPECT_THAT(answer.err, HasSubstr("1 error; nothing was run"));
}

}  // namespace
}  // namespace pellucid::testing
