// Units: what they measure, and how they convert.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pellucid {

/// A unit is `up / down` of its kind's base unit. Both are whole numbers wherever that is possible,
/// so that 3 nm are exactly the double nearest to 0.003 um.
struct Unit {
  std::string_view name;
  std::string_view kind;  ///< "length", "time", ...
  long double up;
  long double down;
};

/// A factor kept as a fraction, so that one exact multiplication or division applies it.
struct Ratio {
  long double up = 1;
  long double down = 1;

  template <class Real>
  Real of(Real number) const {
    if (std::fmod(up, down) == 0) return number * static_cast<Real>(up / down);
    if (std::fmod(down, up) == 0) return number / static_cast<Real>(down / up);
    return static_cast<Real>(static_cast<long double>(number) * up / down);
  }
};

/// The unit of that name, or null.
const Unit* known_unit(std::string_view name);

/// From one unit to another of its kind, or to itself, known or not.
std::optional<Ratio> ratio_of(std::string_view from, std::string_view to);

/// Names of units of a kind, or of all kinds, that every keyboard has: for messages.
std::vector<std::string> unit_names(std::string_view kind = {});

/// The name nearest to `name`, above all one that differs in upper and lower case; empty: none.
std::string nearest_unit(const std::string& name, const std::vector<std::string>& names);

}  // namespace pellucid
