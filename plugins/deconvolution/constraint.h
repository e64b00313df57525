// constraint: which values an estimate may have, as a setting of iterative methods.
#pragma once

#include <limits>
#include <string>
#include <variant>

#include <ATen/core/Tensor.h>

#include <pellucid/schema.h>

namespace pellucid {

struct Unconstrained {
  static constexpr const char* name = "none";
  static constexpr const char* summary = "any value";
};

struct NonNegative {
  static constexpr const char* name = "non_negative";
  static constexpr const char* summary = "none below 0";
};

struct Bounds {
  static constexpr const char* name = "bounds";
  static constexpr const char* summary = "those from lower to upper";
  double lower = 0, upper = 0;  // unit of y
  static const Schema<Bounds>& schema();
};

/// What a pipeline chooses.
using AllowedValues = std::variant<Unconstrained, NonNegative, Bounds>;

/// lower <= x <= upper for each sample of an estimate.
struct Interval {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();

  /// The nearest value that is allowed: the projection of an image is that of its samples.
  template <class T>
  T nearest(T value) const {
    return value < T(lower) ? T(lower) : value > T(upper) ? T(upper) : value;
  }
  at::Tensor nearest(const at::Tensor& x) const;
};

/// Throws ConfigError where the lower bound is not below the upper one.
Interval interval_of(const AllowedValues& allowed);

}  // namespace pellucid
