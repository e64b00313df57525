// Schema: reading values into settings; what does not fit becomes a problem with its place.
#include <pellucid/schema.h>

#include <algorithm>
#include <cmath>

namespace pellucid {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void complain(Problems& problems, const Value& value, std::string sentence) {
  problems.push_back({value.where(), {}, {}, std::move(sentence)});
}

std::string in_quotes(const std::string& text) { return "'" + text + "'"; }

std::string number_text(double number) { return detail::value_of_real(number).text(); }

std::string bound_text(double bound) {
  if (std::isinf(bound)) return bound > 0 ? "inf" : "-inf";
  return number_text(bound);
}

/// "; did you mean 'x'?", or the known names where none is near.
std::string suggestion(const std::string& name, const std::vector<std::string>& known,
                       const char* nothing_known) {
  const std::string nearest = nearest_name(name, known);
  if (!nearest.empty()) return "; did you mean " + in_quotes(nearest) + "?";
  if (known.empty()) return std::string("; ") + nothing_known;
  return std::string("; known ") + (known.size() == 1 ? "is " : "are ") + listed(known);
}

std::string alternatives_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " | ") + name;
  return text;
}

std::vector<std::string> keys_of(const std::vector<Field>& fields) {
  std::vector<std::string> keys;
  for (const Field& field : fields) keys.push_back(field.key);
  return keys;
}

bool below(const Field& field, double number) {
  return field.least_excluded ? number <= field.least : number < field.least;
}

bool above(const Field& field, double number) {
  return field.most_excluded ? number >= field.most : number > field.most;
}

/// An int has bounds of its own; a message only shows them where they are what was broken.
Field without_type_bounds(Field field, double number) {
  constexpr double kSmallestBound = std::numeric_limits<std::int8_t>::max();
  const auto is_bound_of_type = [](double bound) {
    const double size = std::abs(bound);
    if (size < kSmallestBound) return false;
    int exponent = 0;
    return std::frexp(size, &exponent) == 0.5 || std::frexp(size + 1, &exponent) == 0.5;
  };
  if (is_bound_of_type(field.most) && !above(field, number)) field.most = kInfinity;
  if (is_bound_of_type(field.least) && !below(field, number)) field.least = -kInfinity;
  return field;
}

bool is_in_range(const Value& value, const Field& field, double number, Problems& problems) {
  if (std::isinf(number)) {
    complain(problems, value, in_quotes(field.key) + " must be finite, got " + value.text());
    return false;
  }
  if (!std::isnan(number) && !below(field, number) && !above(field, number)) return true;
  const Field shown =
      field.type == Field::Type::integer ? without_type_bounds(field, number) : field;
  const std::string range = shown.range_text();
  complain(problems, value,
           in_quotes(field.key) + " must be " + (range.empty() ? "a number" : range) + ", got " +
               value.text());
  return false;
}

/// What `read` gives, or `fallback` and a problem where it throws.
template <class T, class Read>
T read_or(const Field& field, T fallback, Problems& problems, Read read) {
  try {
    return read();
  } catch (const ConfigError& error) {
    problems.push_back({error.where(), {}, {}, in_quotes(field.key) + ": " + error.sentence()});
    return fallback;
  }
}

/// `{name: value}` stands for the first setting of the alternative `name`; a map is its settings.
Value settings_of_alternative(const Value& value, const Field& alternative, Problems& problems) {
  if (value.is_null() || value.is_map()) return value;
  if (alternative.fields.empty()) {
    complain(problems, value,
             in_quotes(alternative.key) + " has no settings, found " + value.described());
    return {};
  }
  return Value::map({{alternative.fields.front().key, value, value.where()}}, value.where());
}

}  // namespace

std::string Field::range_text() const {
  if (least == -kInfinity && most == kInfinity) return {};
  if (least_excluded && most == kInfinity) return "> " + bound_text(least);
  if (most_excluded && least == -kInfinity) return "< " + bound_text(most);
  return std::string("in ") + (least_excluded ? "(" : "[") + bound_text(least) + ", " +
         bound_text(most) + (most_excluded ? ")" : "]");
}

std::string Field::type_text() const {
  switch (type) {
    case Type::truth:
      return "true or false";
    case Type::integer:
      return "integer";
    case Type::real:
      return "real";
    case Type::text:
      return "text";
    case Type::path:
      return "path";
    case Type::output_path:
      return "path to write";
    case Type::enumeration:
      return "one of " + alternatives_text(names);
    case Type::list:
      return "list of " + fields.front().type_text();
    case Type::group:
      return "settings";
    case Type::choice:
      return "one of " + alternatives_text(keys_of(fields));
  }
  return {};
}

Constraint at_least(double bound) {
  return {[bound](Field& field) { field.least = bound; }};
}

Constraint at_most(double bound) {
  return {[bound](Field& field) { field.most = bound; }};
}

Constraint within(double least, double most) {
  return {[least, most](Field& field) {
    field.least = least;
    field.most = most;
  }};
}

Constraint between(double least, double most) {
  return {[least, most](Field& field) {
    field.least = least;
    field.most = most;
    field.least_excluded = field.most_excluded = true;
  }};
}

Constraint positive() {
  return {[](Field& field) {
    field.least = 0;
    field.least_excluded = true;
  }};
}

Constraint count(std::int64_t least, std::int64_t most) {
  return {[least, most](Field& field) {
    field.least_count = least;
    field.most_count = most;
  }};
}

Constraint required() {
  return {[](Field& field) { field.required = true; }};
}

