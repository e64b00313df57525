// motion_kernel: the blur of a camera that moves along a random path while it exposes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <pellucid/context.h>
#include <pellucid/schema.h>
#include <pellucid/spec.h>

namespace pellucid {

/// The time that a path spends at each pixel, shared among the pixels next to it linearly. The
/// coordinates of the path are independent stationary Gaussian processes of time t in [0, 1] with a
/// Matern spectrum, (5 / smoothness^2 + w^2)^-3 (C. J. Schuler, M. Hirsch, S. Harmeling,
/// B. Schoelkopf, IEEE Trans. Pattern Anal. Mach. Intell. 38(7):1439-1451, 2016,
/// doi:10.1109/TPAMI.2015.2481418). The path is scaled to its length, less where it would leave the
/// kernel, and stands in the kernel's middle.
struct MotionKernel {
  static constexpr const char* name = "motion";
  static constexpr const char* summary = "a random path";
  double length = 20;                // px
  double smoothness = 0.3;           // of the time of exposure
  std::optional<std::int64_t> size;  // px

  static const Schema<MotionKernel>& schema();
  std::vector<std::int64_t> sizes(std::size_t axes) const;
  /// (items, 1, sizes...), float64, a path for each item that the context draws for.
  Tensor values(std::size_t axes, const Context& context) const;
};

}  // namespace pellucid
