// Substitution: variable, then environment, then default; a substitution that is the whole scalar
// takes the variable's value as it is.
#include "pipeline/substitution.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/quantity.h"

namespace pellucid {
namespace {

/// Variables that refer to variables, or defaults inside defaults, at most.
constexpr std::size_t kDeepest = 100;
/// Among more variables than these the nearest is not looked for: it would take too long.
constexpr std::size_t kMostVariablesCompared = 1000;

/// A substitution failed; its problem was reported at `where`.
struct Unresolved {
  SourceLocation where;
};

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), is_name_character);
}

/// The brace that closes the one at `open`; npos where there is none.
std::size_t closing_brace(std::string_view text, std::size_t open) {
  std::size_t depth = 0;
  for (std::size_t at = open; at < text.size(); ++at) {
    if (text[at] == '{') ++depth;
    if (text[at] == '}' && --depth == 0) return at;
  }
  return std::string_view::npos;
}

std::optional<std::string> looked_up_in(const Environment* environment, const std::string& name) {
  if (!environment) {
    const char* const text = std::getenv(name.c_str());
    return text ? std::optional<std::string>(text) : std::nullopt;
  }
  for (const auto& [known, text] : *environment)
    if (known == name) return text;
  return std::nullopt;
}

}  // namespace

/// `${name}` or `${name:-fallback}`, from its dollar to behind its brace.
struct Variables::Substitution {
  std::string name;
  std::optional<std::string> fallback;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string fault = {};  ///< empty: it is well formed

  /// The next substitution at or after `from`. `$${` is no substitution.
  static std::optional<Substitution> next(const std::string& text, std::size_t from) {
    std::size_t begin = text.find("${", from);
    while (begin != std::string::npos && begin > from && text[begin - 1] == '$')
      begin = text.find("${", begin + 2);
    if (begin == std::string::npos) return std::nullopt;

    Substitution found{{}, {}, begin, text.size()};
    const std::size_t close = closing_brace(text, begin + 1);
    if (close == std::string::npos) {
      found.fault = "'${' is not closed by '}'";
      return found;
    }
    found.end = close + 1;
    const std::string inside = text.substr(begin + 2, close - begin - 2);
    const std::size_t separator = inside.find(":-");
    found.name = inside.substr(0, separator);
    if (separator != std::string::npos) found.fallback = inside.substr(separator + 2);
    if (!is_name(found.name))
      found.fault =
          "expected a name as in \"${name}\" or \"${name:-default}\", found '${" + inside + "}'";
    return found;
  }
};

Variables::Variables(const std::vector<Value::Entry>& definitions, const Environment* environment,
                     Budget& budget, Findings& findings)
    : environment_(environment), budget_(budget), findings_(findings) {
  for (const Value::Entry& entry : definitions)
    variables_.insert_or_assign(entry.key, Variable{entry.value});
}

Value Variables::substitute(const Value& value) {
  if (value.is_scalar()) {
    try {
      return filled(value);
    } catch (const Unresolved& unresolved) {
      Value untouched = value;
      untouched.locate(unresolved.where);
      return untouched;
    }
  }
  budget_.charge(sizeof(Value), value.where());
  if (value.is_list()) {
    std::vector<Value> items;
    items.reserve(value.items().size());
    for (const Value& item : value.items()) items.push_back(substitute(item));
    return Value::list(std::move(items), value.where());
  }
  if (value.is_map()) {
    std::vector<Value::Entry> entries;
    entries.reserve(value.entries().size());
    for (const Value::Entry& entry : value.entries()) {
      keys_.push_back(entry.key);
      entries.push_back({entry.key, substitute(entry.value), entry.where});
      keys_.pop_back();
    }
    return Value::map(std::move(entries), value.where());
  }
  return value;
}

void Variables::evaluate_all() {
  for (const auto& [name, variable] : variables_) {
    try {
      evaluated(name);
    } catch (const Unresolved&) {
      // It has been reported where it failed.
    }
  }
}

Value Variables::filled(const Value& scalar) {
  const std::string& text = scalar.text();
  budget_.charge(sizeof(Value) + text.size(), scalar.where());
  if (text.find("${") == std::string::npos) return scalar;

  std::string filled_text;
  std::string number_text;
  SourceLocation where = scalar.where();
  std::size_t at = 0;
  const auto copy_until = [&](std::size_t end) {
    for (; at < end; ++at) {
      if (text.compare(at, 3, "$${") == 0) ++at;
      filled_text += text[at];
      number_text += text[at];
    }
  };
  while (const auto substitution = Substitution::next(text, at)) {
    copy_until(substitution->begin);
    if (!substitution->fault.empty()) fail(scalar.where(), substitution->fault);
    Value value = looked_up(*substitution, scalar);
    // A relative path starts from where its beginning was written.
    if (substitution->begin == 0) where.folder = value.where().folder;
    if (substitution->begin == 0 && substitution->end == text.size()) {
      SourceLocation whole = scalar.where();
      whole.folder = value.where().folder;
      value.locate(std::move(whole));
      return value;
    }
    if (!value.is_scalar())
      fail(scalar.where(), "'" + substitution->name + "' is " + value.described() +
                               " and cannot stand inside a longer text");
    budget_.charge(value.text().size(), scalar.where());
    filled_text += value.text();
    const std::string& part = value.number_text();
    number_text += is_compound_quantity(part) ? "(" + part + ")" : part;
    at = substitution->end;
  }
  copy_until(text.size());

  Value result = Value::scalar(filled_text, where, scalar.quoted());
  if (number_text != filled_text && is_quantity(number_text)) result.set_number_text(number_text);
  return result;
}

