// Override: finds what a path means, and sets it.
#include "pipeline/override.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

namespace pellucid {
namespace {

using Path = std::span<const std::string>;

std::vector<std::string> segments_of(const std::string& path) {
  std::vector<std::string> segments{""};
  for (const char c : path) {
    if (c == '.') {
      segments.emplace_back();
    } else {
      segments.back() += c;
    }
  }
  return segments;
}

std::string joined(Path segments) {
  std::string text;
  for (const std::string& segment : segments) text += (text.empty() ? "" : ".") + segment;
  return text;
}

constexpr std::size_t kLongestPath = 100;

/// Reports a path that can mean nothing. Returns whether it may.
bool check_path(const Override& override, Path segments, Findings& findings) {
  const bool has_gap = std::find(segments.begin(), segments.end(), "") != segments.end();
  if (!has_gap && segments.size() <= kLongestPath) return true;
  findings.report(override.where, "expected a path such as restore.iterations, found '" +
                                      override.path.substr(0, kLongestPath) + "'");
  return false;
}

/// Sets what stands under `path` inside `target`, making maps where there is nothing yet.
class Setting {
 public:
  /// `variables`: gives what stands behind a substitution on the way; null: none may be there.
  Setting(const Override& override, Variables* variables, Findings& findings)
      : override_(override), variables_(variables), findings_(findings) {}

  void set(Value& target, Path path) {
    if (path.empty()) {
      target = override_.value;
      return;
    }
    if (variables_ && is_whole_substitution(target)) target = variables_->substitute(target);
    const std::string& key = path.front();
    // A choice written by its name alone: {kernel: gaussian} before kernel.gaussian.std is set.
    if (target.is_scalar() && target.text() == key) target = Value::map({}, target.where());

    if (target.is_list()) {
      set_item(target, path);
    } else if (target.is_scalar()) {
      findings_.report(override_.where, "'" + override_.path +
                                            "' has no place: what stands before '" + key + "' is " +
                                            target.described() + ", not a map");
    } else {
      if (!target.find(key)) {
        Value empty;
        empty.locate(override_.value.where());
        target.set(key, std::move(empty), override_.where);
      }
      set(*target.find(key), path.subspan(1));
    }
  }

 private:
  void set_item(Value& list, Path path) {
    const std::string& key = path.front();
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    if (error != std::errc{} || end != key.data() + key.size() || index >= list.items().size()) {
      findings_.report(override_.where,
                       "'" + override_.path + "' has no place: '" + key +
                           "' stands for an item of a list, which are numbered from 0 and are " +
                           std::to_string(list.items().size()));
      return;
    }
    set(list.items()[index], path.subspan(1));
  }

