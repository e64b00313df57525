// fixed_steps: methods that go the same multiple of a direction in each iteration.
#pragma once

#include <memory>

#include "constraint.h"
#include "gridded_blur.h"
#include "iterative_stage.h"

namespace pellucid {

enum class Direction {
  gradient,  ///< A*(y - A x)
  residual,  ///< y - A x, of the sizes of x
};

/// x' = P(x + step direction), P the projection on `allowed`. The objective is |A x - y|^2.
std::unique_ptr<Method> fixed_steps(const GriddedBlur& blur, const IteratedItem& item, double step,
                                    Direction direction, const Interval& allowed);

/// Grids and half spectra that it takes for an image.
inline constexpr std::int64_t kFixedStepsGrids = 3;

}  // namespace pellucid
