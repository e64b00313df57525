// json_schema: schemas of numbers with units, of fields, of components, and of the language.
#include "plugin/json_schema.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <pellucid/version.h>

#include "base/quantity.h"
#include "plugin/field_json.h"
#include "plugin/language_settings.h"

namespace pellucid {
namespace {

using Json = nlohmann::ordered_json;

// YAML readers take "1e-3" and "500 nm" for texts, so a number is a JSON number or a text that
// reads as one. Regular expressions are of the kind that ECMAScript and Python share.
constexpr const char* kNumber = R"((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)";
constexpr const char* kName = "^[A-Za-z0-9_][A-Za-z0-9_-]*$";

Json any_of(std::vector<Json> schemas) {
  if (schemas.size() == 1) return schemas.front();
  return Json{{"anyOf", std::move(schemas)}};
}

/// "${x}", alone or inside a text: what it stands for is known only when the pipeline is read.
Json substitution() { return {{"type", "string"}, {"pattern", R"(\$\{)"}}; }

std::string as_pattern(const std::string& literal) {
  std::string pattern;
  for (const char c : literal) {
    if (std::string("\\^$.|?*+()[]{}/").find(c) != std::string::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

/// The units that a number in `unit` may carry, as a group, or empty.
std::string unit_pattern(const std::string& unit) {
  std::string names;
  for (const std::string& name : units_like(unit))
    names += (names.empty() ? "" : "|") + as_pattern(name);
  return names.empty() ? "" : "(?:" + names + ")";
}

/// Arithmetic over numbers, pi and units, in one pass without backtracking.
std::string expression(const std::string& unit) {
  const std::string units = unit_pattern(unit);
  const std::string atom = std::string(R"([-+( \t]*(?:)") + kNumber + R"(|pi)[) \t]*)" +
                           (units.empty() ? "" : "(?:" + units + R"([) \t]*)?)");
  return "^" + atom + R"((?:[-+*/^])" + atom + ")*$";
}

/// A single negative or zero number with or without unit: what a bound of zero can refuse in a
/// text.
std::string refused_sign(const std::string& unit, bool zero_too) {
  const std::string units = unit_pattern(unit);
  const std::string end = R"([ \t]*)" + (units.empty() ? "" : units + "?") + R"([ \t]*$)";
  std::string pattern = std::string(R"(^[ \t]*-[ \t]*)") + kNumber + end;
  if (!zero_too) pattern = R"(^[ \t]*-[ \t]*(?=[0.]*[1-9]))" + std::string(kNumber) + end;
  return zero_too ? "(?:" + pattern + R"(|^[ \t]*0+(?:\.0*)?)" + end + ")" : pattern;
}

struct Bounds {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool least_excluded = false;
  bool most_excluded = false;
};

Json bound_of(double bound) {
  if (bound == std::floor(bound) && std::abs(bound) < 1e15) return static_cast<std::int64_t>(bound);
  return bound;
}

Json number(const char* type, const std::string& unit, const Bounds& bounds) {
  // The largest numbers keep out `.inf`, which YAML readers take for a number.
  constexpr double kLargest = std::numeric_limits<double>::max();
  Json plain{{"type", type}};
  plain[bounds.least_excluded ? "exclusiveMinimum" : "minimum"] =
      bound_of(std::max(bounds.least, -kLargest));
  plain[bounds.most_excluded ? "exclusiveMaximum" : "maximum"] =
      bound_of(std::min(bounds.most, kLargest));
  Json text{{"type", "string"}, {"pattern", expression(unit)}};
  std::vector<Json> refused;
  if (bounds.least >= 0)
    refused.push_back({{"pattern", refused_sign(unit, bounds.least > 0 || bounds.least_excluded)}});
  if (std::string(type) == "integer" && unit.empty())
    refused.push_back({{"pattern", R"(^[ \t]*[-+]?[0-9]*\.[0-9]*[1-9][0-9]*[ \t]*$)"}});
  if (!refused.empty()) text["not"] = any_of(std::move(refused));
  return any_of({std::move(plain), std::move(text), substitution()});
}

Json schema_of(const Field& field);

Json map_of(const std::vector<Field>& fields) {
  Json schema{{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
  Json required = Json::array();
  for (const Field& field : fields) {
    schema["properties"][field.key] = schema_of(field);
    if (field.required) required.push_back(field.key);
  }
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

/// A map of settings, or nothing where none is required.
Json settings_of(const std::vector<Field>& fields) {
  std::vector<Json> forms{map_of(fields)};
  const bool needed =
      std::any_of(fields.begin(), fields.end(), [](const Field& f) { return f.required; });
  if (!needed) forms.push_back({{"type", "null"}});
  return any_of(std::move(forms));
}

/// Texts that YAML readers may take for truth values.
Json names_of(const std::vector<std::string>& names) {
  static const std::set<std::string> kTrue{"true", "yes", "on"}, kFalse{"false", "no", "off"};
  Json all = Json::array();
  for (const std::string& name : names) {
    all.push_back(name);
    if (kTrue.count(name)) all.push_back(true);
    if (kFalse.count(name)) all.push_back(false);
  }
  return {{"enum", std::move(all)}};
}

bool is_map(const Field& field) {
  return field.type == Field::Type::group || field.type == Field::Type::choice;
}

/// `name`, `{name: {its settings}}`, or `{name: value}` for its first setting.
Json choice_of(const Field& field) {
  std::vector<Json> forms;
  std::vector<std::string> alone;
  for (const Field& alternative : field.fields) {
    const auto& fields = alternative.fields;
    std::vector<Json> settings{settings_of(fields)};
    const bool others_needed = std::any_of(fields.begin() + (fields.empty() ? 0 : 1), fields.end(),
                                           [](const Field& f) { return f.required; });
    if (!fields.empty() && !others_needed) {
      Json first = schema_of(fields.front());
      if (is_map(fields.front())) first = {{"allOf", {first, {{"not", {{"type", "object"}}}}}}};
      settings.push_back(std::move(first));
    }
    Json form{{"type", "object"},
              {"properties", {{alternative.key, any_of(std::move(settings))}}},
              {"required", {alternative.key}},
              {"additionalProperties", false}};
    if (!alternative.summary.empty()) form["description"] = alternative.summary;
    forms.push_back(std::move(form));
    if (std::none_of(fields.begin(), fields.end(), [](const Field& f) { return f.required; }))
      alone.push_back(alternative.key);
  }
  if (!alone.empty()) forms.insert(forms.begin(), names_of(alone));
  forms.push_back(substitution());
  return any_of(std::move(forms));
}

Json list_of(const Field& field) {
  Field element = field.fields.front();
  element.least = field.least;
  element.most = field.most;
  element.least_excluded = field.least_excluded;
  element.most_excluded = field.most_excluded;
  const Json entry = schema_of(element);
  Json list{{"type", "array"}, {"items", entry}};
  if (field.least_count > 0) list["minItems"] = field.least_count;
  if (field.most_count != std::numeric_limits<std::int64_t>::max())
    list["maxItems"] = field.most_count;
  std::vector<Json> forms{std::move(list)};
  if (field.least_count <= 1) forms.push_back(entry);
  forms.push_back(substitution());
  return any_of(std::move(forms));
}

Json plain_schema_of(const Field& field) {
  const Bounds bounds{field.least, field.most, field.least_excluded, field.most_excluded};
  switch (field.type) {
    case Field::Type::truth:
      return any_of({{{"type", "boolean"}},
                     {{"type", "string"},
                      {"pattern",
                       "^(?:[Tt]rue|TRUE|[Yy]es|YES|[Oo]n|ON|[Ff]alse|FALSE|[Nn]o|NO|"
                       "[Oo]ff|OFF)$"}},
                     substitution()});
    case Field::Type::integer:
      return number("integer", field.unit, bounds);
    case Field::Type::real:
      return number("number", field.unit, bounds);
    case Field::Type::text:
      return {{"type", {"string", "number", "boolean"}}};
    case Field::Type::path:
    case Field::Type::output_path:
      return {{"type", {"string", "number", "boolean"}}, {"minLength", 1}};
    case Field::Type::enumeration:
      return any_of({names_of(field.names), substitution()});
    case Field::Type::list:
      return list_of(field);
    case Field::Type::group:
      return any_of({settings_of(field.fields), substitution()});
    case Field::Type::choice:
      return choice_of(field);
  }
  return true;
}

std::string description_of(const Field& field) {
  std::string text = field.summary;
  if (!field.unit.empty() && field.unit != "1") text += " [" + field.unit + "]";
  if (!field.range_text().empty()) text += ", " + field.range_text();
  return text;
}

Json schema_of(const Field& field) {
  Json schema = plain_schema_of(field);
  if (field.optional) schema = any_of({std::move(schema), {{"type", "null"}}});
  if (const std::string text = description_of(field); !text.empty()) schema["description"] = text;
  if (!field.standard.is_null()) schema["default"] = json_of(field.standard, field);
  return schema;
}

/// "node", "node.port", with the names of includes before.
Json reference() {
  return {{"type", "string"},
          {"pattern", R"(\$\{|^[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_][A-Za-z0-9_-]*)*$)"}};
}

Json inputs_of(const ComponentDescriptor& component) {
  Json schema{{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
  Json required = Json::array();
  for (const Port& port : component.ports().all()) {
    if (port.direction != Port::Direction::in) continue;
    if (port.any) {
      schema["additionalProperties"] = Json{{"$ref", "#/$defs/reference"}};
      continue;
    }
    schema["properties"][port.name] = {
        {"$ref", "#/$defs/reference"},
        {"description", std::string(port.summary) + " (" + name_of(port.type) + ")"}};
    if (!port.optional) required.push_back(port.name);
  }
  if (required.empty()) return any_of({std::move(schema), {{"type", "null"}}});
  schema["required"] = std::move(required);
  return schema;
}

/// What a node that uses this component may have under `with` and `in`.
Json node_of(const FoundComponent& found) {
  const auto& fields = found.descriptor->fields();
  const auto& ports = found.descriptor->ports().all();
  Json schema{
      {"properties", {{"with", settings_of(fields)}, {"in", inputs_of(*found.descriptor)}}}};
  Json required = Json::array();
  if (std::any_of(fields.begin(), fields.end(), [](const Field& f) { return f.required; }))
    required.push_back("with");
  if (std::any_of(ports.begin(), ports.end(), [](const Port& port) {
        return port.direction == Port::Direction::in && !port.optional && !port.any;
      }))
    required.push_back("in");
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

Json use_of(const std::vector<FoundComponent>& components) {
  std::vector<Json> known;
  for (const FoundComponent& found : components)
    known.push_back({{"const", found.plugin_name + "/" + found.descriptor->name},
                     {"description", found.descriptor->summary}});
  known.push_back(substitution());
  return {{"description", "PLUGIN/COMPONENT"}, {"anyOf", std::move(known)}};
}

Json node(const std::vector<FoundComponent>& components) {
  Json cases = Json::array();
  for (const FoundComponent& found : components)
    cases.push_back(
        {{"if",
          {{"properties", {{"use", {{"const", found.plugin_name + "/" + found.descriptor->name}}}}},
           {"required", {"use"}}}},
         {"then", node_of(found)}});
  Json schema{
      {"type", "object"},
      {"description", "one use of a component"},
      {"properties",
       {{"use", use_of(components)},
        {"in",
         {{"type", {"object", "null"}},
          {"description", "where the inputs come from: NODE.PORT, or NODE for its only output"},
          {"additionalProperties", {{"$ref", "#/$defs/reference"}}}}},
        {"with", {{"type", {"object", "null"}}, {"description", "the parameters"}}},
        {"timeout",
         {{"$ref", "#/$defs/positive_duration"},
          {"description", "longest time that one call may take [s]"}}},
        {"seed_as",
         {{"type", "string"},
          {"minLength", 1},
          {"description", "name whose random draws this node shares"}}},
        {"nonfinite",
         {{"$ref", "#/$defs/nonfinite"},
          {"description", "what to do where this node gives infinity or no number"}}},
        {"on_item_error",
         {{"$ref", "#/$defs/on_item_error"},
          {"description", "what to do where an item cannot be computed"}}}}},
      {"required", {"use"}},
      {"additionalProperties", false}};
  if (!cases.empty()) schema["allOf"] = std::move(cases);
  return schema;
}

Json settings() {
  Json schema{{"type", {"object", "null"}},
              {"description", "settings of the whole run"},
              {"properties", Json::object()},
              {"additionalProperties", false}};
  for (const LanguageSetting& setting : language_settings()) {
    Json value = any_of({Json::parse(setting.schema), substitution()});
    value["description"] = setting.summary;
    if (!setting.standard.empty()) value["default"] = setting.standard;
    schema["properties"][setting.key] = std::move(value);
  }
  return schema;
}

Json sweep() {
  const Json path{{"pattern", "^(?!settings(?:\\.|$)).+$"}};
  const Json values{
      {"type", "object"},
      {"description", "{PATH: [values]}"},
      {"minProperties", 1},
      {"maxProperties", 1},
      {"propertyNames", path},
      {"additionalProperties", any_of({{{"type", "array"}, {"minItems", 1}}, substitution()})}};
  const Json set{{"type", "object"},
                 {"properties",
                  {{"label", {{"type", {"string", "number", "boolean"}}, {"minLength", 1}}},
                   {"set", {{"type", "object"}, {"propertyNames", path}}}}},
                 {"required", {"label", "set"}},
                 {"additionalProperties", false}};
  const Json sets{{"type", "array"},
                  {"description", "sets of overrides, each with a label"},
                  {"minItems", 1},
                  {"items", any_of({set, substitution()})}};
  const Json axes{{"type", "array"}, {"items", any_of({values, sets, substitution()})}};
  Json schema = any_of({axes, substitution()});
  schema["description"] = "axes whose product is run as one plan";
  return schema;
}

Json definitions(const std::vector<FoundComponent>& components) {
  Bounds none, from_zero, from_one, above_zero, from_mebibyte;
  from_zero.least = above_zero.least = 0;
  above_zero.least_excluded = true;
  from_one.least = 1;
  from_mebibyte.least = 1 << 20;
  return {{"reference", reference()},
          {"count", number("integer", "", from_zero)},
          {"positive_count", number("integer", "", from_one)},
          {"size", number("number", "B", from_one)},
          {"memory", number("number", "B", from_mebibyte)},
          {"duration", number("number", "s", from_zero)},
          {"positive_duration", number("number", "s", above_zero)},
          {"nonfinite", any_of({{{"enum", {"stop", "allow"}}}, substitution()})},
          {"on_item_error", any_of({{{"enum", {"stop", "skip"}}}, substitution()})},
          {"node", node(components)}};
}

}  // namespace

std::string json_schema(const Registry& registry) {
  const std::vector<FoundComponent> components = registry.components();
  const Json text{{"type", "string"}, {"minLength", 1}};
  const Json name{{"pattern", kName}, {"maxLength", 100}};
  const Json include{{"type", "object"},
                     {"properties",
                      {{"file", text},
                       {"as", any_of({{{"type", "string"}, {"pattern", kName}}, substitution()})}}},
                     {"required", {"file", "as"}},
                     {"additionalProperties", false}};
  const Json node_name{{"pattern", "^(?!(?:settings|vars)$)[A-Za-z0-9_][A-Za-z0-9_-]*$"},
                       {"maxLength", 100}};
  const Json schema{
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "Pellucid pipeline"},
      {"type", "object"},
      {"properties",
       {{"pellucid",
         {{"enum", {kLanguageVersion, std::to_string(kLanguageVersion)}},
          {"description", "version of the pipeline language"}}},
        {"settings", settings()},
        {"vars",
         {{"type", {"object", "null"}},
          {"propertyNames", name},
          {"description", "values that ${name} stands for"}}},
        {"include",
         {{"type", "array"},
          {"items", include},
          {"description", "files whose nodes are added, with a prefix to their names"}}},
        {"nodes",
         {{"type", "object"},
          {"minProperties", 1},
          {"propertyNames", node_name},
          {"additionalProperties", {{"$ref", "#/$defs/node"}}}}},
        {"sweep", sweep()},
        {"keep",
         {{"type", "array"},
          {"items", {{"$ref", "#/$defs/reference"}}},
          {"description", "outputs that are stored although no node needs them"}}}}},
      {"required", {"pellucid"}},
      {"anyOf", {{{"required", {"nodes"}}}, {{"required", {"include"}}}}},
      {"additionalProperties", false},
      {"$defs", definitions(components)}};
  return schema.dump(2) + "\n";
}

}  // namespace pellucid
