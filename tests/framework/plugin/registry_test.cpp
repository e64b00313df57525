#include "plugin/registry.h"

#include <gmock/gmock.h>
#include <pellucid/stamp.h>

#include <thread>

#include "base/temporary_folder.h"
#include "framework/plugin/files.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing::take;
using testing::write;

const fs::path kFixtures = PELLUCID_FIXTURES;

template <class E>
std::string sentence_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const E& error) {
    return error.sentence();
  }
  return "no error";
}

Registry fixtures() { return Registry({kFixtures}); }

TEST(Registry, finds_a_component_with_where_it_comes_from) {
  const FoundComponent found = fixtures().find_component("good/copy");
  EXPECT_STREQ(found.descriptor->name, "copy");
  EXPECT_EQ(found.descriptor->kind, Kind::stage);
  EXPECT_EQ(found.plugin_name, "good");
  EXPECT_EQ(found.plugin_version, "1.2.3");
  EXPECT_EQ(found.plugin_file, fs::weakly_canonical(kFixtures / "good.so"));
}

TEST(Registry, lists_the_places_it_searched_and_the_nearest_plugin) {
  const Registry registry({"/nowhere/first", kFixtures});
  EXPECT_EQ(sentence_of<PluginError>([&] { registry.find_component("goood/copy"); }),
            "there is no plugin 'goood' in '/nowhere/first' and '" + kFixtures.string() +
                "'; did you mean 'good'?");
}

TEST(Registry, suggests_the_nearest_component_of_a_plugin) {
  EXPECT_EQ(sentence_of<ConfigError>([] { fixtures().find_component("good/coppy"); }),
            "plugin 'good' has no component 'coppy'; did you mean 'copy'?");
  EXPECT_EQ(
      sentence_of<ConfigError>([] { fixtures().find_component("good/deconvolution"); }),
      "plugin 'good' has no component 'deconvolution'; it has 'copy', 'thrower' and 'careless'");
}

TEST(Registry, wants_a_plugin_and_a_component) {
  for (const char* use : {"", "copy", "/copy", "good/", "good/a/b", "../good/copy"})
    EXPECT_THAT(sentence_of<ConfigError>([&] { fixtures().find_component(use); }),
                StartsWith("'use' must be PLUGIN/COMPONENT"));
  EXPECT_THAT(sentence_of<ConfigError>([] { fixtures().find_component("thrower"); }),
              AllOf(HasSubstr("did you mean '"), HasSubstr("/thrower'?")));
}

TEST(Registry, gives_the_reason_for_which_a_plugin_is_refused) {
  EXPECT_THAT(sentence_of<PluginError>([] { fixtures().find_component("twins/copy"); }),
              AllOf(StartsWith("plugin '"), HasSubstr("has two components named 'copy'")));
}

TEST(Registry, takes_the_first_of_two_files_of_one_name) {
  const TemporaryFolder first, second;
  const fs::path winner = take(first, kFixtures / "good.so");
  const fs::path shadowed = take(second, kFixtures / "good.so");
  const Registry registry({first.path(), second.path()});
  EXPECT_EQ(registry.find_component("good/copy").plugin_file, fs::weakly_canonical(winner));

  const std::vector<Candidate> candidates = registry.candidates();
  ASSERT_EQ(candidates.size(), 2u);
  EXPECT_EQ(candidates[0].state, Candidate::State::loaded);
  EXPECT_EQ(candidates[1].file, shadowed);
  EXPECT_EQ(candidates[1].state, Candidate::State::shadowed);
  EXPECT_EQ(candidates[1].reason, winner.string());
}

TEST(Registry, does_not_fall_back_on_a_second_file_where_the_first_is_refused) {
  const TemporaryFolder first, second;
  write(first, "good.so", "no library");
  take(second, kFixtures / "good.so");
  const Registry registry({first.path(), second.path()});
  EXPECT_THROW(registry.find_component("good/copy"), PluginError);
}