namespace detail {

bool read_truth(const Value& value, const Field& field, bool fallback, Problems& problems) {
  return read_or(field, fallback, problems, [&] { return truth_of(value); });
}

std::int64_t read_integer(const Value& value, const Field& field, std::int64_t fallback,
                          Problems& problems) {
  return read_or(field, fallback, problems, [&] {
    const std::int64_t number = integer_of(value, field.unit);
    return is_in_range(value, field, static_cast<double>(number), problems) ? number : fallback;
  });
}

double read_real(const Value& value, const Field& field, double fallback, Problems& problems) {
  return read_or(field, fallback, problems, [&] {
    const double number = number_of(value, field.unit);
    return is_in_range(value, field, number, problems) ? number : fallback;
  });
}

std::string read_text(const Value& value, const Field& field, Problems& problems) {
  return read_or(field, std::string(), problems, [&] { return text_of(value); });
}

std::filesystem::path read_path(const Value& value, const Field& field, Problems& problems) {
  const std::size_t before = problems.size();
  const std::filesystem::path path = read_text(value, field, problems);
  if (problems.size() != before) return {};
  if (path.empty()) {
    complain(problems, value, in_quotes(field.key) + " must be a path, got ''");
    return {};
  }
  if (path.is_absolute()) return path.lexically_normal();
  const auto& folder = value.where().folder;
  const std::filesystem::path start =
      folder ? std::filesystem::path(*folder) : std::filesystem::current_path();
  return (std::filesystem::absolute(start) / path).lexically_normal();
}

int read_name(const Value& value, const Field& field, Problems& problems) {
  for (std::size_t i = 0; i < field.names.size(); ++i)
    if (value.is_scalar() && value.text() == field.names[i]) return static_cast<int>(i);
  std::string sentence = in_quotes(field.key) + " must be one of " +
                         alternatives_text(field.names) + ", got " + value.described();
  if (const std::string nearest = nearest_name(value.text(), field.names); !nearest.empty())
    sentence += "; did you mean " + in_quotes(nearest) + "?";
  complain(problems, value, std::move(sentence));
  return -1;
}

std::vector<Value> read_list(const Value& value, const Field& field, Problems& problems) {
  std::vector<Value> items;
  if (value.is_list()) items = value.items();
  else if (!value.is_null()) items = {value};
  const auto entries = static_cast<std::int64_t>(items.size());
  if (value.is_null()) {
    complain(problems, value, in_quotes(field.key) + ": expected a list, found nothing");
  } else if (entries < field.least_count || entries > field.most_count) {
    std::string wanted = std::to_string(field.least_count);
    if (field.most_count == std::numeric_limits<std::int64_t>::max()) wanted = "at least " + wanted;
    else if (field.most_count != field.least_count)
      wanted += " to " + std::to_string(field.most_count);
    complain(problems, value,
             in_quotes(field.key) + " must have " + wanted +
                 (wanted == "1" || wanted == "at least 1" ? " entry" : " entries") + ", got " +
                 std::to_string(entries));
  }
  return items;
}

std::pair<int, Value> read_choice(const Value& value, const Field& field, Problems& problems) {
  const std::vector<std::string> names = keys_of(field.fields);
  const Value::Entry* chosen =
      value.is_map() && value.entries().size() == 1 ? &value.entries().front() : nullptr;
  if (!chosen && !value.is_scalar()) {
    std::string found = value.described();
    if (value.is_map()) found = "a map of " + std::to_string(value.entries().size()) + " keys";
    complain(
        problems, value,
        in_quotes(field.key) + " must be one of " + alternatives_text(names) + ", got " + found);
    return {-1, {}};
  }

  const std::string& name = chosen ? chosen->key : value.text();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != name) continue;
    const std::size_t before = problems.size();
    Value settings = chosen ? settings_of_alternative(chosen->value, field.fields[i], problems)
                            : Value::map({}, value.where());
    if (settings.is_null()) settings = Value::map({}, value.where());
    return {problems.size() == before ? static_cast<int>(i) : -1, std::move(settings)};
  }
  std::string sentence =
      in_quotes(field.key) + " must be one of " + alternatives_text(names) + ", got '" + name + "'";
  if (const std::string nearest = nearest_name(name, names); !nearest.empty())
    sentence += "; did you mean " + in_quotes(nearest) + "?";
  problems.push_back({chosen ? chosen->where : value.where(), {}, {}, std::move(sentence)});
  return {-1, {}};
}

void check_keys(const Value& map, const std::vector<Field>& fields, Problems& problems) {
  if (!map.is_map() && !map.is_null()) {
    complain(problems, map, "expected a map of settings, found " + map.described());
    return;
  }
  const std::vector<std::string> keys = keys_of(fields);
  for (const Value::Entry& entry : map.entries()) {
    if (std::find(keys.begin(), keys.end(), entry.key) != keys.end()) continue;
    problems.push_back({entry.where,
                        {},
                        {},
                        "unknown key " + in_quotes(entry.key) +
                            suggestion(entry.key, keys, "there are no settings here")});
  }
  for (const Field& field : fields)
    if (field.required && !map.find(field.key))
      complain(problems, map,
               in_quotes(field.key) + " must be given: " + field.summary + " (" +
                   field.type_text() + ")");
}

Value value_of_real(double number) { return number; }

void adopt_defaults(Field& field, const Value& standard) {
  const auto adopt_each = [](std::vector<Field>& fields, const Value& map) {
    for (Field& inner : fields)
      if (const Value* const value = map.find(inner.key)) adopt_defaults(inner, *value);
  };
  if (field.required || field.optional) return;
  field.standard = standard;
  if (field.type == Field::Type::group) adopt_each(field.fields, standard);
  if (field.type != Field::Type::choice) return;
  for (Field& alternative : field.fields)
    if (const Value* const chosen = standard.find(alternative.key))
      adopt_each(alternative.fields, *chosen);
}

}  // namespace detail
}  // namespace pellucid
