#include "conformance/settings.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pellucid::conformance {
namespace {

constexpr double kFar = 1 << 16;   // larger counts are planned with, but not computed
constexpr double kShortRange = 4;  // ranges of whole numbers that are tried one by one
constexpr std::size_t kMostVariations = 32;

using Put = std::function<Value(Value)>;
using Visit = std::function<void(const Field& field, const std::string& path, const Put& put)>;

Value plain_value(const Field& field);

double middle(const Field& field) {
  const bool below = std::isfinite(field.least), above = std::isfinite(field.most);
  if (below && above) return (field.least + field.most) / 2;
  if (below) return field.least + (field.least_excluded || field.least == 0 ? 1 : 0);
  if (above) return field.most - 1;
  return 1;
}

Value plain_list(const Field& field) {
  Field element = field.fields.front();
  element.least = field.least;
  element.most = field.most;
  element.least_excluded = field.least_excluded;
  element.most_excluded = field.most_excluded;
  return Value::list(
      std::vector<Value>(static_cast<std::size_t>(std::max<std::int64_t>(1, field.least_count)),
                         plain_value(element)));
}

Value plain_value(const Field& field) {
  switch (field.type) {
    case Field::Type::truth:
      return true;
    case Field::Type::integer:
      return static_cast<std::int64_t>(std::floor(middle(field)));
    case Field::Type::real:
      return middle(field);
    case Field::Type::enumeration:
      return field.names.front();
    case Field::Type::list:
      return plain_list(field);
    case Field::Type::group:
      return plain_settings(field.fields);
    case Field::Type::choice:
      return Value::map({{field.fields.front().key, plain_settings(field.fields.front().fields)}});
    case Field::Type::output_path:
      return "written.h5";
    case Field::Type::text:
    case Field::Type::path:
      break;
  }
  return "text";
}

/// Every setting that is no group of others, with what puts a value in its place.
void each_leaf(const std::vector<Field>& fields, const Value& settings, const std::string& prefix,
               const Put& put, const Visit& visit) {
  for (const Field& field : fields) {
    const Put put_here = [&](Value value) {
      Value map = settings.is_map() ? settings : Value::map({});
      map.set(field.key, std::move(value));
      return put(std::move(map));
    };
    const std::string path = prefix + field.key;
    visit(field, path, put_here);
    const Value* const given = settings.find(field.key);
    if (field.type == Field::Type::group)
      each_leaf(field.fields, given ? *given : plain_settings(field.fields), path + ".", put_here,
                visit);
    if (field.type != Field::Type::choice) continue;
    for (const Field& alternative : field.fields) {
      const Put put_alternative = [&](Value value) {
        return put_here(Value::map({{alternative.key, std::move(value)}}));
      };
      const Value* const chosen = given ? given->find(alternative.key) : nullptr;
      const Value inner = chosen && chosen->is_map() ? *chosen : plain_settings(alternative.fields);
      each_leaf(alternative.fields, inner, path + "." + alternative.key + ".", put_alternative,
                visit);
    }
  }
}

void each_leaf(const std::vector<Field>& fields, const Value& settings, const Visit& visit) {
  each_leaf(
      fields, settings, {}, [](Value whole) { return whole; }, visit);
}

Value number(const Field& field, double value) {
  if (field.type == Field::Type::integer) return static_cast<std::int64_t>(value);
  return value;
}

class Probing {
 public:
  Probing(const Field& field, std::string path, Put put, std::vector<Probe>& all)
      : field_(field), path_(std::move(path)), put_(std::move(put)), all_(all) {}

  void admit(const Value& value, bool computed = true) const { add(value, true, computed); }
  void refuse(const Value& value) const { add(value, false, false); }

