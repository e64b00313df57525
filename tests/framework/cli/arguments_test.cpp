// A command line, taken apart.

#include "cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pellucid {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Arguments parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "pellucid");
  return Arguments::parse(static_cast<int>(words.size()), words.data());
}

std::string complaint(const std::vector<const char*>& words) {
  try {
    parsed(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was wrong";
}

TEST(Arguments, have_a_command_its_file_and_options) {
  const Arguments arguments = parsed({"run", "deblur.yaml", "--items", "0:4", "--overwrite"});
  EXPECT_STREQ(arguments.command()->name, "run");
  EXPECT_EQ(arguments.operand(), "deblur.yaml");
  EXPECT_EQ(arguments.text("items"), "0:4");
  EXPECT_TRUE(arguments.has("overwrite"));
  EXPECT_FALSE(arguments.has("quiet"));
  EXPECT_EQ(arguments.text("scratch"), "");
}

TEST(Arguments, take_options_before_and_after_the_command) {
  const Arguments arguments =
      parsed({"--plugin-path", "a", "--quiet", "run", "--plugin-path=b", "deblur.yaml"});
  EXPECT_STREQ(arguments.command()->name, "run");
  EXPECT_EQ(arguments.operand(), "deblur.yaml");
  EXPECT_THAT(arguments.texts("plugin-path"), ElementsAre("a", "b"));
  EXPECT_TRUE(arguments.has("quiet"));
}

TEST(Arguments, keep_overrides_in_their_order) {
  const Arguments arguments = parsed({"run", "a.yaml", "--set", "x.y=-1", "--set", "x.y=2=3"});
  EXPECT_THAT(arguments.texts("set"), ElementsAre("x.y=-1", "x.y=2=3"));
}

TEST(Arguments, know_that_help_needs_nothing_else) {
  EXPECT_TRUE(parsed({"run", "--help"}).asks_for_help());
  EXPECT_TRUE(parsed({"-h"}).asks_for_help());
  EXPECT_EQ(parsed({"--help"}).command(), nullptr);
  EXPECT_TRUE(parsed({"--version"}).asks_for_version());
}

TEST(Arguments, name_the_nearest_command_and_option) {
  EXPECT_EQ(complaint({"chek", "a.yaml"}), "there is no command 'chek'; did you mean 'check'?");
  EXPECT_EQ(complaint({"run", "a.yaml", "--itms", "1"}),
            "'pellucid run' has no option '--itms'; did you mean '--items'?");
  EXPECT_THAT(complaint({"frobnicate"}), HasSubstr("`pellucid --help` lists them"));
}

TEST(Arguments, refuse_an_option_of_another_command) {
  EXPECT_EQ(complaint({"check", "a.yaml", "--overwrite"}),
            "'pellucid check' has no option '--overwrite'; `pellucid help check` lists them");
}

TEST(Arguments, never_guess_what_a_shortened_option_means) {
  EXPECT_THAT(complaint({"run", "a.yaml", "--over"}), HasSubstr("has no option '--over'"));
}

TEST(Arguments, complain_of_what_is_missing_or_too_much) {
  EXPECT_THAT(complaint({}), HasSubstr("a command is missing"));
  EXPECT_THAT(complaint({"run"}), HasSubstr("a FILE is missing, as in: pellucid run"));
  EXPECT_EQ(complaint({"run", "a.yaml", "b.yaml"}),
            "'pellucid run' does not expect 'b.yaml' after its FILE");
  EXPECT_EQ(complaint({"plugins", "io"}), "'pellucid plugins' does not expect 'io'");
  EXPECT_EQ(complaint({"run", "a.yaml", "--items"}),
            "the option '--items' needs a value: --items A:B");
  EXPECT_EQ(complaint({"run", "a.yaml", "--quiet=yes"}), "the option '--quiet' takes no value");
  EXPECT_EQ(complaint({"run", "a.yaml", "--run", "a", "--run", "b"}),
            "the option '--run' stands there twice");
}

TEST(Commands, share_the_meaning_of_an_option_of_one_name) {
  for (const Command& command : commands())
    for (const Option& option : command.options)
      for (const Option& known : all_options())
        if (std::string(option.name) == known.name) {
          EXPECT_EQ(*option.value == '\0', *known.value == '\0')
              << command.name << " --" << option.name;
        }
}

}  // namespace
}  // namespace pellucid
