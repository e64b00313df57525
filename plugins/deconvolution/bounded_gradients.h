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
  /// (2 axes: 4 and four times -1; 3 axes: 6 and six times -1). Beyond the border of a circular A is
  /// the other side; for any other boundary a sample there has fewer neighbours.
  Penalty penalty = Penalty::identity;
};

/// Conjugate gradients on the samples between their bounds, while those promise more than the samples
/// at their bounds; otherwise a step that lets go of these; and where a step would leave the bounds
/// it is projected on them, and made shorter where f would not fall [1]. Never increases f. Without
/// bounds they are plain conjugate gradients on the normal equations.
///
/// One A and one A* an iteration, and another A where a step is projected.
///
/// [1] MPRGP: Z. Dostal, J. Schoeberl, Comput. Optim. Appl. 30:23-43, 2005,
///     doi:10.1007/s10589-005-4557-7; the projected step: J. Kruzik et al., Adv. Eng. Softw.
///     149:102895, 2020, doi:10.1016/j.advengsoft.2020.102895.
std::unique_ptr<Method> bounded_gradients(const GriddedBlur& blur, const IteratedItem& item,
                                          const BoundedProblem& problem);

/// Grids and half spectra that it takes for an image.
inline constexpr std::int64_t kBoundedGradientsGrids = 7;

}  // namespace pellucid
