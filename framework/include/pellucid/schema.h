// Schema: binds the members of a plain settings struct to the keys of a pipeline file.
//
//   static const Schema<Settings>& schema() {
//     static const Schema<Settings> rows{
//         {"sigma", &Settings::sigma, "px", "standard deviation, 0: none", at_least(0.0)},
//         {"penalty", &Settings::penalty, "", "what is kept small"},
//     };
//     return rows;
//   }
//
// From these rows come parsing with places and units, range checks, `pellucid describe`, the JSON
// Schema and the reference page.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <pellucid/error.h>
#include <pellucid/value.h>

namespace pellucid {

/// A file or folder that is written; relative ones start from the folder of the run. (A plain
/// `std::filesystem::path` is read; relative ones start from the file that names them.)
struct OutputPath {
  std::filesystem::path path;
};

/// A parameter as plain data: what `describe`, the JSON Schema and the reference are made from.
struct PELLUCID_EXPORT Field {
  enum class Type {
    truth,
    integer,
    real,
    text,
    path,
    output_path,
    enumeration,
    list,
    group,
    choice
  };
  std::string key;
  Type type = Type::text;
  std::string unit;
  std::string summary;
  bool required = false;  ///< no default: the pipeline must give it
  bool optional = false;  ///< may be left out, and then means "none"
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool least_excluded = false;
  bool most_excluded = false;
  std::int64_t least_count = 0;  ///< of a list
  std::int64_t most_count = std::numeric_limits<std::int64_t>::max();
  Value standard;                  ///< the default; null where required or optional
  std::vector<std::string> names;  ///< of an enumeration
  std::vector<Field> fields;       ///< of a group; of a list: one, its element; of a choice: one
                                   ///< group for each alternative, its key the alternative's name
  /// "in [0, inf]", "> 0", "in (0, 1]", or empty.
  std::string range_text() const;
  /// "real", "integer", "list of real", "one of a | b", ...
  std::string type_text() const;
};

/// What a row may add to a field.
struct Constraint {
  std::function<void(Field&)> apply;
};
PELLUCID_EXPORT Constraint at_least(double bound);
PELLUCID_EXPORT Constraint at_most(double bound);
PELLUCID_EXPORT Constraint within(double least, double most);
/// (least, most): both ends excluded.
PELLUCID_EXPORT Constraint between(double least, double most);
PELLUCID_EXPORT Constraint positive();
/// How many entries a list may have.
PELLUCID_EXPORT Constraint count(std::int64_t least, std::int64_t most);
/// The pipeline must give it.
PELLUCID_EXPORT Constraint required();

using Problems = std::vector<Problem>;

/// How one C++ type is read from a Value, printed as one, and described. Specialised below for all
/// types that settings may have; an enumeration needs `enumerators(E)`, found by its namespace:
///
///   enum class Window { hann, flat };
///   inline std::vector<std::pair<std::string, Window>> enumerators(Window) {
///     return {{"hann", Window::hann}, {"flat", Window::flat}};
///   }
template <class T>
struct Codec;

namespace detail {

// Each reader adds a Problem and returns its fallback where a value does not fit.
PELLUCID_EXPORT bool read_truth(const Value& value, const Field& field, bool fallback, Problems&);
PELLUCID_EXPORT std::int64_t read_integer(const Value& value, const Field& field,
                                          std::int64_t fallback, Problems&);
PELLUCID_EXPORT double read_real(const Value& value, const Field& field, double fallback,
                                 Problems&);
PELLUCID_EXPORT std::string read_text(const Value& value, const Field& field, Problems&);
/// A path made absolute: relative ones start from the folder of the file that `value` stands in.
PELLUCID_EXPORT std::filesystem::path read_path(const Value& value, const Field& field, Problems&);
/// Index among `field.names`, or -1.
PELLUCID_EXPORT int read_name(const Value& value, const Field& field, Problems&);
/// The entries of a list (a scalar is a list of one); checks the count.
PELLUCID_EXPORT std::vector<Value> read_list(const Value& value, const Field& field, Problems&);
/// The chosen alternative and its settings as a map, or index -1: `{name: {settings}}`,
/// `{name: value}` for its first setting, or `name`.
PELLUCID_EXPORT std::pair<int, Value> read_choice(const Value& value, const Field& field,
                                                  Problems&);
/// Complains of every key of a map that no field has, and of required ones that are missing.
PELLUCID_EXPORT void check_keys(const Value& map, const std::vector<Field>& fields, Problems&);
PELLUCID_EXPORT Value value_of_real(double number);
/// The defaults of a group are those of the struct that holds it, `standard` as it prints.
PELLUCID_EXPORT void adopt_defaults(Field& field, const Value& standard);

}  // namespace detail

/// The rows of one settings struct.
template <class Settings>
class Schema {
 public:
  class Row {
   public:
    template <class Member, class... Constraints>
    Row(const char* key, Member Settings::*member, const char* unit, const char* summary,
        Constraints... constraints) {
      field_.key = key;
      field_.unit = unit;
      field_.summary = summary;
      Codec<Member>::describe(field_);
      (constraints.apply(field_), ...);
      const Settings standard{};
      if (!field_.required && !field_.optional)
        detail::adopt_defaults(field_, Codec<Member>::print(standard.*member));
      read_ = [member, field = field_](Settings& settings, const Value& value, Problems& problems) {
        settings.*member = Codec<Member>::read(value, field, settings.*member, problems);
      };
      print_ = [member](const Settings& settings) {
        return Codec<Member>::print(settings.*member);
      };
    }

