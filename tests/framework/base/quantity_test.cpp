#include "base/quantity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include <pellucid/value.h>

namespace pellucid {
namespace {

/// The sentence with which a text is refused as a number.
std::string refusal(const Value& value, const std::string& unit = "") {
  try {
    number_of(value, unit);
  } catch (const ConfigError& error) {
    return error.sentence();
  }
  return "no error";
}

std::string refusal_as_integer(const Value& value, const std::string& unit = "") {
  try {
    integer_of(value, unit);
  } catch (const ConfigError& error) {
    return error.sentence();
  }
  return "no error";
}

TEST(Number, is_read_as_c_reads_it) {
  EXPECT_EQ(number_of("0.1"), 0.1);
  EXPECT_EQ(number_of("1e-3"), 1e-3);
  EXPECT_EQ(number_of("  .5 "), 0.5);
  EXPECT_EQ(number_of("5."), 5.0);
  EXPECT_EQ(number_of("-2E+4"), -2e4);
  EXPECT_EQ(number_of("+3"), 3.0);
}

TEST(Number, may_be_arithmetic_in_double_precision) {
  EXPECT_EQ(number_of("7.65/255"), 7.65 / 255);
  EXPECT_EQ(number_of("1+2*3"), 7);
  EXPECT_EQ(number_of("(1+2)*3"), 9);
  EXPECT_EQ(number_of("2-3-4"), -5);
  EXPECT_EQ(number_of("12/3/2"), 2);
  EXPECT_EQ(number_of("2*pi"), 2 * std::numbers::pi);
  EXPECT_EQ(number_of("--3"), 3);
}

TEST(Number, raises_powers_from_the_right_and_before_the_sign) {
  EXPECT_EQ(number_of("2^3^2"), 512);
  EXPECT_EQ(number_of("-2^2"), -4);
  EXPECT_EQ(number_of("2^-1"), 0.5);
}

TEST(Number, in_quotes_is_a_number_too) {
  EXPECT_EQ(number_of(Value::scalar("3/4", {}, true)), 0.75);
}

TEST(Number, may_be_infinite_but_only_in_words) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(number_of(".inf"), infinity);
  EXPECT_EQ(number_of("inf"), infinity);
  EXPECT_EQ(number_of("-.inf"), -infinity);
  EXPECT_EQ(refusal("1/0"), "'1/0' is not a finite number");
  EXPECT_EQ(refusal("10^400"), "'10^400' is not a finite number");
  EXPECT_EQ(refusal("1e999"), "'1e999' is too large or too small a number");
  EXPECT_EQ(refusal(".nan"), "expected a number, found '.nan'");
}

TEST(Number, that_is_none_is_refused_with_what_was_found) {
  EXPECT_EQ(refusal("three"), "expected a number, found 'three'");
  EXPECT_EQ(refusal(""), "expected a number, found ''");
  EXPECT_EQ(refusal(Value()), "expected a number, found nothing");
  EXPECT_EQ(refusal(Value::list({})), "expected a number, found a list");
  EXPECT_EQ(refusal("1,5"), "expected a number, found '1,5'; decimals take a point");
  EXPECT_EQ(refusal("2*(3+4"), "')' is missing in '2*(3+4'");
  EXPECT_EQ(refusal("2*3)"), "expected a number, found '2*3)'");
  EXPECT_EQ(refusal("2 3"), "expected a number, found '2 3'");
  EXPECT_EQ(refusal("*3"), "expected a number, found '*3'");
}

TEST(Number, of_absurd_depth_or_length_is_refused) {
  EXPECT_EQ(refusal(std::string(200, '(') + "1" + std::string(200, ')')),
            "the expression is nested too deeply");
  EXPECT_NE(refusal(std::string(500000, '(')), "no error");
  EXPECT_NE(refusal("1" + std::string(500000, '+')), "no error");
}

TEST(Unit, converts_within_its_kind_to_the_nearest_double) {
  EXPECT_EQ(number_of("500 nm", "um"), 0.5);
  EXPECT_EQ(number_of("3 nm", "um"), 0.003);
  EXPECT_EQ(number_of("1 in", "mm"), 25.4);
  EXPECT_EQ(number_of("2 min", "s"), 120);
  EXPECT_EQ(number_of("180 deg", "rad"), std::numbers::pi);
  EXPECT_EQ(number_of("2 MHz", "kHz"), 2000);
  EXPECT_EQ(number_of("0.5 µm", "nm"), 500);  // U+00B5
  EXPECT_EQ(number_of("0.5 μm", "nm"), 500);  // U+03BC
  EXPECT_EQ(number_of("2 Å", "nm"), 0.2);
  EXPECT_EQ(number_of("3px", "px"), 3);
}

TEST(Unit, is_the_declared_one_where_none_is_written) { EXPECT_EQ(number_of("3", "um"), 3); }

TEST(Unit, stands_behind_an_expression_or_in_parentheses) {
  EXPECT_EQ(number_of("2*3 px", "px"), 6);
  EXPECT_EQ(number_of("7/2 mm", "um"), 3500);
  EXPECT_EQ(number_of("(1 mm) + (500 um)", "um"), 1500);
  EXPECT_EQ(integer_of("(4 GiB)/2", "B"), std::int64_t{2} << 30);
}

TEST(Unit, that_is_wrong_is_named_with_what_would_be_right) {
  EXPECT_EQ(refusal("500 nn", "um"),
            "unknown unit 'nn' in '500 nn'; a length takes 'm', 'cm', 'mm', 'um', 'nm', 'pm', 'A' "
            "and 'in'");
  EXPECT_EQ(refusal("3 mmm", "um"), "unknown unit 'mmm' in '3 mmm'; did you mean 'mm'?");
  EXPECT_EQ(refusal("4 Gib", "B"), "unknown unit 'Gib' in '4 Gib'; did you mean 'GiB'?");
  EXPECT_EQ(refusal("3 s", "um"), "expected a length such as '3 um', found '3 s', which is a time");
  EXPECT_EQ(refusal("3 um", "px"), "expected a number of pixels, found '3 um', which is a length");
  EXPECT_EQ(refusal("3 px"), "expected a number without a unit, found '3 px'");
  EXPECT_EQ(refusal("3 parsec", "s"),
            "unknown unit 'parsec' in '3 parsec'; a time takes 's', 'ms', 'us', 'ns', 'min' and "
            "'h'");
}

TEST(Unit, is_not_mixed_with_bare_numbers) {
  EXPECT_EQ(refusal("(1 mm) + 5", "um"), "'(1 mm) + 5' adds a number with a unit to one without");
  EXPECT_EQ(refusal("(1 mm) * (1 mm)", "um"),
            "'(1 mm) * (1 mm)' has a unit that is not a plain one");
  EXPECT_EQ(refusal("(1 mm) um", "um"), "'(1 mm) um' has two units");
}

TEST(Unit, that_only_a_component_knows_is_taken_literally) {
  EXPECT_EQ(number_of("3 photons/px", "photons/px"), 3);
  EXPECT_EQ(refusal("3 electrons", "photons/px"),
            "unknown unit 'electrons' in '3 electrons'; expected a number [photons/px]");
}

TEST(UnitFactor, is_known_within_a_kind_only) {
  EXPECT_EQ(unit_factor("nm", "um"), 1e-3);
  EXPECT_EQ(unit_factor("GiB", "B"), 1073741824.0);
  EXPECT_EQ(unit_factor("sigma", "sigma"), 1.0);
  EXPECT_EQ(unit_factor("nm", "s"), std::nullopt);
  EXPECT_EQ(unit_factor("nm", "furlong"), std::nullopt);
}

TEST(WholeNumber, is_exact_up_to_the_largest) {
  EXPECT_EQ(integer_of("9007199254740993"), 9007199254740993);  // 2^53 + 1: no double
  EXPECT_EQ(integer_of("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(integer_of("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(integer_of("2^62 + 1"), (std::int64_t{1} << 62) + 1);
  EXPECT_EQ(integer_of("1e3"), 1000);
  EXPECT_EQ(integer_of("4 GiB", "B"), 4294967296);
  EXPECT_EQ(integer_of("4.7 GiB", "B"), 5046586572);  // whole bytes, rounded down
}

TEST(WholeNumber, that_is_none_is_refused) {
  EXPECT_EQ(refusal_as_integer("2.5"), "expected a whole number, found '2.5'");
  EXPECT_EQ(refusal_as_integer("1/3"), "expected a whole number, found '1/3'");
  EXPECT_EQ(refusal_as_integer("true"), "expected a whole number, found 'true'");
  EXPECT_EQ(refusal_as_integer("9223372036854775808"),
            "'9223372036854775808' is too large; the largest whole number is 9223372036854775807");
}

TEST(CompoundQuantity, is_more_than_a_bare_number) {
  for (const char* const text : {"7.65/255", "-3", "(2)", "4 GiB", "2*3 px", "pi"})
    EXPECT_TRUE(is_compound_quantity(text)) << text;
  for (const char* const text : {"7.65", "1e-3", "reflect", "photos/set", "", "2024-01"})
    EXPECT_EQ(is_compound_quantity(text), std::string(text) == "2024-01") << text;
}

}  // namespace
}  // namespace pellucid
