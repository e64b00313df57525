// field_json: what schemas declare, for programs.
#include "plugin/field_json.h"

#include <charconv>
#include <cmath>

namespace pellucid {
namespace {

using Json = nlohmann::ordered_json;

const char* name_of(Field::Type type) {
  switch (type) {
    case Field::Type::truth:
      return "truth";
    case Field::Type::integer:
      return "integer";
    case Field::Type::real:
      return "real";
    case Field::Type::text:
      return "text";
    case Field::Type::path:
      return "path";
    case Field::Type::output_path:
      return "output_path";
    case Field::Type::enumeration:
      return "enumeration";
    case Field::Type::list:
      return "list";
    case Field::Type::group:
      return "group";
    case Field::Type::choice:
      return "choice";
  }
  return "unknown";
}

template <class Number>
Json number_or_text(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return text;
  return number;
}

const Field* field_named(const std::vector<Field>& fields, const std::string& key) {
  for (const Field& field : fields)
    if (field.key == key) return &field;
  return nullptr;
}

Json map_of(const Value& value, const std::vector<Field>& fields) {
  Json map = Json::object();
  for (const Value::Entry& entry : value.entries())
    if (const Field* const field = field_named(fields, entry.key))
      map[entry.key] = json_of(entry.value, *field);
  return map;
}

/// The schema of an alternative holds its fields, as that of a group does.
Json choice_of(const Value& value, const Field& field) {
  if (value.is_scalar()) return value.text();
  return map_of(value, field.fields);
}

}  // namespace

Json json_of(const Value& value, const Field& field) {
  if (value.is_null()) return nullptr;
  switch (field.type) {
    case Field::Type::truth:
      return value.text() == "true";
    case Field::Type::integer:
      return number_or_text<std::int64_t>(value.text());
    case Field::Type::real:
      return number_or_text<double>(value.text());
    case Field::Type::group:
      return map_of(value, field.fields);
    case Field::Type::choice:
      return choice_of(value, field);
    case Field::Type::list: {
      Json items = Json::array();
      for (const Value& item : value.items()) items.push_back(json_of(item, field.fields.front()));
      return items;
    }
    default:
      return value.text();
  }
}

Json json_of(const Field& field) {
  Json json;
  if (!field.key.empty()) json["name"] = field.key;
  json["type"] = name_of(field.type);
  json["summary"] = field.summary;
  if (!field.unit.empty()) json["unit"] = field.unit;
  if (!field.range_text().empty()) json["range"] = field.range_text();
  json["required"] = field.required;
  if (!field.standard.is_null()) json["default"] = json_of(field.standard, field);
  if (!field.names.empty()) json["names"] = field.names;
  if (field.type == Field::Type::list) {
    json["entries"] = json_of(field.fields.front());
    json["least_count"] = field.least_count;
    if (field.most_count != std::numeric_limits<std::int64_t>::max())
      json["most_count"] = field.most_count;
  } else if (!field.fields.empty()) {
    Json& inner = json[field.type == Field::Type::choice ? "alternatives" : "parameters"];
    inner = Json::array();
    for (const Field& part : field.fields) inner.push_back(json_of(part));
  }
  return json;
}

std::string default_text(const Field& field) {
  return field.standard.is_null() ? std::string() : field.standard.flow();
}

}  // namespace pellucid
