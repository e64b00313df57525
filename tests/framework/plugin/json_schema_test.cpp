#include "plugin/json_schema.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <regex>

namespace pellucid {
namespace {

using nlohmann::json;

const json& schema() {
  static const json all = json::parse(json_schema(Registry({PELLUCID_FIXTURES})));
  return all;
}

/// Whether a text passes for a number in the schema of a definition: one of its patterns fits, and
/// none that it refuses.
bool accepts_text(const json& definition, const std::string& text) {
  for (const json& form : definition["anyOf"]) {
    if (form["type"] != "string") continue;
    if (!std::regex_search(text, std::regex(form["pattern"].get<std::string>()))) continue;
    json refused = json::array();
    if (form.contains("not")) {
      refused = form["not"].contains("anyOf") ? form["not"]["anyOf"] : json::array({form["not"]});
    }
    bool is_refused = false;
    for (const json& pattern : refused)
      is_refused =
          is_refused || std::regex_search(text, std::regex(pattern["pattern"].get<std::string>()));
    if (!is_refused) return true;
  }
  return false;
}

TEST(JsonSchema, knows_the_keys_of_a_pipeline_and_no_others) {
  EXPECT_EQ(schema()["additionalProperties"], false);
  for (const char* key : {"pellucid", "settings", "vars", "include", "nodes", "sweep", "keep"})
    EXPECT_TRUE(schema()["properties"].contains(key)) << key;
  EXPECT_EQ(schema()["required"], json::array({"pellucid"}));
}

TEST(JsonSchema, has_a_case_for_every_component) {
  bool found = false;
  const json defined = schema()["$defs"];
  for (const json& part : defined["node"]["allOf"]) {
    if (part["if"]["properties"]["use"]["const"] != "good/copy") continue;
    found = true;
    EXPECT_EQ(part["if"]["required"], json::array({"use"}));
    EXPECT_EQ(part["then"]["properties"]["in"]["required"], json::array({"x"}));
    EXPECT_EQ(part["then"]["properties"]["in"]["additionalProperties"], false);
    EXPECT_EQ(part["then"]["required"], json::array({"in"}));
  }
  EXPECT_TRUE(found);
}

TEST(JsonSchema, takes_arithmetic_and_units_of_the_right_kind_for_a_number) {
  const json duration = schema()["$defs"]["duration"];
  for (const char* text : {"30 s", "1.5 min", "2*3", "7.65/255", "1e-3", "(1 + 2) ms", "pi/2",
                           ".5 s", "${budget}", "${hours} h"})
    EXPECT_TRUE(accepts_text(duration, text)) << text;
  for (const char* text : {"30 kg", "30 nm", "soon", "", "1 2", "1,5", "3 s s", "--"})
    EXPECT_FALSE(accepts_text(duration, text)) << text;
}

TEST(JsonSchema, refuses_texts_whose_sign_is_out_of_range) {
  EXPECT_FALSE(accepts_text(schema()["$defs"]["duration"], "-3 s"));
  EXPECT_TRUE(accepts_text(schema()["$defs"]["duration"], "0 s"));
  EXPECT_FALSE(accepts_text(schema()["$defs"]["positive_duration"], "0 s"));
  EXPECT_FALSE(accepts_text(schema()["$defs"]["count"], "2.5"));
  EXPECT_TRUE(accepts_text(schema()["$defs"]["count"], "5/2*2"));
}

TEST(JsonSchema, reads_long_texts_in_no_time) {
  const std::string digits(300, '1');
  EXPECT_FALSE(accepts_text(schema()["$defs"]["duration"], digits + "x"));
}

}  // namespace
}  // namespace pellucid
