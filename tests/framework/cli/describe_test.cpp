// pellucid plugins, describe, doctor and schema: what can be used, and why something cannot.

#include <nlohmann/json.hpp>

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

class Describe : public ProgramTest {};

TEST_F(Describe, lists_plugins_with_their_components) {
  const Answer answer = with_trial({"plugins"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("trial/ramp"));
  EXPECT_THAT(answer.out, HasSubstr("operators/convolution"));
  EXPECT_THAT(answer.out, HasSubstr("pipeline/function"));
}

TEST_F(Describe, says_all_of_a_component) {
  const Answer answer = with_trial({"describe", "trial/affine"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  for (const char* part : {"gain", "offset", "factor", "bias"})
    EXPECT_THAT(answer.out, HasSubstr(part));
}

TEST_F(Describe, lists_the_components_of_a_plugin) {
  const Answer answer = with_trial({"describe", "trial"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("trial/noise"));
  EXPECT_THAT(answer.out, Not(HasSubstr("operators/")));
}

TEST_F(Describe, knows_what_is_built_in_and_the_settings) {
  EXPECT_THAT(pellucid({"describe", "pipeline/function"}).out, HasSubstr("fresh"));
  EXPECT_THAT(pellucid({"describe", "settings"}).out, HasSubstr("durability"));
}

TEST_F(Describe, gives_json) {
  const Json one = Json::parse(with_trial({"describe", "trial/affine", "--json"}).out);
  EXPECT_TRUE(one.is_object());
  const Json all = Json::parse(with_trial({"describe", "--all", "--json"}).out);
  EXPECT_GT(all["components"].size(), 8u);
  EXPECT_GT(all["settings"].size(), 5u);
}

TEST_F(Describe, writes_a_page_for_each_plugin) {
  const Answer answer = with_trial({"describe", "--all", "--markdown", "--to", "pages"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(text_of_file(in_folder("pages") / "trial.md"), StartsWith("# trial"));
  EXPECT_THAT(text_of_file(in_folder("pages") / "operators.md"), HasSubstr("convolution"));
  EXPECT_THAT(text_of_file(in_folder("pages") / "settings.md"), HasSubstr("memory"));
}

TEST_F(Describe, suggests_the_nearest_name) {
  const Answer component = with_trial({"describe", "trial/afine"});
  EXPECT_EQ(component.code, 2);
  EXPECT_THAT(component.err, HasSubstr("affine"));
  const Answer plugin = with_trial({"describe", "trail/affine"});
  EXPECT_EQ(plugin.code, 3);
  EXPECT_THAT(plugin.err, HasSubstr("trial"));
  EXPECT_THAT(with_trial({"describe", "affine"}).err, HasSubstr("trial/affine"));
}

TEST_F(Describe, prints_a_schema_that_is_json) {
  const Answer answer = with_trial({"schema"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  const Json schema = Json::parse(answer.out);
  EXPECT_TRUE(schema.contains("$schema"));
  EXPECT_THAT(answer.out, HasSubstr("trial/affine"));
}

TEST_F(Describe, finds_nothing_wrong_with_good_plugins) {
  const Answer answer = with_trial({"doctor"});
  EXPECT_EQ(answer.code, 0) << answer.out;
  EXPECT_THAT(answer.out, HasSubstr("every plugin can be used"));
}

TEST_F(Describe, shows_which_file_shadows_another) {
  fs::create_directory(in_folder("copy"));
  fs::copy_file(fs::path(PELLUCID_TRIAL_PLUGINS) / "trial.so", in_folder("copy") / "trial.so");
  const Answer answer =
      pellucid({"doctor", "--plugin-path", "copy", "--plugin-path", PELLUCID_TRIAL_PLUGINS});
  EXPECT_EQ(answer.code, 0) << answer.out;
  EXPECT_THAT(answer.out, HasSubstr("shadowed  trial"));
}

}  // namespace
}  // namespace pellucid::testing
