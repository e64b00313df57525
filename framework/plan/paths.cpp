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

/// Walks through settings as their fields describe them.
class PathVisitor {
 public:
  PathVisitor(Field::Type kind, const std::function<void(Value&)>& visit)
      : kind_(kind), visit_(visit) {}

  void settings(Value& map, const std::vector<Field>& fields) const {
    for (const Field& field : fields)
      if (Value* found = map.find(field.key)) value(*found, field);
  }

 private:
  void value(Value& value, const Field& field) const {
    if (field.type == kind_) {
      if (value.is_scalar() && !value.text().empty()) visit_(value);
    } else if (field.type == Field::Type::list) {
      if (!value.is_list()) return this->value(value, field.fields.front());
      for (Value& item : value.items()) this->value(item, field.fields.front());
    } else if (field.type == Field::Type::group) {
      settings(value, field.fields);
    } else if (field.type == Field::Type::choice) {
      alternative(value, field);
    }
  }

  /// `{name: {settings}}`, or `{name: value}` for the first setting.
  void alternative(Value& map, const Field& field) const {
    if (!map.is_map() || map.entries().size() != 1) return;
    Value::Entry& chosen = map.entries().front();
    for (const Field& alternative : field.fields) {
      if (alternative.key != chosen.key) continue;
      if (chosen.value.is_map()) settings(chosen.value, alternative.fields);
      else if (!alternative.fields.empty()) value(chosen.value, alternative.fields.front());
    }
  }

  Field::Type kind_;
  const std::function<void(Value&)>& visit_;
};

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

void visit_paths(Value& settings, const std::vector<Field>& fields, Field::Type kind,
                 const std::function<void(Value&)>& visit) {
  PathVisitor(kind, visit).settings(settings, fields);
}

Value with_absolute_paths(const Value& settings, const std::vector<Field>& fields) {
  Value absolute = settings.is_null() ? Value::map({}, settings.where()) : settings;
  visit_paths(absolute, fields, Field::Type::path, [](Value& value) {
    value = Value::scalar(absolute_path(value), value.where(), value.quoted());
  });
  return absolute;
}

std::vector<fs::path> input_files(const Value& settings, const std::vector<Field>& fields) {
  std::set<fs::path> files;
  Value visited = settings;
  visit_paths(visited, fields, Field::Type::path, [&files](Value& value) {
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
