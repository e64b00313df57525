// Keys: equal where everything that values depend on is equal, different where anything differs.
#include <gtest/gtest.h>

#include <fstream>

#include "base/temporary_folder.h"
#include "framework/plan/components.h"

namespace pellucid::testing {
namespace {

std::string key_of(const std::string& text, const std::string& node = "b",
                   const PlanOptions& options = {}) {
  const Plan plan = plan_of(text, options);
  return plan.nodes[node_named(plan, node)].key;
}

std::string chain(const std::string& settings, const std::string& with,
                  const std::string& more = "") {
  return "settings: {threads: 1" + settings + "}\nnodes:\n  a: {use: toy/images, with: {" + with +
         "}}\n  b: {use: toy/invert, in: {x: a}" + more + "}\n";
}

TEST(Key, is_the_same_for_the_same_text_in_other_words) {
  EXPECT_EQ(key_of(chain("", "items: 4")), key_of(chain("", "items: 4")));
  EXPECT_EQ(key_of(chain("", "items: 4")), key_of(chain("", "'items': \"4\"  ")));
  EXPECT_EQ(key_of(chain("", "items: 4")).size(), 32);
}

TEST(Key, differs_with_anything_that_values_depend_on) {
  const std::string key = key_of(chain("", "items: 4"));
  EXPECT_NE(key, key_of(chain("", "items: 5")));
  EXPECT_NE(key, key_of(chain(", seed: 7", "items: 4")));
  EXPECT_NE(key, key_of(chain(", block: 2", "items: 4")));
  EXPECT_NE(key, key_of(chain("", "items: 4", ", with: {scale: 2}")));
  EXPECT_NE(key, key_of(chain("", "items: 4", ", seed_as: other")));
}

TEST(Key, depends_on_threads_of_a_worker_and_not_on_their_number) {
  const std::string nodes = "nodes: {b: {use: toy/images}}";
  const std::string one = key_of("settings: {threads: 1}\n" + nodes);
  EXPECT_NE(one, key_of("settings: {threads: 2}\n" + nodes));
  EXPECT_EQ(one, key_of("settings: {threads: 2, workers: 2}\n" + nodes));
}

TEST(Key, does_not_depend_on_memory_or_on_the_window_of_items) {
  const std::string key = key_of(chain("", "items: 4"));
  EXPECT_EQ(key, key_of(chain(", memory: 123 MiB", "items: 4")));
  PlanOptions options;
  options.items = {{1, 3}};
  EXPECT_EQ(key, key_of(chain("", "items: 4"), "b", options));
}

TEST(Key, of_what_needs_all_items_depends_on_the_window) {
  const std::string text =
      "settings: {threads: 1}\nnodes: {a: {use: toy/images}, b: {use: toy/mean, in: {x: a}}}";
  PlanOptions options;
  options.items = {{1, 3}};
  EXPECT_NE(key_of(text), key_of(text, "b", options));
}

TEST(Key, changes_with_the_files_that_the_settings_name) {
  const TemporaryFolder folder;
  std::ofstream(folder / "one.png") << "1";
  const std::string text = chain("", "path: '" + (folder / "*.png").string() + "'");
  const std::string key = key_of(text);
  EXPECT_EQ(key, key_of(text));
  std::ofstream(folder / "two.png") << "2";
  const std::string with_two = key_of(text);
  EXPECT_NE(key, with_two);
  std::ofstream(folder / "one.png") << "1 and more";
  EXPECT_NE(with_two, key_of(text));
}

}  // namespace
}  // namespace pellucid::testing