Value Variables::looked_up(const Substitution& substitution, const Value& scalar) {
  if (variables_.count(substitution.name)) {
    const Value& value = evaluated(substitution.name);
    if (!(value.is_null() && substitution.fallback)) {
      budget_.charge(value, scalar.where());
      return value;
    }
  }
  const auto text = looked_up_in(environment_, substitution.name);
  if (text && !(text->empty() && substitution.fallback)) {
    SourceLocation where = scalar.where();
    where.folder = nullptr;
    budget_.charge(text->size(), where);
    return Value::scalar(*text, where);
  }
  if (substitution.fallback) {
    if (++depth_of_defaults_ > static_cast<int>(kDeepest))
      fail(scalar.where(),
           "defaults stand in each other more than " + std::to_string(kDeepest) + " deep");
    Value value = filled(Value::scalar(*substitution.fallback, scalar.where()));
    --depth_of_defaults_;
    return value;
  }
  std::vector<std::string> known;
  if (variables_.size() <= kMostVariablesCompared)
    for (const auto& [name, variable] : variables_) known.push_back(name);
  const std::string nearest = nearest_name(substitution.name, known);
  fail(scalar.where(),
       "the variable '" + substitution.name +
           "' is not defined, neither under 'vars' nor in the environment; " +
           (nearest.empty() ? "\"${" + substitution.name + ":-VALUE}\" would give it a default"
                            : "did you mean '" + nearest + "'?"));
}

const Value& Variables::evaluated(const std::string& name) {
  Variable& variable = variables_.at(name);
  if (variable.state == State::evaluated) return variable.value;
  if (variable.state == State::failed) throw Unresolved{variable.problem};
  if (variable.state == State::in_evaluation) fail_circular(name);
  if (in_evaluation_.size() >= kDeepest)
    fail(variable.definition.where(),
         "variables refer to each other more than " + std::to_string(kDeepest) + " deep");

  variable.state = State::in_evaluation;
  in_evaluation_.push_back(name);
  try {
    variable.value = variable.definition.is_scalar() ? filled(variable.definition)
                                                     : substitute(variable.definition);
    variable.state = State::evaluated;
  } catch (const Unresolved& unresolved) {
    variable.state = State::failed;
    variable.problem = unresolved.where;
  }
  in_evaluation_.pop_back();
  if (variable.state == State::failed) throw Unresolved{variable.problem};
  return variable.value;
}

void Variables::fail(const SourceLocation& where, const std::string& sentence) {
  depth_of_defaults_ = 0;
  // Inside a variable the keys are those of its user, who is not at fault.
  std::string parameter;
  if (in_evaluation_.empty()) {
    for (const std::string& key : keys_)
      if (key != "with" || parameter.size() > 0) parameter += (parameter.empty() ? "" : ".") + key;
  }
  findings_.unreadable(where, parameter.empty() ? sentence : "'" + parameter + "': " + sentence);
  throw Unresolved{where};
}

void Variables::fail_circular(const std::string& name) {
  const SourceLocation where = variables_.at(name).definition.where();
  auto member = std::find(in_evaluation_.begin(), in_evaluation_.end(), name);
  if (std::next(member) == in_evaluation_.end())
    fail(where, "the variable '" + name + "' refers to itself");
  std::string circle;
  for (; member != in_evaluation_.end(); ++member) circle += "'" + *member + "' -> ";
  fail(where, "variables refer to each other in a circle: " + circle + "'" + name + "'");
}

bool is_whole_substitution(const Value& value) {
  const std::string& text = value.text();
  return value.is_scalar() && text.compare(0, 2, "${") == 0 &&
         closing_brace(text, 1) == text.size() - 1;
}

void collect_references(const Value& value, std::set<std::string>& names) {
  if (value.is_scalar()) {
    // Every `${name` counts, those in defaults too.
    const std::string& text = value.text();
    for (std::size_t at = text.find("${"); at != std::string::npos; at = text.find("${", at + 2)) {
      std::size_t end = at + 2;
      while (end < text.size() && is_name_character(text[end])) ++end;
      names.insert(text.substr(at + 2, end - at - 2));
    }
  }
  for (const Value& item : value.items()) collect_references(item, names);
  for (const Value::Entry& entry : value.entries()) collect_references(entry.value, names);
}

std::string protected_from_substitution(const std::string& text) {
  std::string result = text;
  for (std::size_t at = result.find("${"); at != std::string::npos; at = result.find("${", at + 3))
    result.insert(at, "$");
  return result;
}

std::string fault_of_name(const std::string& name) {
  if (name.find('.') != std::string::npos)
    return "a name has no dots, found '" + name +
           "'; dots stand between a node and its ports and parameters";
  if (!is_name(name))
    return "a name has letters, digits, '_' and '-' and does not begin with '-', found '" + name +
           "'";
  if (name.size() > 100)
    return "a name has at most 100 characters, found " + std::to_string(name.size());
  return {};
}

}  // namespace pellucid
