// Sweep: an axis is `{path: [values]}` or a list of `{label: ..., set: {path: value}}`.
#include "pipeline/sweep.h"

#include <algorithm>
#include <set>
#include <utility>

namespace pellucid {
namespace {

/// Larger sweeps are mistakes: every point is a whole pipeline.
constexpr std::size_t kMostPoints = 4096;
constexpr std::size_t kLongestLabel = 60;

bool is_fit_for_folders(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '+' || c == '.';
}

/// "{gaussian: {std: 3}}" -> "gaussian_std_3".
std::string folder_name(const std::string& label) {
  std::string name;
  for (const char c : label) {
    if (is_fit_for_folders(c)) {
      name += c;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  name = name.substr(0, kLongestLabel);
  if (name.empty()) return "value";
  return name.front() == '.' ? "_" + name : name;
}

/// "restore.lambda" -> "lambda".
std::string last_segment(const std::string& path) { return path.substr(path.rfind('.') + 1); }

class SweepReading {
 public:
  SweepReading(Variables& variables, Findings& findings)
      : variables_(variables), findings_(findings) {}

  std::vector<SweepAxis> read(const Value& sweep) {
    const Value list = whole(sweep);
    if (!list.is_list()) {
      findings_.unreadable(sweep.where(),
                           "'sweep': expected a list of axes such as [{restore.lambda: [0.1, 1]}], "
                           "found " +
                               list.described());
      return {};
    }
    std::vector<SweepAxis> axes;
    for (const Value& item : list.items()) {
      SweepAxis axis = read_axis(whole(item), axes.size() + 1);
      if (!axis.choices.empty()) axes.push_back(std::move(axis));
    }
    check_paths_apart(axes);
    return is_small_enough(axes, sweep.where()) ? name_apart(std::move(axes))
                                                : std::vector<SweepAxis>{};
  }

 private:
  Value whole(const Value& value) {
    return is_whole_substitution(value) ? variables_.substitute(value) : value;
  }

  SweepAxis read_axis(const Value& axis, std::size_t number) {
    if (axis.is_map() && axis.entries().size() == 1) return values_axis(axis.entries().front());
    if (axis.is_list() && !axis.items().empty()) return sets_axis(axis, number);
    std::string sentence =
        "'sweep': an axis is a map {PATH: [values]} or a list of {label: NAME, set: {PATH: "
        "value}}, "
        "found " +
        axis.described();
    if (axis.is_list()) sentence += " without items";
    if (axis.is_map())
      sentence += " of " + std::to_string(axis.entries().size()) +
                  " keys; what changes together stands in a list of sets, and what is combined in "
                  "axes of its own";
    findings_.unreadable(axis.where(), sentence);
    return {};
  }

  SweepAxis values_axis(const Value::Entry& entry) {
    const Value values = whole(entry.value);
    if (!values.is_list() || values.items().empty()) {
      findings_.unreadable(entry.value.where(), "'sweep': expected a list of values for '" +
                                                    entry.key + "', found " + values.described() +
                                                    (values.is_list() ? " without items" : ""));
      return {};
    }
    if (!accept_path(entry.key, entry.where)) return {};
    SweepAxis axis{entry.key, true, {}};
    for (const Value& value : values.items()) {
      const std::string label = value.is_scalar() ? value.text() : value.flow();
      axis.choices.push_back({label, folder_name(label), {{entry.key, entry.where, value}}});
    }
    return with_folders_apart(std::move(axis));
  }

  SweepAxis sets_axis(const Value& list, std::size_t number) {
    SweepAxis axis{"axis " + std::to_string(number), false, {}};
    std::set<std::string> labels;
    std::set<std::string> paths;
    std::size_t sets_of_one = 0;
    for (const Value& item : list.items()) {
      auto choice = read_set(whole(item));
      if (!choice) continue;
      if (!labels.insert(choice->label).second)
        findings_.report(item.where(),
                         "'sweep': the label '" + choice->label + "' stands in this axis already");
      for (const Override& override : choice->overrides) paths.insert(override.path);
      if (choice->overrides.size() == 1) ++sets_of_one;
      axis.choices.push_back(std::move(*choice));
    }
    if (paths.size() == 1 && sets_of_one == axis.choices.size()) {
      axis.name = *paths.begin();
      axis.is_named = true;
    }
    return with_folders_apart(std::move(axis));
  }

  /// A path that two axes set would be decided by the later one alone.
  void check_paths_apart(const std::vector<SweepAxis>& axes) {
    std::set<std::string> earlier;
    for (const SweepAxis& axis : axes) {
      std::set<std::string> paths;
      for (const SweepChoice& choice : axis.choices) {
        for (const Override& override : choice.overrides) {
          if (earlier.count(override.path))
            findings_.report(override.where,
                             "'sweep': '" + override.path + "' is set by another axis already");
          paths.insert(override.path);
        }
      }
      earlier.merge(paths);
    }
  }

  std::optional<SweepChoice> read_set(const Value& item) {
    const Value* const label = item.find("label");
    const Value* const set = item.find("set");
    if (!item.is_map() || !label || !set) {
      findings_.unreadable(
          item.where(),
          "'sweep': expected {label: NAME, set: {PATH: value}}, found " +
              (item.is_map() ? "a map without '" + std::string(label ? "set" : "label") + "'"
                             : item.described()));
      return std::nullopt;
    }
    for (const Value::Entry& entry : item.entries())
      if (entry.key != "label" && entry.key != "set")
        findings_.report(entry.where, "'sweep': unknown key '" + entry.key + "'" +
                                          suggestion(entry.key, {"label", "set"}, "a set"));
    if (!label->is_scalar() || label->text().empty()) {
      findings_.unreadable(label->where(),
                           "'sweep': 'label': expected text, found " + label->described());
      return std::nullopt;
    }
    if (!set->is_map()) {
      findings_.unreadable(set->where(),
                           "'sweep': 'set': expected a map of paths and values such as "
                           "{restore.lambda: 0.5}, found " +
                               set->described());
      return std::nullopt;
    }
    SweepChoice choice{label->text(), folder_name(label->text()), {}};
    for (const Value::Entry& entry : set->entries())
      if (accept_path(entry.key, entry.where))
        choice.overrides.push_back({entry.key, entry.where, entry.value});
    return choice;
  }

  bool accept_path(const std::string& path, const SourceLocation& where) {
    if (path != "settings" && path.compare(0, 9, "settings.") != 0) return true;
    findings_.report(
        where,
        "'sweep': settings hold for the whole run, and cannot be swept; found '" + path + "'");
    return false;
  }

  bool is_small_enough(const std::vector<SweepAxis>& axes, const SourceLocation& where) {
    std::size_t points = 1;
    for (const SweepAxis& axis : axes) {
      points *= axis.choices.size();
      if (points <= kMostPoints) continue;
      findings_.unreadable(where, "'sweep': the axes have more than " +
                                      std::to_string(kMostPoints) + " points together");
      return false;
    }
    return true;
  }

  /// Axes are called by the last part of their path, or by all of it where two end alike.
  static std::vector<SweepAxis> name_apart(std::vector<SweepAxis> axes) {
    std::multiset<std::string> short_names;
    for (const SweepAxis& axis : axes) short_names.insert(last_segment(axis.name));
    for (SweepAxis& axis : axes)
      if (short_names.count(last_segment(axis.name)) == 1) axis.name = last_segment(axis.name);
    return axes;
  }

  static SweepAxis with_folders_apart(SweepAxis axis) {
    std::set<std::string> taken;
    for (SweepChoice& choice : axis.choices) {
      const std::string first = choice.folder;
      for (int number = 2; !taken.insert(choice.folder).second; ++number)
        choice.folder = first + "+" + std::to_string(number);
    }
    return axis;
  }

  Variables& variables_;
  Findings& findings_;
};

}  // namespace

std::vector<SweepAxis> read_sweep(const Value& sweep, Variables& variables, Findings& findings) {
  return SweepReading(variables, findings).read(sweep);
}

std::vector<SweepPoint> points_of(const std::vector<SweepAxis>& axes) {
  std::vector<SweepPoint> points(1);
  for (const SweepAxis& axis : axes) {
    std::vector<SweepPoint> longer;
    longer.reserve(points.size() * axis.choices.size());
    for (const SweepPoint& point : points) {
      for (const SweepChoice& choice : axis.choices) {
        SweepPoint next = point;
        if (!next.label.empty()) next.label += ',';
        next.label += (axis.is_named ? axis.name + "=" : "") + choice.folder;
        next.labels.emplace_back(axis.name, choice.label);
        next.overrides.insert(next.overrides.end(), choice.overrides.begin(),
                              choice.overrides.end());
        longer.push_back(std::move(next));
      }
    }
    points = std::move(longer);
  }
  return points;
}

}  // namespace pellucid
