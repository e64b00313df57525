// bounded_gradients: quadratic functions of images, minimised within bounds by conjugate gradients.
#pragma once

#include <memory>

#include "constraint.h"
#include "frame.h"
#include "gridded_blur.h"
#include "iterative_stage.h"

namespace pellucid {

/// f(x) = |A x - y|^2 + weight |L x|^2 over lower <= x <= upper.
struct BoundedProblem {
  double squared_norm;  ///< of A, or an upper bound of it
  Interval allowed;
  double weight = 0;
  /// L: 1, or the differences of each sample and its neighbours along all convolved axes, summed up
  /// (2 axes: 4 and four times -1; 3 axes: 6 and six times -1). Beyond the border of a circular A
  /// is the other side; for any other boundary a sample there has fewer neighbours.
  Penalty penalty = Penalty::identity;
};

/// Conjugate gradients (Polak and Ribiere's, never turned back [1]) of what the gradient has within
/// the bounds. A step goes as far as f falls without bounds, and is then projected on them [2];
/// where f falls by less than a tenth of what a step of 1 / |A*A + weight L*L| downhill surely
/// brings, that step is taken instead. So f never grows, and the projected gradient tends to 0 [3].
/// Without bounds these are the conjugate gradients of linear equations.
///
/// One A and one A* an iteration, and another A where a step is projected.
///
/// [1] J. C. Gilbert, J. Nocedal, SIAM J. Optim. 2:21-42, 1992, doi:10.1137/0802003.
/// [2] H. T. M. van der Voort, K. C. Strasters, J. Microsc. 178(2):165-181, 1995,
///     doi:10.1111/j.1365-2818.1995.tb03593.x.
/// [3] P. H. Calamai, J. J. More, Math. Program. 39:93-116, 1987, doi:10.1007/BF02592073.
std::unique_ptr<Method> bounded_gradients(const GriddedBlur& blur, const IteratedItem& item,
                                          const BoundedProblem& problem);

/// Grids and half spectra that it takes for an image.
inline constexpr std::int64_t kBoundedGradientsGrids = 8;

}  // namespace pellucid
