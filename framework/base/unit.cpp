#include "base/unit.h"

#include <algorithm>
#include <array>
#include <numbers>

#include <pellucid/value.h>

#include "base/lower_case.h"

namespace pellucid {
namespace {

constexpr long double kPi = std::numbers::pi_v<long double>;

constexpr std::array kUnits{
    Unit{"m", "length", 1, 1},
    Unit{"cm", "length", 1, 1e2L},
    Unit{"mm", "length", 1, 1e3L},
    Unit{"um", "length", 1, 1e6L},
    Unit{"µm", "length", 1, 1e6L},
    Unit{"μm", "length", 1, 1e6L},
    Unit{"nm", "length", 1, 1e9L},
    Unit{"pm", "length", 1, 1e12L},
    Unit{"A", "length", 1, 1e10L},
    Unit{"Å", "length", 1, 1e10L},
    Unit{"in", "length", 254, 1e4L},
    Unit{"s", "time", 1, 1},
    Unit{"ms", "time", 1, 1e3L},
    Unit{"us", "time", 1, 1e6L},
    Unit{"µs", "time", 1, 1e6L},
    Unit{"μs", "time", 1, 1e6L},
    Unit{"ns", "time", 1, 1e9L},
    Unit{"min", "time", 60, 1},
    Unit{"h", "time", 3600, 1},
    Unit{"rad", "angle", 1, 1},
    Unit{"mrad", "angle", 1, 1e3L},
    Unit{"deg", "angle", kPi, 180},
    Unit{"°", "angle", kPi, 180},
    Unit{"Hz", "frequency", 1, 1},
    Unit{"kHz", "frequency", 1e3L, 1},
    Unit{"MHz", "frequency", 1e6L, 1},
    Unit{"GHz", "frequency", 1e9L, 1},
    Unit{"B", "size", 1, 1},
    Unit{"kB", "size", 1e3L, 1},
    Unit{"MB", "size", 1e6L, 1},
    Unit{"GB", "size", 1e9L, 1},
    Unit{"TB", "size", 1e12L, 1},
    Unit{"KiB", "size", 0x1p10L, 1},
    Unit{"MiB", "size", 0x1p20L, 1},
    Unit{"GiB", "size", 0x1p30L, 1},
    Unit{"TiB", "size", 0x1p40L, 1},
    Unit{"px", "number of pixels", 1, 1},
};

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

const Unit* known_unit(std::string_view name) {
  const auto found = std::find_if(kUnits.begin(), kUnits.end(),
                                  [&](const Unit& unit) { return unit.name == name; });
  return found == kUnits.end() ? nullptr : &*found;
}

std::optional<Ratio> ratio_of(std::string_view from, std::string_view to) {
  if (from == to) return Ratio{};
  const Unit* const source = known_unit(from);
  const Unit* const target = known_unit(to);
  if (!source || !target || source->kind != target->kind) return std::nullopt;
  return Ratio{source->up * target->down, source->down * target->up};
}

std::vector<std::string> unit_names(std::string_view kind) {
  std::vector<std::string> names;
  for (const Unit& unit : kUnits)
    if ((kind.empty() || unit.kind == kind) && is_ascii(unit.name)) names.emplace_back(unit.name);
  return names;
}

std::string nearest_unit(const std::string& name, const std::vector<std::string>& names) {
  for (const std::string& known : names)
    if (lower_case(known) == lower_case(name)) return known;
  return nearest_name(name, names);
}

std::optional<double> unit_factor(const std::string& from, const std::string& to) {
  const auto ratio = ratio_of(from, to);
  if (!ratio) return std::nullopt;
  return ratio->of(1.0);
}

}  // namespace pellucid