  const Override& override_;
  Variables* variables_;
  Findings& findings_;
};

/// Nodes have dots in their names where they are included: the longest name that fits is meant.
Value::Entry* node_of(RawPipeline& pipeline, Path segments, std::size_t& length) {
  for (length = segments.size(); length > 0; --length)
    if (Value::Entry* const node = pipeline.find_node(joined(segments.first(length)))) return node;
  return nullptr;
}

bool is_key_of_node(const std::string& name) {
  return name == "use" || name == "timeout" || name == "seed_as" || name == "nonfinite" ||
         name == "on_item_error";
}

/// `rest` as it stands in the node: a parameter stands under `with`.
std::vector<std::string> path_in_node(Path rest) {
  std::vector<std::string> path(rest.begin(), rest.end());
  const bool own = (rest.size() == 1 && is_key_of_node(rest.front())) ||
                   (rest.size() == 2 && rest.front() == "in") ||
                   (rest.size() >= 2 && rest.front() == "with");
  if (!own) path.insert(path.begin(), "with");
  return path;
}

void override_node(const Override& override, RawPipeline& pipeline, Variables& variables,
                   Findings& findings) {
  const std::vector<std::string> segments = segments_of(override.path);
  if (!check_path(override, segments, findings)) return;
  std::size_t length = 0;
  Value::Entry* const node = node_of(pipeline, segments, length);
  if (!node) {
    std::vector<std::string> names = pipeline.node_names();
    const std::string name =
        segments.size() > 1 ? joined(Path(segments).first(segments.size() - 1)) : override.path;
    names.insert(names.end(), {"settings", "vars"});
    std::string nearest = nearest_name(name, names);
    if (nearest.empty()) nearest = nearest_name(segments.front(), names);
    findings.report(override.where,
                    "'" + override.path + "' sets nothing: there is no node '" + name + "'" +
                        (nearest.empty() ? "; the nodes are " + listed(pipeline.node_names())
                                         : "; did you mean '" + nearest + "'?"));
    return;
  }
  const Path rest = Path(segments).subspan(length);
  if (rest.empty() || (rest.size() == 1 && (rest.front() == "in" || rest.front() == "with"))) {
    findings.report(override.where, "'" + override.path + "' does not say what to set; say '" +
                                        node->key + ".PARAMETER', '" + node->key +
                                        ".in.PORT' or '" + node->key + ".use'");
    return;
  }
  if (!node->value.is_map()) return;
  Setting(override, &variables, findings).set(node->value, path_in_node(rest));
}

}  // namespace

std::vector<Override> read_overrides(const std::vector<std::string>& arguments, Reading& reading) {
  if (arguments.empty()) return {};
  std::string text;
  for (const std::string& argument : arguments) text += argument + '\n';
  reading.sources.emplace_back("--set", text, "");
  const Source& source = reading.sources.back();
  if (!check_text(source, reading.findings)) return {};

  std::vector<Override> overrides;
  std::size_t begin = 0;
  for (const std::string& argument : arguments) {
    const SourceLocation where = source.place_of_byte(begin);
    const std::size_t end = argument.find('=');
    begin += argument.size() + 1;
    if (end == std::string::npos || end == 0) {
      reading.findings.report(
          where, "expected PATH=VALUE such as restore.iterations=50, found '" + argument + "'");
      continue;
    }
    // The value is read where it stands in the source, so that its places are right.
    const std::size_t value_begin = begin - argument.size() - 1 + end + 1;
    const SourceLocation value_place = source.place_of_byte(value_begin);
    std::string padded(static_cast<std::size_t>(value_place.line - 1), '\n');
    padded.append(static_cast<std::size_t>(value_place.column - 1), ' ');
    padded += argument.substr(end + 1);
    const std::size_t before = reading.findings.count();
    auto value = read_yaml(Source("--set", padded, ""), reading.budget, reading.findings);
    if (reading.findings.count() > before) continue;
    if (!value) {
      value.emplace();
      value->locate(value_place);
    }
    overrides.push_back({argument.substr(0, end), where, std::move(*value)});
  }
  return overrides;
}

bool sets_variable(const Override& override) { return override.path.compare(0, 5, "vars.") == 0; }

bool sets_settings(const Override& override) {
  return override.path.compare(0, 9, "settings.") == 0;
}

void override_variable(const Override& override, RawPipeline& pipeline, Findings& findings) {
  const std::vector<std::string> segments = segments_of(override.path);
  if (!check_path(override, segments, findings)) return;
  const std::string& name = segments[1];
  const auto known = std::find_if(pipeline.vars.begin(), pipeline.vars.end(),
                                  [&](const Value::Entry& entry) { return entry.key == name; });
  if (known == pipeline.vars.end() && !pipeline.referenced.count(name)) {
    std::vector<std::string> names(pipeline.referenced.begin(), pipeline.referenced.end());
    for (const Value::Entry& entry : pipeline.vars) names.push_back(entry.key);
    const std::string nearest = nearest_name(name, names);
    findings.report(override.where,
                    "'" + override.path + "' sets nothing: the pipeline has no variable '" + name +
                        "'" + (nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
    return;
  }
  const bool is_new = known == pipeline.vars.end();
  if (is_new) pipeline.vars.push_back({name, Value(), override.where});
  Value& target = is_new ? pipeline.vars.back().value : known->value;
  Setting(override, nullptr, findings).set(target, Path(segments).subspan(2));
}

void override_value(const Override& override, RawPipeline& pipeline, Variables& variables,
                    Findings& findings) {
  if (!sets_settings(override)) {
    override_node(override, pipeline, variables, findings);
    return;
  }
  const std::vector<std::string> segments = segments_of(override.path);
  if (!check_path(override, segments, findings)) return;
  Setting(override, &variables, findings).set(pipeline.settings, Path(segments).subspan(1));
}

}  // namespace pellucid
