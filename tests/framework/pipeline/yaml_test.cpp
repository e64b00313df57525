#include "pipeline/yaml.h"

#include <gtest/gtest.h>

namespace pellucid {
namespace {

struct Read {
  std::optional<Value> value;
  std::string problems;
};

Read read(const std::string& text) {
  const Source source("t.yaml", text, "");
  Budget budget;
  Findings findings;
  Read result;
  result.value = read_yaml(source, budget, findings);
  for (const Problem& problem : findings.take())
    result.problems += problem.where.text() + ": " + problem.sentence + "\n";
  return result;
}

std::string place(const Value& value) { return value.where().text(); }

TEST(Yaml, keeps_the_places_of_keys_and_values) {
  const Read read_back = read("a: 1\nlist:\n  - x\n  - {key: value}\n");
  ASSERT_EQ(read_back.problems, "");
  const Value& root = *read_back.value;
  EXPECT_EQ(place(root), "t.yaml:1:1");
  EXPECT_EQ(place(*root.find("a")), "t.yaml:1:4");
  EXPECT_EQ(root.entries()[1].where.text(), "t.yaml:2:1");
  const Value& list = *root.find("list");
  EXPECT_EQ(place(list), "t.yaml:3:3");
  EXPECT_EQ(place(list.items()[0]), "t.yaml:3:5");
  EXPECT_EQ(list.items()[1].entries()[0].where.text(), "t.yaml:4:6");
  EXPECT_EQ(place(*list.items()[1].find("key")), "t.yaml:4:11");
}

TEST(Yaml, counts_columns_in_characters_not_in_bytes) {
  const Read read_back = read("{µm: ä, größe: ö}\n");
  EXPECT_EQ(read_back.value->entries()[1].where.text(), "t.yaml:1:9");
  EXPECT_EQ(place(*read_back.value->find("größe")), "t.yaml:1:16");
}

TEST(Yaml, counts_the_same_behind_a_byte_order_mark_and_with_windows_line_ends) {
  const Read read_back = read(
      "\xEF\xBB\xBF"
      "a: 1\r\nb: 2\r\n");
  EXPECT_EQ(place(*read_back.value->find("a")), "t.yaml:1:4");
  EXPECT_EQ(place(*read_back.value->find("b")), "t.yaml:2:4");
  EXPECT_EQ(read_back.value->find("b")->text(), "2");
}

TEST(Yaml, places_an_empty_value_at_its_key) {
  const Read read_back = read("a:\nb: {c: }\nd: ~\n");
  EXPECT_EQ(place(*read_back.value->find("a")), "t.yaml:1:1");
  EXPECT_EQ(place(*read_back.value->find("b")->find("c")), "t.yaml:2:5");
  EXPECT_EQ(place(*read_back.value->find("d")), "t.yaml:3:4");
}

TEST(Yaml, knows_what_stood_in_quotes) {
  const Read read_back = read("{a: x, b: \"x\", c: 'null', d: null}");
  EXPECT_FALSE(read_back.value->find("a")->quoted());
  EXPECT_TRUE(read_back.value->find("b")->quoted());
  EXPECT_TRUE(read_back.value->find("c")->is_scalar());
  EXPECT_TRUE(read_back.value->find("d")->is_null());
}

TEST(Yaml, an_alias_has_its_own_place_and_what_it_holds_that_of_the_anchor) {
  const Read read_back = read("a: &kernel {std: 3}\nb: *kernel\n");
  const Value& b = *read_back.value->find("b");
  EXPECT_EQ(place(b), "t.yaml:2:4");
  EXPECT_EQ(place(*b.find("std")), "t.yaml:1:18");
  EXPECT_EQ(b.find("std")->text(), "3");
}

TEST(Yaml, reads_lists_of_great_length_but_not_of_any) {
  std::string text = "[0";
  for (int i = 0; i < 100000; ++i) text += ",1";
  EXPECT_EQ(read(text + "]").value->items().size(), 100001u);
}

TEST(Yaml, nests_a_hundred_deep_and_no_deeper) {
  EXPECT_EQ(read(std::string(100, '[') + std::string(100, ']')).problems, "");
  EXPECT_EQ(read(std::string(101, '[') + std::string(101, ']')).problems,
            "t.yaml:1:101: lists and maps are nested more than 100 deep\n");
}

TEST(Yaml, reports_all_duplicate_keys_and_keeps_the_first) {
  const Read read_back = read("a: 1\nb: {c: 1, c: 2}\na: 3\n");
  EXPECT_EQ(read_back.problems,
            "t.yaml:2:11: duplicate key 'c'; it stands on line 2 already\n"
            "t.yaml:3:1: duplicate key 'a'; it stands on line 1 already\n");
  EXPECT_EQ(read_back.value->find("a")->text(), "1");
  EXPECT_EQ(read_back.value->find("b")->find("c")->text(), "1");
}

TEST(Yaml, of_nothing_is_nothing) {
  EXPECT_FALSE(read("").value.has_value());
  EXPECT_FALSE(read("# a comment\n").value.has_value());
}

}  // namespace
}  // namespace pellucid
