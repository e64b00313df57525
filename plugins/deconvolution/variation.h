// variation: the isotropic total variation of images and volumes, as it is and smoothed where they are
// flat.
#pragma once

#include <array>

#include <ATen/core/Tensor.h>

namespace pellucid {

// x: (planes, 2 or 3 axes...), float32 or float64, on the CPU, its last axis without gaps.
//   D x    differences x[n + 1] - x[n] along each axis, 0 at the end
//   |D x|  (sum over axes (D_a x)^2 + smoothing^2)^(1/2), smoothing > 0

/// sum over samples of (sum over axes (scale_a D_a x)^2)^(1/2), all planes together; a scale each along
/// z, y and x.
double scaled_variation(const at::Tensor& x, const std::array<double, 3>& scale);

/// sum over samples of |D x| - smoothing, all planes together.
double smoothed_variation(const at::Tensor& x, double smoothing);

/// 1 / (1 - weight div(D x / |D x|)), contiguous; div = -D*, so that its modulus is at most
/// 2 sqrt(axes), and `weight` must be below the inverse of that.
at::Tensor variation_factor(const at::Tensor& x, double smoothing, double weight);

}  // namespace pellucid
