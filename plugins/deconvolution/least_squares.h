// least_squares: what methods share that minimise |A x - y|^2.
#pragma once

#include "gridded_blur.h"

namespace pellucid {

/// An upper bound of |A|^2, the largest of all kernels (channels or 1, sizes...) of a blur: that of
/// Schur, the largest sum of a row of |A| times that of a column, |A| with the moduli of the taps.
/// It is |A|^2 itself where a circular blur has no negative taps.
double squared_norm_bound(const GriddedBlur& blur, const Tensor& kernel);

/// A x on the grid becomes A x - y in the window of y, (planes, sizes...) and contiguous, and nothing
/// of meaning beyond. Returns |A x - y|^2.
double subtract_measured(const GriddedBlur& blur, const Tensor& predicted, const Tensor& y);

}  // namespace pellucid
