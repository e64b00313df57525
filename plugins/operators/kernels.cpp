#include "kernels.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

namespace pellucid {
namespace {

/// The entry of a list with one entry, or one an axis.
template <class T>
T along(const std::vector<T>& list, std::size_t axis, std::size_t axes, const char* name) {
  if (list.size() != 1 && list.size() != axes)
    throw ConfigError(std::string("'") + name + "' must have one entry or one for each of the " +
                      std::to_string(axes) + " axes, got " + std::to_string(list.size()));
  return list.size() == 1 ? list[0] : list[axis];
}

/// Wider than any image: a mistake that would take memory before anything runs.
constexpr double kWidest = 65535;

std::int64_t require_width(double width) {
  if (!(width <= kWidest))
    throw ConfigError("'kernel' must be at most " + Value(kWidest).text() + " px wide, got " +
                      Value(width).text());
  return static_cast<std::int64_t>(width);
}

}  // namespace

const Schema<GaussianKernel>& GaussianKernel::schema() {
  static const Schema<GaussianKernel> rows{
      {"std", &GaussianKernel::std, "px", "standard deviation, one or one an axis", positive(),
       count(1, 3)},
      {"radius", &GaussianKernel::radius, "px", "half width; by default ceil(10 std / 3)",
       at_least(0), count(1, 3)},
  };
  return rows;
}

Tensor GaussianKernel::factor(std::size_t axis, std::size_t axes) const {
  const double s = along(std, axis, axes, "std");
  const double half =
      radius ? static_cast<double>(along(*radius, axis, axes, "radius")) : std::ceil(10 * s / 3);
  const std::int64_t r = require_width(2 * half + 1) / 2;
  const Tensor offset = at::arange(-r, r + 1, at::kDouble) / s;
  return at::exp(-0.5 * offset.square()) / (std::sqrt(2 * std::numbers::pi) * s);
}

const Schema<BoxKernel>& BoxKernel::schema() {
  static const Schema<BoxKernel> rows{
      {"size", &BoxKernel::size, "px", "width, one or one an axis", at_least(1), count(1, 3)},
  };
  return rows;
}

Tensor BoxKernel::factor(std::size_t axis, std::size_t axes) const {
  const std::int64_t n = require_width(static_cast<double>(along(size, axis, axes, "size")));
  return at::full({n}, 1.0 / double(n), at::kDouble);
}

Tensor DeltaKernel::factor(std::size_t, std::size_t) const { return at::ones({1}, at::kDouble); }

std::vector<Tensor> factors_of(const Kernel& kernel, std::size_t axes) {
  std::vector<Tensor> factors;
  for (std::size_t axis = 0; axis < axes; ++axis)
    factors.push_back(
        std::visit([&](const auto& kind) { return kind.factor(axis, axes); }, kernel));
  return factors;
}

}  // namespace pellucid
