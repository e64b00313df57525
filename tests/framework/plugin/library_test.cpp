#include "plugin/library.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <thread>

#include "base/temporary_folder.h"
#include "framework/plugin/files.h"
#include "plugin/stamp.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using testing::bytes_of;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::take;
using testing::write;

const fs::path kFixtures = PELLUCID_FIXTURES;

/// Why a file is refused, without the name that every refusal begins with.
std::string refusal_of(const fs::path& file) {
  try {
    load_plugin(file);
  } catch (const PluginError& error) {
    const std::string name = "plugin '" + file.string() + "' ";
    EXPECT_THAT(error.sentence(), StartsWith(name));
    return error.sentence().substr(std::min(name.size(), error.sentence().size()));
  }
  return "it was loaded";
}

/// good.so with the value of a field of its stamp replaced by one of the same length.
std::string with_field(const std::string& field, char digit) {
  std::string bytes = bytes_of(kFixtures / "good.so");
  for (std::size_t at = bytes.find("pellucid-plugin:abi="); at != std::string::npos;
       at = bytes.find("pellucid-plugin:abi=", at + 1)) {
    const std::size_t value = bytes.find(field + "=", at) + field.size() + 1;
    bytes[value] = digit;
  }
  return bytes;
}

TEST(Library, gives_the_descriptor_of_a_plugin) {
  const LoadedPlugin& plugin = load_plugin(kFixtures / "good.so");
  EXPECT_EQ(plugin.name, "good");
  EXPECT_EQ(plugin.version, "1.2.3");
  EXPECT_EQ(plugin.checksum.size(), 32u);
  ASSERT_NE(plugin.find("copy"), nullptr);
  EXPECT_STREQ(plugin.find("copy")->summary, "Gives what it gets");
  EXPECT_EQ(plugin.find("nothing"), nullptr);
}

TEST(Library, is_loaded_once_however_often_it_is_asked_for) {
  const LoadedPlugin& first = load_plugin(kFixtures / "good.so");
  EXPECT_EQ(&load_plugin(kFixtures / "." / "good.so"), &first);
}

TEST(Library, is_loaded_once_by_threads_that_ask_at_the_same_time) {
  const TemporaryFolder folder;
  const fs::path file = take(folder, kFixtures / "good.so");
  std::vector<const LoadedPlugin*> given(4);
  std::vector<std::thread> threads;
  for (auto& plugin : given) threads.emplace_back([&] { plugin = &load_plugin(file); });
  for (std::thread& thread : threads) thread.join();
  for (const LoadedPlugin* plugin : given) EXPECT_EQ(plugin, given.front());
}

TEST(Library, with_another_value_in_any_field_of_the_stamp_is_refused) {
  for (const char* field : {"abi", "sdk", "torch", "compiler", "cxx11abi", "checked_stl"}) {
    const TemporaryFolder folder;
    const fs::path file = write(folder, "good.so", with_field(field, '~'));
    EXPECT_THAT(refusal_of(file),
                AllOf(StartsWith("was built for another Pellucid; rebuild it against this one\n  "),
                      HasSubstr(std::string("\n  ") + field + ": host "), HasSubstr(", plugin ~")));
  }
}

TEST(Library, of_a_later_abi_asks_for_a_newer_host) {
  const TemporaryFolder folder;
  const fs::path file = write(folder, "good.so", with_field("abi", '9'));
  EXPECT_THAT(refusal_of(file), AllOf(StartsWith("was built for a newer Pellucid; update this one"),
                                      HasSubstr("abi: host 1, plugin 9")));
}

TEST(Library, built_against_edited_headers_is_refused_before_any_of_it_runs) {
  EXPECT_THAT(refusal_of(kFixtures / "stale.so"),
              AllOf(StartsWith("was built for another Pellucid"), HasSubstr("\n  sdk: host ")));
  EXPECT_EQ(std::getenv("PELLUCID_FIXTURE_RAN_stale"), nullptr);
  load_plugin(kFixtures / "good.so");
  EXPECT_NE(std::getenv("PELLUCID_FIXTURE_RAN_good"), nullptr);
}

TEST(Library, that_is_missing_is_refused) {
  EXPECT_EQ(refusal_of(kFixtures / "nowhere.so"), "does not exist");
}

TEST(Library, that_is_a_folder_is_refused) {
  const TemporaryFolder folder;
  fs::create_directory(folder.path() / "good.so");
  EXPECT_EQ(refusal_of(folder.path() / "good.so"), "is not a file");
}

TEST(Library, that_is_another_kind_of_file_is_refused) {
  const TemporaryFolder folder;
  EXPECT_EQ(refusal_of(write(folder, "text.so", "pellucid-plugin:abi=1;")),
            "is not a shared library: it does not begin as one");
  EXPECT_EQ(refusal_of(write(folder, "empty.so", "")),
            "is not a shared library: it does not begin as one");
}

