// resampling: one axis after another, each new sample a weighted sum of a few old ones.
#pragma once

#include <cstdint>
#include <vector>

#include <pellucid/spec.h>

namespace pellucid {

/// Sample j of an axis becomes sum_t weight[j][t] x[source[j][t]].
struct Resampling {
  std::int64_t size = 0;  ///< of the axis that x has
  Tensor source;          ///< (samples, taps), whole numbers in 0 .. size-1
  Tensor weight;          ///< (samples, taps), float64
  /// The adjoint: from the new samples back to `size` old ones.
  Resampling transposed() const;
};

/// To ceil(n / factor) samples, by the bicubic kernel (a = -1/2) widened by the factor, so that what
/// the coarse grid cannot hold is smoothed away: as MATLAB's `imresize(x, 1 / factor)`. Sample j is
/// at (j + 1/2) factor - 1/2; 4 factor + 2 taps, scaled to sum 1; beyond its ends an axis goes on
/// as its mirror image, edge repeated.
Resampling reduced_bicubic(std::int64_t n, std::int64_t factor);

/// To ceil(n / factor) samples, each the mean of the `factor` samples in its place, or of as many as
/// there are.
Resampling reduced_area(std::int64_t n, std::int64_t factor);

/// To `to` >= n samples, by the bicubic kernel (a = -1/2) at half-pixel centres; beyond the ends of
/// an axis taps are left out and the rest is scaled to sum 1, as in Pillow.
Resampling enlarged_bicubic(std::int64_t n, std::int64_t to);

/// The largest singular value along one axis, to rounding. Only neighbours share sources, so that
/// A A* is 0 but for a few diagonals: numbers and memory grow as the axis does.
double norm_of(const Resampling& how);

/// Along one axis, counted from the end (-1: the last). Always a new tensor, contiguous.
Tensor resampled(const Tensor& x, std::int64_t axis, const Resampling& how);

}  // namespace pellucid