TEST(Registry, tells_what_became_of_every_file) {
  const TemporaryFolder folder;
  take(folder, kFixtures / "good.so");
  take(folder, kFixtures / "stale.so");
  take(folder, kFixtures / "undefined.so");
  write(folder, "notes.txt", "not a candidate");
  const std::vector<Candidate> candidates = Registry({folder.path()}).candidates();
  ASSERT_EQ(candidates.size(), 3u);
  EXPECT_EQ(candidates[0].name, "good");
  EXPECT_EQ(candidates[0].state, Candidate::State::loaded);
  EXPECT_EQ(candidates[1].name, "stale");
  EXPECT_EQ(candidates[1].state, Candidate::State::refused);
  EXPECT_THAT(candidates[1].reason, HasSubstr("sdk: host"));
  EXPECT_EQ(candidates[2].name, "undefined");
  EXPECT_EQ(candidates[2].state, Candidate::State::refused);
  EXPECT_THAT(candidates[2].reason, HasSubstr("'optics::lens(double)', which no library defines"));
}

TEST(Registry, searches_a_folder_once_under_all_its_names) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / "plugins");
  fs::create_directory_symlink(folder.path() / "plugins", folder.path() / "link");
  setenv("PELLUCID_PLUGIN_PATH",
         ((folder.path() / "link").string() + "::" + folder.path().string()).c_str(), 1);
  const auto folders = Registry::search_path({folder.path() / "plugins"});
  ASSERT_EQ(folders.size(), 3u);
  EXPECT_EQ(folders[0], folder.path() / "plugins");
  EXPECT_EQ(folders[1], folder.path());
  EXPECT_THAT(folders[2].string(), HasSubstr("pellucid/plugins"));
}

TEST(Registry, is_found_by_many_threads_at_once) {
  const Registry registry = fixtures();
  std::vector<const ComponentDescriptor*> found(8);
  std::vector<std::thread> threads;
  for (auto& descriptor : found)
    threads.emplace_back([&] { descriptor = registry.find_component("good/copy").descriptor; });
  for (std::thread& thread : threads) thread.join();
  for (const auto* descriptor : found) EXPECT_EQ(descriptor, found.front());
}

TEST(Registry, knows_components_of_the_core_before_any_file) {
  static const ComponentDescriptor part = *fixtures().find_component("good/copy").descriptor;
  static const ComponentDescriptor* const parts[] = {&part, nullptr};
  static const PluginDescriptor core{sizeof(PluginDescriptor), PELLUCID_ABI_STAMP, "core_of_test",
                                     "1", parts};
  Registry::register_builtin(core);
  Registry::register_builtin(core);
  EXPECT_THAT(
      Registry(std::vector<fs::path>{}).find_component("core_of_test/copy").plugin_file.string(),
      IsEmpty());

  const TemporaryFolder folder;
  take(folder, kFixtures / "good.so", "core_of_test.so");
  const std::vector<Candidate> candidates = Registry({folder.path()}).candidates();
  ASSERT_EQ(candidates.size(), 1u);
  EXPECT_EQ(candidates[0].reason, "the name 'core_of_test' belongs to the core");
}

/// The sentence of the one problem with which a thrower is not made.
std::string problem_of(const char* what) {
  Problems problems;
  const Registry registry = fixtures();
  const auto made = registry.make_component(*registry.find_component("good/thrower").descriptor,
                                            Value::map({{"what", what}}), problems);
  EXPECT_EQ(made == nullptr, problems.size() == 1);
  return problems.empty() ? "" : problems.front().sentence;
}

TEST(Factory, makes_a_component) { EXPECT_EQ(problem_of("nothing"), ""); }

TEST(Factory, that_throws_anything_becomes_a_problem) {
  EXPECT_EQ(problem_of("config"), "'what' must not be config, got config");
  EXPECT_EQ(problem_of("shape"), "a shape of the fixture");
  EXPECT_THAT(problem_of("libtorch"), HasSubstr("a check of libtorch"));
  EXPECT_THAT(problem_of("standard"), HasSubstr("an error of the standard library"));
  EXPECT_NE(problem_of("integer"), "");
}

TEST(Factory, reports_settings_that_do_not_fit_with_their_place) {
  const SourceLocation place{std::make_shared<const std::string>("deblur.yaml"), 7, 54, nullptr};
  Problems problems;
  const Registry registry = fixtures();
  registry.make_component(*registry.find_component("good/thrower").descriptor,
                          Value::map({{"what", Value::scalar("libtorhc", place)}}), problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].where.text(), "deblur.yaml:7:54");
  EXPECT_THAT(problems[0].sentence, HasSubstr("did you mean 'libtorch'?"));
}

}  // namespace
}  // namespace pellucid
