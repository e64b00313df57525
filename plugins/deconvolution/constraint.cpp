#include "constraint.h"

#include <ATen/ops/clamp.h>

namespace pellucid {

const Schema<Bounds>& Bounds::schema() {
  static const Schema<Bounds> rows{
      {"lower", &Bounds::lower, "", "least value, unit of y"},
      {"upper", &Bounds::upper, "", "largest value, unit of y", required()},
  };
  return rows;
}

at::Tensor Interval::nearest(const at::Tensor& x) const { return at::clamp(x, lower, upper); }

Interval interval_of(const AllowedValues& allowed) {
  if (std::holds_alternative<NonNegative>(allowed)) return {.lower = 0};
  const auto* const bounds = std::get_if<Bounds>(&allowed);
  if (!bounds) return {};
  if (!(bounds->lower < bounds->upper))
    throw ConfigError("'lower' must be below 'upper', got lower " + Value(bounds->lower).text() +
                      " and upper " + Value(bounds->upper).text());
  return {bounds->lower, bounds->upper};
}

}  // namespace pellucid
