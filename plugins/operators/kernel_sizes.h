// kernel_sizes: what kinds of kernels share in reading their settings.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <pellucid/error.h>
#include <pellucid/value.h>

namespace pellucid {

/// The entry of a list with one entry, or one an axis. Throws ConfigError for another number.
template <class T>
T along(const std::vector<T>& list, std::size_t axis, std::size_t axes, const char* name) {
  if (list.size() != 1 && list.size() != axes)
    throw ConfigError(std::string("'") + name + "' must have one entry or one for each of the " +
                      std::to_string(axes) + " axes, got " + std::to_string(list.size()));
  return list.size() == 1 ? list[0] : list[axis];
}

/// A width in whole pixels. Throws ConfigError where it is wider than any image: a mistake that
/// would take memory before anything runs.
inline std::int64_t require_width(double width) {
  constexpr double kWidest = 65535;
  if (!(width <= kWidest))
    throw ConfigError("'kernel' must be at most " + Value(kWidest).text() + " px wide, got " +
                      Value(width).text());
  return static_cast<std::int64_t>(width);
}

/// The width of a kernel that reaches `radius` to both sides of its centre.
inline std::int64_t width_of_radius(double radius) {
  return require_width(2 * std::ceil(radius) + 1) / 2 * 2 + 1;
}

}  // namespace pellucid