   private:
    friend class Schema;
    Field field_;
    std::function<void(Settings&, const Value&, Problems&)> read_;
    std::function<Value(const Settings&)> print_;
  };

  Schema(std::initializer_list<Row> rows = {}) : rows_(rows) {
    for (const Row& row : rows_) fields_.push_back(row.field_);
  }

  const std::vector<Field>& fields() const { return fields_; }

  /// Reads a map (or null); what it does not say stays as in `settings`. Everything that does not
  /// fit becomes a problem; the settings returned are of use only if none was added.
  Settings parse(const Value& values, Problems& problems, Settings settings = {}) const {
    detail::check_keys(values, fields_, problems);
    for (const Row& row : rows_)
      if (const Value* value = values.find(row.field_.key)) row.read_(settings, *value, problems);
    return settings;
  }

  Value print(const Settings& settings) const {
    Value map = Value::map({});
    for (const Row& row : rows_) map.set(row.field_.key, row.print_(settings));
    return map;
  }

 private:
  std::vector<Row> rows_;
  std::vector<Field> fields_;
};

template <>
struct Codec<bool> {
  static void describe(Field& field) { field.type = Field::Type::truth; }
  static bool read(const Value& v, const Field& f, bool fallback, Problems& p) {
    return detail::read_truth(v, f, fallback, p);
  }
  static Value print(bool v) { return v; }
};

template <std::integral T>
struct Codec<T> {
  static void describe(Field& field) { field.type = Field::Type::integer; }
  static T read(const Value& v, const Field& f, T fallback, Problems& p) {
    Field bounded = f;
    bounded.least = std::max(f.least, static_cast<double>(std::numeric_limits<T>::min()));
    bounded.most = std::min(f.most, static_cast<double>(std::numeric_limits<T>::max()));
    return static_cast<T>(detail::read_integer(v, bounded, fallback, p));
  }
  static Value print(T v) { return static_cast<std::int64_t>(v); }
};

template <std::floating_point T>
struct Codec<T> {
  static void describe(Field& field) { field.type = Field::Type::real; }
  static T read(const Value& v, const Field& f, T fallback, Problems& p) {
    return static_cast<T>(detail::read_real(v, f, fallback, p));
  }
  static Value print(T v) { return detail::value_of_real(v); }
};

template <>
struct Codec<std::string> {
  static void describe(Field& field) { field.type = Field::Type::text; }
  static std::string read(const Value& v, const Field& f, const std::string&, Problems& p) {
    return detail::read_text(v, f, p);
  }
  static Value print(const std::string& v) { return v; }
};

template <>
struct Codec<std::filesystem::path> {
  static void describe(Field& field) { field.type = Field::Type::path; }
  static std::filesystem::path read(const Value& v, const Field& f, const std::filesystem::path&,
                                    Problems& p) {
    return detail::read_path(v, f, p);
  }
  static Value print(const std::filesystem::path& v) { return v.string(); }
};

template <>
struct Codec<OutputPath> {
  static void describe(Field& field) { field.type = Field::Type::output_path; }
  static OutputPath read(const Value& v, const Field& f, const OutputPath&, Problems& p) {
    return {detail::read_text(v, f, p)};
  }
  static Value print(const OutputPath& v) { return v.path.string(); }
};

template <class T>
requires std::is_enum_v<T>
struct Codec<T> {
  static void describe(Field& field) {
    field.type = Field::Type::enumeration;
    for (const auto& [name, value] : enumerators(T{})) field.names.push_back(name);
  }
  static T read(const Value& v, const Field& f, T fallback, Problems& p) {
    const int index = detail::read_name(v, f, p);
    return index < 0 ? fallback : enumerators(T{})[static_cast<std::size_t>(index)].second;
  }
  static Value print(T v) {
    for (const auto& [name, value] : enumerators(T{}))
      if (value == v) return name;
    return {};
  }
};

template <class T>
struct Codec<std::optional<T>> {
  static void describe(Field& field) {
    Codec<T>::describe(field);
    field.optional = true;
  }
  static std::optional<T> read(const Value& v, const Field& f, const std::optional<T>& fallback,
                               Problems& p) {
    if (v.is_null()) return std::nullopt;
    return Codec<T>::read(v, f, fallback.value_or(T{}), p);
  }
  static Value print(const std::optional<T>& v) { return v ? Codec<T>::print(*v) : Value{}; }
};

template <class T>
struct Codec<std::vector<T>> {
  static void describe(Field& field) {
    Field element;
    element.unit = field.unit;
    Codec<T>::describe(element);
    field.type = Field::Type::list;
    field.fields = {element};
  }
  static std::vector<T> read(const Value& v, const Field& f, const std::vector<T>&, Problems& p) {
    Field element = f.fields.front();
    element.key = f.key;
    element.least = f.least;
    element.most = f.most;
    element.least_excluded = f.least_excluded;
    element.most_excluded = f.most_excluded;
    std::vector<T> items;
    for (const Value& item : detail::read_list(v, f, p))
      items.push_back(Codec<T>::read(item, element, T{}, p));
    return items;
  }
  static Value print(const std::vector<T>& v) {
    std::vector<Value> items;
    for (const T& item : v) items.push_back(Codec<T>::print(item));
    return Value::list(std::move(items));
  }
};

/// A nested struct with its own schema(). Its defaults are those it has in the struct around it:
/// with `Grid grid{.height = 3}` a pipeline's `grid: {}` means height 3.
template <class T>
requires requires { T::schema().fields(); }
struct Codec<T> {
  static void describe(Field& field) {
    field.type = Field::Type::group;
    field.fields = T::schema().fields();
  }
  static T read(const Value& v, const Field&, const T& fallback, Problems& p) {
    return T::schema().parse(v, p, fallback);
  }
  static Value print(const T& v) { return T::schema().print(v); }
};

namespace detail {

template <class A>
const Schema<A>& schema_of() {
  if constexpr (requires { A::schema().fields(); }) {
    return A::schema();
  } else {
    static const Schema<A> none;
    return none;
  }
}

}  // namespace detail

/// A choice: each alternative is a struct with `name` and, unless it has no settings, its own
/// schema(). The defaults of the alternative that is the default are those that it has there.
template <class... T>
struct Codec<std::variant<T...>> {
  using Choice = std::variant<T...>;
  static void describe(Field& field) {
    field.type = Field::Type::choice;
    (add<T>(field), ...);
  }
  static Choice read(const Value& v, const Field& f, const Choice& fallback, Problems& p) {
    const auto [index, settings] = detail::read_choice(v, f, p);
    Choice chosen = fallback;
    int i = 0;
    ((i++ == index ? void(chosen = read_alternative<T>(settings, fallback, p)) : void()), ...);
    return chosen;
  }
  static Value print(const Choice& choice) {
    return std::visit(
        []<class A>(const A& alternative) {
          return Value::map({{A::name, detail::schema_of<A>().print(alternative)}});
        },
        choice);
  }

 private:
  template <class A>
  static A read_alternative(const Value& settings, const Choice& fallback, Problems& p) {
    const A* const standard = std::get_if<A>(&fallback);
    return detail::schema_of<A>().parse(settings, p, standard ? *standard : A{});
  }
  template <class A>
  static void add(Field& field) {
    Field alternative;
    alternative.key = A::name;
    alternative.type = Field::Type::group;
    if constexpr (requires { A::summary; }) alternative.summary = A::summary;
    alternative.fields = detail::schema_of<A>().fields();
    field.fields.push_back(std::move(alternative));
  }
};

}  // namespace pellucid