  /// The ends of a number's range, and what lies beyond; `wrap` makes the setting from a number.
  void ends(const Field& bounds, const std::function<Value(Value)>& wrap) const {
    const bool whole = field_.type == Field::Type::integer || bounds.type == Field::Type::integer;
    const auto made = [&](double value) {
      return wrap(whole ? Value(static_cast<std::int64_t>(value)) : Value(value));
    };
    const auto step = [&](double end) {
      return whole ? 1.0 : std::max(1e-3, std::abs(end) * 1e-3);
    };
    const auto is_small = [](double value) { return std::abs(value) <= kFar; };
    if (std::isfinite(bounds.least)) {
      const double inside = bounds.least + (bounds.least_excluded ? step(bounds.least) : 0);
      admit(made(inside), is_small(inside));
      refuse(made(bounds.least - (bounds.least_excluded ? 0 : step(bounds.least))));
    }
    if (std::isfinite(bounds.most) && std::abs(bounds.most) < 9e15) {
      const double inside = bounds.most - (bounds.most_excluded ? step(bounds.most) : 0);
      admit(made(inside), is_small(inside));
      refuse(made(bounds.most + (bounds.most_excluded ? 0 : step(bounds.most))));
    }
    refuse(wrap("many"));
    refuse(wrap(".nan"));
  }

  void list() const {
    const Field& element = field_.fields.front();
    const auto repeated = [](const Value& value, std::int64_t count) {
      return Value::list(std::vector<Value>(static_cast<std::size_t>(count), value));
    };
    const Value plain = plain_list(field_).items().front();
    const std::int64_t least = std::max<std::int64_t>(1, field_.least_count);
    if (field_.least_count > 0) refuse(repeated(plain, field_.least_count - 1));
    if (field_.most_count < 64) refuse(repeated(plain, field_.most_count + 1));
    if (element.type != Field::Type::integer && element.type != Field::Type::real) return;
    Field bounds = field_;
    bounds.type = element.type;
    ends(bounds, [&](Value value) { return repeated(value, least); });
  }

 private:
  void add(const Value& value, bool admitted, bool computed) const {
    all_.push_back({path_, value.flow(), field_.range_text(), put_(value), admitted, computed});
  }

  const Field& field_;
  std::string path_;
  Put put_;
  std::vector<Probe>& all_;
};

}  // namespace

Value plain_settings(const std::vector<Field>& fields) {
  Value settings = Value::map({});
  for (const Field& field : fields)
    if (field.required) settings.set(field.key, plain_value(field));
  return settings;
}

std::vector<Value> variations(const std::vector<Field>& fields, const Value& settings) {
  std::vector<Value> all;
  each_leaf(fields, settings, [&](const Field& field, const std::string&, const Put& put) {
    if (field.type == Field::Type::truth) {
      all.push_back(put(field.standard.text() != "true"));
    } else if (field.type == Field::Type::enumeration) {
      for (const std::string& name : field.names) all.push_back(put(name));
    } else if (field.type == Field::Type::choice) {
      for (const Field& alternative : field.fields)
        all.push_back(put(Value::map({{alternative.key, plain_settings(alternative.fields)}})));
    } else if (field.type == Field::Type::integer && field.most - field.least <= kShortRange) {
      for (double value = field.least; value <= field.most; ++value)
        all.push_back(put(number(field, value)));
    } else if (field.optional && field.type != Field::Type::path &&
               field.type != Field::Type::text) {
      all.push_back(put(plain_value(field)));
    }
  });
  std::vector<Value> different;
  for (Value& value : all) {
    const auto same = [&value](const Value& known) { return known.flow() == value.flow(); };
    if (value.flow() == settings.flow() || different.size() == kMostVariations) continue;
    if (std::none_of(different.begin(), different.end(), same)) different.push_back(value);
  }
  return different;
}

std::vector<Probe> probes(const std::vector<Field>& fields, const Value& settings) {
  std::vector<Probe> all;
  each_leaf(fields, settings, [&](const Field& field, const std::string& path, const Put& put) {
    const Probing probing(field, path, put, all);
    switch (field.type) {
      case Field::Type::integer:
      case Field::Type::real:
        probing.ends(field, [](Value value) { return value; });
        break;
      case Field::Type::truth:
      case Field::Type::enumeration:
      case Field::Type::choice:
        probing.refuse("no such name");
        break;
      case Field::Type::list:
        probing.list();
        break;
      case Field::Type::group:
        probing.refuse("no map");
        break;
      case Field::Type::text:
      case Field::Type::path:
      case Field::Type::output_path:
        probing.refuse(Value::list({"a", "b"}));
        break;
    }
  });
  Value unknown = settings.is_map() ? settings : Value::map({});
  unknown.set("no_such_setting", 1);
  all.push_back({"no_such_setting", "1", "", unknown, false, false});
  return all;
}

}  // namespace pellucid::conformance