TEST(Library, with_a_wrong_magic_number_is_refused) {
  const TemporaryFolder folder;
  std::string bytes = bytes_of(kFixtures / "good.so");
  bytes[1] = 'e';
  EXPECT_EQ(refusal_of(write(folder, "good.so", bytes)),
            "is not a shared library: it does not begin as one");
}

TEST(Library, for_another_machine_is_refused) {
  const TemporaryFolder folder;
  std::string bytes = bytes_of(kFixtures / "good.so");
  bytes[18] = 8;  // e_machine: MIPS
  bytes[19] = 0;
  EXPECT_EQ(refusal_of(write(folder, "good.so", bytes)),
            "is a library for another kind of machine");
}

TEST(Library, that_is_cut_off_anywhere_is_refused) {
  const std::string bytes = bytes_of(kFixtures / "good.so");
  const std::size_t whole = bytes.size();
  for (const std::size_t length :
       {std::size_t{5}, std::size_t{63}, std::size_t{64}, std::size_t{100}, std::size_t{1000},
        whole / 4, whole / 2, 3 * whole / 4, whole - 1000, whole - 64, whole - 1}) {
    const TemporaryFolder folder;
    const fs::path file = write(folder, "good.so", bytes.substr(0, length));
    EXPECT_THAT(refusal_of(file), StartsWith("is cut off: it has " + std::to_string(length)))
        << length << " of " << whole;
  }
}

TEST(Library, that_is_no_plugin_is_refused) {
  EXPECT_EQ(refusal_of(kFixtures / "libchain_end.so"),
            "is not a plugin of Pellucid: it carries no stamp");
  EXPECT_EQ(refusal_of(kFixtures / "hollow.so"),
            "is not a plugin of Pellucid: it does not define 'pellucid_plugin'");
}

TEST(Library, with_two_components_of_one_name_is_refused) {
  EXPECT_EQ(refusal_of(kFixtures / "twins.so"), "has two components named 'copy'");
}

TEST(Library, without_components_is_refused) {
  EXPECT_EQ(refusal_of(kFixtures / "empty.so"), "is damaged: it has no table of components");
}

TEST(Library, under_another_name_than_its_own_is_refused) {
  const TemporaryFolder folder;
  EXPECT_EQ(refusal_of(take(folder, kFixtures / "good.so", "better.so")),
            "calls itself 'good'; the file must be named 'good.so'");
}

TEST(Library, with_an_undefined_symbol_is_refused_by_its_readable_name) {
  EXPECT_EQ(refusal_of(kFixtures / "undefined.so"),
            "cannot be loaded: it uses 'optics::lens(double)', which no library defines");
}

TEST(Library, whose_dependency_is_missing_names_it) {
  const TemporaryFolder folder;
  EXPECT_EQ(refusal_of(take(folder, kFixtures / "needy.so")),
            "cannot be loaded: it needs 'libchain_end.so', which is not found");
}

TEST(Library, whose_dependency_misses_one_names_who_needs_it) {
  const TemporaryFolder folder;
  take(folder, kFixtures / "libchain_middle.so");
  EXPECT_EQ(refusal_of(take(folder, kFixtures / "chained.so")),
            "cannot be loaded: it needs 'libchain_middle.so', which needs 'libchain_end.so', which "
            "is not found");
}

TEST(Library, with_all_its_dependencies_beside_it_is_loaded) {
  EXPECT_EQ(load_plugin(kFixtures / "chained.so").name, "chained");
}

TEST(Descriptor, of_another_size_is_refused) {
  PluginDescriptor descriptor = *load_plugin(kFixtures / "good.so").descriptor;
  descriptor.size += 8;
  EXPECT_THROW(check_descriptor(descriptor), PluginError);
}

TEST(Descriptor, with_null_pointers_is_refused) {
  const PluginDescriptor good = *load_plugin(kFixtures / "good.so").descriptor;
  PluginDescriptor without = good;
  without.components = nullptr;
  EXPECT_THROW(check_descriptor(without), PluginError);
  without = good;
  without.name = nullptr;
  EXPECT_THROW(check_descriptor(without), PluginError);

  ComponentDescriptor component = *good.components[0];
  component.create = nullptr;
  const ComponentDescriptor* const table[] = {&component, nullptr};
  without = good;
  without.components = table;
  EXPECT_THROW(check_descriptor(without), PluginError);
}

TEST(Descriptor, whose_declarations_throw_is_refused_with_the_reason) {
  const PluginDescriptor good = *load_plugin(kFixtures / "good.so").descriptor;
  ComponentDescriptor component = *good.components[0];
  component.fields = []() -> const std::vector<Field>& { throw std::logic_error("no fields"); };
  const ComponentDescriptor* const table[] = {&component, nullptr};
  PluginDescriptor broken = good;
  broken.components = table;
  try {
    check_descriptor(broken);
    FAIL() << "it was accepted";
  } catch (const PluginError& error) {
    EXPECT_THAT(error.what(), EndsWith("with declarations that throw: no fields"));
  }
}

}  // namespace
}  // namespace pellucid
