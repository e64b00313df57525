#include "plan/paths.h"

#include <gmock/gmock.h>

namespace pellucid {
namespace {

using ::testing::ElementsAre;

Field field(const std::string& key, Field::Type type, std::vector<Field> fields = {}) {
  Field made;
  made.key = key;
  made.type = type;
  made.fields = std::move(fields);
  return made;
}

std::vector<std::string> paths_in(Value settings, const std::vector<Field>& fields,
                                  Field::Type kind) {
  std::vector<std::string> found;
  visit_paths(settings, fields, kind, [&](Value& value) { found.push_back(value.text()); });
  return found;
}

TEST(VisitPaths, finds_those_of_one_kind) {
  const std::vector<Field> fields{field("from", Field::Type::path),
                                  field("to", Field::Type::output_path),
                                  field("name", Field::Type::text)};
  const Value settings = Value::map({{"from", "a.h5"}, {"to", "b.h5"}, {"name", "c.h5"}});
  EXPECT_THAT(paths_in(settings, fields, Field::Type::path), ElementsAre("a.h5"));
  EXPECT_THAT(paths_in(settings, fields, Field::Type::output_path), ElementsAre("b.h5"));
}

TEST(VisitPaths, looks_into_lists_groups_and_choices_written_long_or_short) {
  const Field to = field("to", Field::Type::output_path);
  const std::vector<Field> fields{
      field("all", Field::Type::list, {field("", Field::Type::output_path)}),
      field("one", Field::Type::list, {field("", Field::Type::output_path)}),
      field("group", Field::Type::group, {to}),
      field("long", Field::Type::choice, {field("file", Field::Type::group, {to})}),
      field("short", Field::Type::choice, {field("file", Field::Type::group, {to})})};
  const Value settings = Value::map({{"all", Value::list({"a", "b"})},
                                     {"one", "c"},
                                     {"group", Value::map({{"to", "d"}})},
                                     {"long", Value::map({{"file", Value::map({{"to", "e"}})}})},
                                     {"short", Value::map({{"file", "f"}})}});
  EXPECT_THAT(paths_in(settings, fields, Field::Type::output_path),
              ElementsAre("a", "b", "c", "d", "e", "f"));
}

TEST(VisitPaths, may_change_what_it_finds) {
  Value settings = Value::map({{"to", "b.h5"}});
  visit_paths(settings, {field("to", Field::Type::output_path)}, Field::Type::output_path,
              [](Value& value) { value = Value::scalar("/run/" + value.text(), value.where()); });
  EXPECT_EQ(settings.find("to")->text(), "/run/b.h5");
}

}  // namespace
}  // namespace pellucid
