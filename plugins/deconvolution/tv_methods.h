// tv_methods: two ways to the image of least squares and few edges.
#pragma once

#include <array>
#include <memory>

#include "constraint.h"
#include "iterative_stage.h"

namespace pellucid {

/// 1/2 |A x - y|^2 + weight TV(x) over `allowed`;
/// TV(x) = sum over samples (sum over axes (scale_a D_a x)^2)^(1/2), D_a x = x[n + 1] - x[n], 0 at the end.
struct TvProblem {
  double weight;
  std::array<double, 3> scale;  ///< along z, y, x; z counts for volumes only
  Interval allowed;
  double squared_norm;  ///< of A, or an upper bound of it
};

/// By the iteration of L. Condat, J. Optim. Theory Appl. 158(2):460-479, 2013,
/// doi:10.1007/s10957-012-0245-9, algorithm 3.1: one A and one A* an iteration, for any boundary.
///
///   x' = C(x - t (A*(A x - y) + D* u)),   u' = in ball(u + s D(2 x' - x)),   C the nearest allowed
///
/// from u = 0, with the length of u at each sample at most `weight`, t = 4 / (3 |A|^2) and
/// s = |A|^2 / (16 sum over axes scale^2), for which it converges.
std::unique_ptr<Method> tv_by_primal_dual(const GriddedBlur& blur, const IteratedItem& item,
                                          const TvProblem& problem);

/// By alternating directions of multipliers on the whole grid, where convolution H and circular
/// differences D are diagonal together. With x on the grid, v = H x on the grid, w = D x and z = x:
///
///   x = argmin r0/2 |H x - v + v~|^2 + r1/2 |D x - w + w~|^2 + r2/2 |x - z + z~|^2
///   v nearest to y where y is, free elsewhere; w shrunk, free where a difference leaves the window of x;
///   z nearest to what is allowed and to what the boundary says of x beyond its window
///
/// and v~, w~, z~ grow by what is left between the two sides, 1.7 times relaxed. Without need of them v
/// (circular) and z (circular and valid without bounds) are left out. r1 = 5 weight |A| / std(y), at
/// least 1e-6 |A|^2, r2 = 0.03 |A|^2, r0 = 0.1, without z 0.03. Its estimate is what stands in the window, within
/// bounds; what it measures is x on the grid, which agrees with that in the end.
///
/// Y. Wang et al., SIAM J. Imaging Sci. 1(3):248-272, 2008, doi:10.1137/080724265; masks: M. S. C.
/// Almeida, M. A. T. Figueiredo, IEEE Trans. Image Process. 22(8):3074-3086, 2013,
/// doi:10.1109/TIP.2013.2258354.
std::unique_ptr<Method> tv_by_admm(const GriddedBlur& blur, const Tensor& kernel,
                                   const IteratedItem& item, const TvProblem& problem);

}  // namespace pellucid
