#include "plan/paths.h"

#include <glob.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "pipeline/document.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

using Visit = std::function<void(Value&)>;

void visit_paths(Value& value, const Field& field, const Visit& visit);

void visit_paths(Value& map, const std::vector<Field>& fields, const Visit& visit) {
  for (const Field& field : fields)
    if (Value* value = map.find(field.key)) visit_paths(*value, field, visit);
}

/// `{name: {settings}}`, or `{name: value}` for the first setting.
void visit_alternative(Value& value, const Field& field, const Visit& visit) {
  if (!value.is_map() || value.entries().size() != 1) return;
  Value::Entry& chosen = value.entries().front();
  for (const Field& alternative : field.fields) {
    if (alternative.key != chosen.key) continue;
    if (chosen.value.is_map()) visit_paths(chosen.value, alternative.fields, visit);
    else if (!alternative.fields.empty())
      visit_paths(chosen.value, alternative.fields.front(), visit);
  }
}

void visit_paths(Value& value, const Field& field, const Visit& visit) {
  switch (field.type) {
    case Field::Type::path:
      if (value.is_scalar() && !value.text().empty()) visit(value);
      break;
    case Field::Type::list:
      if (!value.is_list()) visit_paths(value, field.fields.front(), visit);
      else
        for (Value& item : value.items()) visit_paths(item, field.fields.front(), visit);
      break;
    case Field::Type::group:
      visit_paths(value, field.fields, visit);
      break;
    case Field::Type::choice:
      visit_alternative(value, field, visit);
      break;
    default:
      break;
  }
}

/// "scan.h5" of "scan.h5:/entry/data".
std::string without_dataset(const std::string& path) {
  const std::size_t colon = path.rfind(":/");
  return colon == std::string::npos ? path : path.substr(0, colon);
}

void add_matches(const std::string& pattern, std::set<fs::path>& files) {
  glob_t found{};
  if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) files.insert(found.gl_pathv[i]);
  globfree(&found);
}

}  // namespace

Value with_absolute_paths(const Value& settings, const std::vector<Field>& fields) {
  Value absolute = settings.is_null() ? Value::map({}, settings.where()) : settings;
  visit_paths(absolute, fields, [](Value& value) {
    value = Value::scalar(absolute_path(value), value.where(), value.quoted());
  });
  return absolute;
}

std::vector<fs::path> input_files(const Value& settings, const std::vector<Field>& fields) {
  std::set<fs::path> files;
  Value visited = settings;
  visit_paths(visited, fields, [&files](Value& value) {
    const std::string path = absolute_path(value);
    std::error_code ignored;
    for (const std::string& candidate : {path, without_dataset(path)}) {
      if (fs::exists(candidate, ignored)) files.insert(candidate);
      else add_matches(candidate, files);
    }
  });
  return {files.begin(), files.end()};
}

}  // namespace pellucid
