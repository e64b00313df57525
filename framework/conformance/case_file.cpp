#include "conformance/case_file.h"

#include <algorithm>

#include "buffers/file.h"
#include "conformance/check.h"
#include "conformance/instance.h"
#include "pipeline/yaml.h"

namespace pellucid::conformance {
namespace {

[[noreturn]] void refuse(const Value& value, const std::string& sentence) {
  throw ConfigError(sentence, value.where());
}

void require_map(const Value& value, const std::string& what,
                 const std::vector<std::string>& keys = {}) {
  if (!value.is_map()) refuse(value, what + " must be a map, got " + value.described());
  if (keys.empty()) return;
  for (const Value::Entry& entry : value.entries())
    if (std::find(keys.begin(), keys.end(), entry.key) == keys.end())
      throw ConfigError(what + " has " + listed(keys) + ", got '" + entry.key + "'", entry.where);
}

std::int64_t whole(const Value& map, const std::string& key, std::int64_t standard) {
  const Value* const value = map.find(key);
  return value ? integer_of(*value) : standard;
}

std::string word(const Value& map, const std::string& key, const std::string& standard) {
  const Value* const value = map.find(key);
  return value ? text_of(*value) : standard;
}

Spec spec_from(const Value& map) {
  require_map(map, "a tensor", {"axes", "shape", "items", "dtype", "unit"});
  Spec spec;
  spec.items = whole(map, "items", 4);
  spec.axes = word(map, "axes", "");
  spec.unit = word(map, "unit", "");
  const std::string dtype = word(map, "dtype", "float32");
  const auto known = dtype_of_name(dtype);
  if (!known) refuse(map, "there is no dtype '" + dtype + "'");
  spec.dtype = *known;
  if (const Value* const shape = map.find("shape"))
    for (const Value& size : shape->items()) spec.shape.push_back(integer_of(size));
  if (spec.shape.size() != spec.axes.size())
    refuse(map, "'shape' must have a number for each of the axes '" + spec.axes + "', got " +
                    std::to_string(spec.shape.size()));
  return spec;
}

TableSpec table_from(const Value& map) {
  require_map(map, "a table", {"columns", "rows", "items"});
  TableSpec spec{whole(map, "items", 4), whole(map, "rows", 1), {}};
  for (const Value::Entry& column : map.find("columns")->entries())
    spec.columns.push_back({column.key, Column::Type::real, text_of(column.value), 0, "a number"});
  return spec;
}

Case case_from(const Value& entry, const Registry& registry);

Inputs::Edge input_from(const std::string& port, const Value& map, const Registry& registry) {
  require_map(map, "the input '" + port + "'");
  if (map.find("columns")) return table_edge(port, table_from(map));
  if (!map.find("use")) return tensor_edge(port, spec_from(map));
  require_map(map, "a component", {"use", "with", "in", "on"});
  const FoundComponent other = registry.find_component(text_of(*map.find("use")));
  Value rest = map;
  std::erase_if(rest.entries(), [](const Value::Entry& one) { return one.key == "use"; });
  return object_edge(port, Instance(*other.descriptor, case_from(rest, registry)).component());
}

Case case_from(const Value& entry, const Registry& registry) {
  require_map(entry, "a case", {"with", "in", "on"});
  Case made;
  const Value* const with = entry.find("with");
  made.settings = with ? *with : Value::map({});
  if (const Value* const in = entry.find("in")) {
    require_map(*in, "'in'");
    for (const Value::Entry& input : in->entries())
      made.inputs.push_back(input_from(input.key, input.value, registry));
  }
  if (const Value* const on = entry.find("on")) made.argument = tensor_edge("x", spec_from(*on));
  return made;
}

Advice advice_from(const Value& map, const Registry& registry) {
  require_map(map, "a component", {"cases", "except", "skip"});
  Advice advice;
  advice.skip = word(map, "skip", "");
  if (const Value* const cases = map.find("cases"))
    for (const Value& entry : cases->items()) advice.cases.push_back(case_from(entry, registry));
  if (const Value* const except = map.find("except")) {
    require_map(*except, "'except'", check_names());
    for (const Value::Entry& entry : except->entries())
      advice.except[entry.key] = text_of(entry.value);
  }
  return advice;
}

bool has_component(const PluginDescriptor& plugin, const std::string& name) {
  for (auto component = plugin.components; *component; ++component)
    if (name == (*component)->name) return true;
  return false;
}

}  // namespace

std::map<std::string, Advice> read_case_file(const std::filesystem::path& file,
                                             const PluginDescriptor& plugin,
                                             const Registry& registry) {
  Findings findings;
  Budget budget;
  const Source source(file.string(), read_text(file), file.parent_path());
  std::optional<Value> value;
  if (check_text(source, findings)) value = read_yaml(source, budget, findings);
  if (!findings.empty()) {
    const Problem problem = findings.take().front();
    throw ConfigError(problem.sentence, problem.where);
  }
  std::map<std::string, Advice> all;
  if (!value || value->is_null()) return all;
  require_map(*value, "a file of cases");
  for (const Value::Entry& entry : value->entries()) {
    if (!has_component(plugin, entry.key))
      throw ConfigError(
          "the plugin '" + std::string(plugin.name) + "' has no component '" + entry.key + "'",
          entry.where);
    all[entry.key] = advice_from(entry.value, registry);
  }
  return all;
}

}  // namespace pellucid::conformance
