// Quantities: numbers as people write them in pipelines, "7.65/255", "2*3 px", "4 GiB".
//
//   group    = sum [unit]                 sum     = product {("+" | "-") product}
//   product  = signed {("*" | "/") signed}
//   signed   = ("+" | "-") signed | power     power = atom ["^" signed]
//   atom     = number | "pi" | "(" group ")"
#include "base/quantity.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>
#include <string_view>
#include <vector>

#include <pellucid/value.h>

#include "base/unit.h"

namespace pellucid {
namespace {

bool is_unitless(std::string_view unit) { return unit.empty() || unit == "1"; }

/// What is wrong with a text as a number; `sentence` is empty where it is no number at all.
struct Misread {
  std::string sentence;
};

std::string with_article(std::string_view kind) {
  return (kind == "angle" ? "an " : "a ") + std::string(kind);
}

std::string wanted(std::string_view unit, std::string_view number) {
  if (is_unitless(unit)) return std::string(number);
  const Unit* const known = known_unit(unit);
  if (!known) return std::string(number) + " [" + std::string(unit) + "]";
  if (known->kind == "number of pixels") return std::string(number) + " of pixels";
  return with_article(known->kind) + " such as '" +
         (known->kind == "size" ? "4 GiB" : "3 " + std::string(unit)) + "'";
}

/// Whether a text must be a number in one unit, or may be one in any.
enum class Units { of_target, any };

template <class Real>
class Reading {
 public:
  Reading(std::string_view text, std::string_view target, Units units)
      : text_(text), target_(target), units_(units) {}

  Real number() {
    const Quantity quantity = group();
    if (at_ < text_.size()) throw Misread{};
    if (!std::isfinite(quantity.number))
      throw Misread{"'" + std::string(text_) + "' is not a finite number"};
    return quantity.number;
  }

  /// Anything but one bare number was read.
  bool compound() const { return compound_; }

 private:
  struct Quantity {
    Real number = 0;
    bool has_unit = false;
  };

  Quantity group() {
    if (++depth_ > kDeepest) throw Misread{"the expression is nested too deeply"};
    Quantity quantity = sum();
    const std::string_view unit = unit_here();
    if (!unit.empty()) {
      if (quantity.has_unit) throw Misread{"'" + std::string(text_) + "' has two units"};
      quantity = {factor_of(unit).of(quantity.number), true};
      compound_ = true;
    }
    --depth_;
    return quantity;
  }

  Quantity sum() {
    Quantity left = product();
    for (;;) {
      const bool add = take('+');
      if (!add && !take('-')) return left;
      compound_ = true;
      const Quantity right = product();
      if (left.has_unit != right.has_unit)
        throw Misread{"'" + std::string(text_) + "' adds a number with a unit to one without"};
      left.number = add ? left.number + right.number : left.number - right.number;
    }
  }

  Quantity product() {
    Quantity left = signed_power();
    for (;;) {
      const bool multiply = take('*');
      if (!multiply && !take('/')) return left;
      compound_ = true;
      const Quantity right = signed_power();
      if (right.has_unit && (multiply ? left.has_unit : !left.has_unit))
        throw Misread{"'" + std::string(text_) + "' has a unit that is not a plain one"};
      left.has_unit = multiply ? left.has_unit || right.has_unit : left.has_unit && !right.has_unit;
      left.number = multiply ? left.number * right.number : left.number / right.number;
    }
  }

  Quantity signed_power() {
    bool negative = false;
    for (;;) {
      if (take('-')) {
        negative = !negative;
        compound_ = true;
      } else if (!take('+')) {
        break;
      }
    }
    Quantity value = power();
    if (negative) value.number = -value.number;
    return value;
  }

  Quantity power() {
    const Quantity base = atom();
    if (!take('^')) return base;
    compound_ = true;
    if (++depth_ > kDeepest) throw Misread{"the expression is nested too deeply"};
    const Quantity exponent = signed_power();
    --depth_;
    if (base.has_unit || exponent.has_unit)
      throw Misread{"'" + std::string(text_) + "' raises to a power with a unit"};
    return {std::pow(base.number, exponent.number), false};
  }

  Quantity atom() {
    if (take('(')) {
      compound_ = true;
      const Quantity inner = group();
      if (!take(')')) {
        if (at_ < text_.size()) throw Misread{};
        throw Misread{"')' is missing in '" + std::string(text_) + "'"};
      }
      return inner;
    }
    skip_spaces();
    if (text_.substr(at_, 2) == "pi" && !is_letter(at_ + 2)) {
      at_ += 2;
      compound_ = true;
      return {std::numbers::pi_v<Real>, false};
    }
    return {literal(), false};
  }

  Real literal() {
    const bool begins =
        is_digit(at_) || (at_ < text_.size() && text_[at_] == '.' && is_digit(at_ + 1));
    if (!begins) throw Misread{};
    Real number = 0;
    const char* const first = text_.data() + at_;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), number);
    if (error == std::errc::result_out_of_range)
      throw Misread{"'" + std::string(text_) + "' is too large or too small a number"};
    if (error != std::errc{}) throw Misread{};
    at_ += static_cast<std::size_t>(end - first);
    return number;
  }

  /// The unit that stands here, up to a closing parenthesis or the end of the text.
  std::string_view unit_here() {
    skip_spaces();
    std::size_t end = std::min(text_.find(')', at_), text_.size());
    while (end > at_ && is_space(end - 1)) --end;
    const std::string_view rest = text_.substr(at_, end - at_);
    if (rest.empty() || !(is_letter(at_) || rest == target_)) return {};
    // "2 mm + 3 um" and "2 px * 4": a unit is one word; parentheses would make it one.
    if (rest != target_ && rest.find_first_of(" *+^(") != std::string_view::npos) return {};
    at_ = end;
    return rest;
  }

