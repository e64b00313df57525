// hadamard: the fast Walsh-Hadamard transform.
#pragma once

#include <pellucid/spec.h>

namespace pellucid {

/// H x / sqrt(n) along the last axis, of length n = 2^k, with H[i][j] = (-1)^(bits that i and j
/// share): natural order, symmetric and orthogonal, its own inverse (B. J. Fino, V. R. Algazi, IEEE
/// Trans. Comput. C-25:1142-1146, 1976, doi:10.1109/TC.1976.1674569). In place: `x` is contiguous,
/// real or complex; n log2(n) additions. Rows are computed alike, whatever batch they are part of.
void hadamard_transform(Tensor& x);

/// Number of sign changes along row `index` of the natural order, 0 .. n-1: its sequency.
std::int64_t sequency(std::int64_t index, std::int64_t n);

}  // namespace pellucid
