// border: arrays continued beyond their edges, and the adjoint of that.
#pragma once

#include <pellucid/operator.h>

namespace pellucid {

/// Where position i of an axis of length n (>= 1) takes its value from: a position in 0 .. n-1, or
/// -1 where a zero stands (boundaries `zero` and `valid`). Reflections repeat, so i may be any distance outside.
PELLUCID_EXPORT std::int64_t source_position(std::int64_t i, std::int64_t n, Boundary boundary);

/// `x` with `before[a]` samples more at the beginning and `after[a]` at the end of each of its last
/// axes. Always a new tensor, contiguous.
PELLUCID_EXPORT Tensor extended(const Tensor& x, at::IntArrayRef before, at::IntArrayRef after,
                                Boundary boundary);

/// The adjoint of `extended`: what stands outside is added to where it was taken from. Uses `x` as
/// scratch memory and returns a view of it.
PELLUCID_EXPORT Tensor folded(Tensor&& x, at::IntArrayRef before, at::IntArrayRef after,
                              Boundary boundary);

}  // namespace pellucid
