#include <pellucid/value.h>

#include <gtest/gtest.h>

#include <limits>

namespace pellucid {
namespace {

TEST(Value, made_of_a_number_reads_back_as_the_same_number) {
  for (const double number : {0.1, 7.65 / 255, 1e-300, -2.5e17, 4.0})
    EXPECT_EQ(number_of(Value(number)), number);
  EXPECT_EQ(Value(std::numeric_limits<double>::infinity()).text(), ".inf");
  EXPECT_EQ(Value(std::int64_t{9007199254740993}).text(), "9007199254740993");
}

TEST(Value, finds_what_was_set) {
  Value map;
  map.set("std", 3);
  map.set("radius", 10);
  map.set("std", 4);
  ASSERT_TRUE(map.is_map());
  ASSERT_EQ(map.entries().size(), 2u);
  EXPECT_EQ(map.find("std")->text(), "4");
  EXPECT_EQ(map.find("boundary"), nullptr);
}

TEST(Value, describes_itself_for_messages) {
  EXPECT_EQ(Value().described(), "nothing");
  EXPECT_EQ(Value("3 px").described(), "'3 px'");
  EXPECT_EQ(Value::list({}).described(), "a list");
  EXPECT_EQ(Value::map({}).described(), "a map");
}

TEST(Value, quotes_long_text_only_in_part_and_never_half_a_character) {
  const std::string text = Value(std::string(59, 'a') + "µµµ").described();
  EXPECT_EQ(text, "'" + std::string(59, 'a') + "…'");
}

TEST(ValueFlow, is_one_line_of_yaml) {
  Value kernel;
  kernel.set("gaussian", Value::map({{"std", 3}}));
  Value value;
  value.set("kernel", kernel);
  value.set("boundary", "reflect");
  value.set("tile", Value::list({1, 2}));
  value.set("init", Value());
  EXPECT_EQ(value.flow(),
            "{boundary: reflect, init: null, kernel: {gaussian: {std: 3}}, tile: [1, 2]}");
}

TEST(ValueFlow, is_the_same_whatever_the_order_of_keys_the_places_and_the_quotes) {
  const SourceLocation place{std::make_shared<const std::string>("a.yaml"), 3, 4};
  const Value a = Value::map({{"x", Value::scalar("1", place, true)}, {"y", Value("b c")}}, place);
  const Value b = Value::map({{"y", Value("b c")}, {"x", Value(1)}});
  EXPECT_EQ(a.flow(), b.flow());
}

TEST(ValueFlow, quotes_what_yaml_would_read_otherwise) {
  EXPECT_EQ(Value("").flow(), "\"\"");
  EXPECT_EQ(Value("null").flow(), "\"null\"");
  EXPECT_EQ(Value("a: b").flow(), "\"a: b\"");
  EXPECT_EQ(Value("*.jpg").flow(), "\"*.jpg\"");
  EXPECT_EQ(Value("a\n\"b\"\\").flow(), "\"a\\n\\\"b\\\"\\\\\"");
  EXPECT_EQ(Value("\x01").flow(), "\"\\x01\"");
  EXPECT_EQ(Value("photos/*.jpg").flow(), "photos/*.jpg");
}

TEST(TruthOf, knows_the_words_of_yaml) {
  for (const char* const text : {"true", "True", "yes", "on"}) EXPECT_TRUE(truth_of(text));
  for (const char* const text : {"false", "FALSE", "no", "Off"}) EXPECT_FALSE(truth_of(text));
}

TEST(TruthOf, refuses_everything_else_with_what_it_found) {
  const auto message_of = [](const Value& value) {
    try {
      truth_of(value);
    } catch (const ConfigError& error) {
      return error.sentence();
    }
    return std::string("no error");
  };
  EXPECT_EQ(message_of(1), "expected true or false, found '1'");
  EXPECT_EQ(message_of(Value()), "expected true or false, found nothing");
  EXPECT_EQ(message_of(Value::list({})), "expected true or false, found a list");
}

TEST(TextOf, is_a_scalars_text_at_its_place) {
  EXPECT_EQ(text_of(7), "7");
  const SourceLocation place{std::make_shared<const std::string>("a.yaml"), 3, 4};
  try {
    text_of(Value::map({}, place));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "a.yaml:3:4: expected text, found a map");
  }
}

}  // namespace
}  // namespace pellucid
