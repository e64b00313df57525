// least_squares: what methods share that minimise |A x - y|^2.
#pragma once

#include <algorithm>

#include "gridded_blur.h"

namespace pellucid {

/// An upper bound of |A|^2, the largest of all kernels (channels or 1, sizes...) of a blur: that of
/// Schur, the largest sum of a row of |A| times that of a column, |A| with the moduli of the taps.
/// It is |A|^2 itself where a circular blur has no negative taps.
double squared_norm_bound(const GriddedBlur& blur, const Tensor& kernel);

/// Images of x and of y are (planes, sizes...), contiguous.
/// `residual` becomes A x - y, and may be any image of y before. Returns |A x - y|^2.
double predict(const GriddedBlur& blur, const Tensor& x, const Tensor& y, const Tensor& residual);

/// A x on the grid becomes A x - y in the window of y, and nothing of meaning beyond. Returns
/// |A x - y|^2.
double subtract_measured(const GriddedBlur& blur, const Tensor& predicted, const Tensor& y);

/// Rows of `width` samples that stand side by side, as a blur reads them.
template <class T>
GriddedBlur::Row rows_from(const T* data, std::int64_t width) {
  return [data, width](std::int64_t row, void* samples) {
    std::copy_n(data + row * width, width, static_cast<T*>(samples));
  };
}

}  // namespace pellucid