  Ratio factor_of(std::string_view name) const {
    const Unit* const unit = known_unit(name);
    if (units_ == Units::any) {
      if (!unit) throw Misread{};
      return Ratio{unit->up, unit->down};
    }
    if (const auto ratio = ratio_of(name, target_)) return *ratio;
    if (is_unitless(target_))
      throw Misread{"expected a number without a unit, found '" + std::string(text_) + "'"};
    if (unit)
      throw Misread{"expected " + wanted(target_, "a number") + ", found '" + std::string(text_) +
                    "', which is " + with_article(unit->kind)};
    const Unit* const target = known_unit(target_);
    const auto names = unit_names(target ? target->kind : "");
    const std::string nearest = nearest_unit(std::string(name), names);
    std::string sentence =
        "unknown unit '" + std::string(name) + "' in '" + std::string(text_) + "'";
    if (!nearest.empty()) throw Misread{sentence + "; did you mean '" + nearest + "'?"};
    if (!target) throw Misread{sentence + "; expected a number [" + std::string(target_) + "]"};
    throw Misread{sentence + "; " + with_article(target->kind) + " takes " + listed(names)};
  }

  bool is_space(std::size_t i) const { return text_[i] == ' ' || text_[i] == '\t'; }
  bool is_digit(std::size_t i) const {
    return i < text_.size() && text_[i] >= '0' && text_[i] <= '9';
  }
  /// A letter of any alphabet, or a sign that units are written with.
  bool is_letter(std::size_t i) const {
    if (i >= text_.size()) return false;
    const auto c = static_cast<unsigned char>(text_[i]);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80 || c == '%';
  }
  void skip_spaces() {
    while (at_ < text_.size() && is_space(at_)) ++at_;
  }
  bool take(char sign) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != sign) return false;
    ++at_;
    return true;
  }

  static constexpr int kDeepest = 100;
  std::string_view text_;
  std::string_view target_;
  Units units_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool compound_ = false;
};

/// Text without the spaces around it.
std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

/// Longer texts are no numbers; reading them would only cost time.
constexpr std::size_t kLongestExpression = 1000;

/// "inf", ".inf", "-inf" ...: the sign, or 0 where the text is something else.
int sign_of_infinity(std::string_view text) {
  int sign = 1;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
  }
  if (!text.empty() && text.front() == '.') text.remove_prefix(1);
  return text == "inf" || text == "Inf" || text == "INF" ? sign : 0;
}

/// "1,5": a decimal comma, which many of us write and no program reads.
bool has_decimal_comma(std::string_view text) {
  const auto is_digit = [&](std::size_t i) {
    return i < text.size() && text[i] >= '0' && text[i] <= '9';
  };
  const std::size_t comma = text.find(',');
  return comma != std::string_view::npos && comma > 0 && is_digit(comma - 1) && is_digit(comma + 1);
}

template <class Real>
Real read_number(const Value& value, const std::string& unit, std::string_view number) {
  const std::string_view text = trimmed(value.number_text());
  std::string sentence;
  if (value.is_scalar() && !text.empty() && text.size() <= kLongestExpression) {
    try {
      return Reading<Real>(text, unit, Units::of_target).number();
    } catch (const Misread& misread) {
      sentence = misread.sentence;
    }
  }
  if (sentence.empty()) {
    sentence = "expected " + wanted(unit, number) + ", found " + value.described();
    if (value.is_scalar() && has_decimal_comma(text)) sentence += "; decimals take a point";
  }
  throw ConfigError(sentence, value.where());
}

enum class Form { none, bare, compound };

Form form_of(const std::string& text) {
  const std::string_view inner = trimmed(text);
  if (inner.empty() || inner.size() > kLongestExpression) return Form::none;
  try {
    Reading<double> reading(inner, "", Units::any);
    reading.number();
    return reading.compound() ? Form::compound : Form::bare;
  } catch (const Misread&) {
    return Form::none;
  }
}

}  // namespace

double number_of(const Value& value, const std::string& unit) {
  if (const int sign = sign_of_infinity(trimmed(value.number_text())))
    return sign * std::numeric_limits<double>::infinity();
  return read_number<double>(value, unit, "a number");
}

std::int64_t integer_of(const Value& value, const std::string& unit) {
  // 64 bits of mantissa: exact up to the largest std::int64_t.
  long double number = read_number<long double>(value, unit, "a whole number");
  const Unit* const known = known_unit(unit);
  if (known && known->kind == "size") number = std::floor(number);  // "4.7 GiB" is no whole number
  if (number != std::floor(number))
    throw ConfigError("expected " + wanted(unit, "a whole number") + ", found " + value.described(),
                      value.where());
  if (number >= 0x1p63L || number < -0x1p63L)
    throw ConfigError("'" + value.text() + "' is too large; the largest whole number is " +
                          std::to_string(std::numeric_limits<std::int64_t>::max()),
                      value.where());
  return static_cast<std::int64_t>(number);
}

bool is_compound_quantity(const std::string& text) { return form_of(text) == Form::compound; }

bool is_quantity(const std::string& text) { return form_of(text) != Form::none; }

std::vector<std::string> units_like(const std::string& unit) {
  if (is_unitless(unit)) return {};
  const Unit* const known = known_unit(unit);
  return known ? unit_names(known->kind) : std::vector<std::string>{unit};
}

}  // namespace pellucid
