// inverse_problem: what solvers share that estimate the items x of measurements y = A x.
//
// Each item is solved as if it were alone: numbers that steer its iteration are summed over it in
// one order, so that its bits do not depend on the block.
#pragma once

#include <optional>
#include <vector>

#include <pellucid/operator.h>

namespace pellucid {

/// Spec of x: that of `init` where there is one, else what A says of y. Throws ShapeError where A
/// does not take x to y.
Spec estimate_spec(const LinearOperator& a, const Spec& y, const std::optional<Spec>& init);

/// Throws Error, with the item's number, where a value is inf or nan; `name` is that of the port.
void require_finite(const Tensor& values, const std::string& name, std::int64_t first_item);

/// Re <a, b> of each item.
std::vector<double> products(const Tensor& a, const Tensor& b);

/// A number for each item as (items, 1, ...), to be multiplied with tensors like `x`.
Tensor as_factor(const std::vector<double>& values, const Tensor& x);

/// What the squared norm of A on each item of `x` is not above in practice, for step sizes: that of
/// 30 power iterations, found as `LinearOperator::norm` does it, times
///   max(1.69, 1 / (1 - 0.871 ln(n) / 29)),   n numbers an item
/// which makes up for what they fall short by on average (see there). 0 where A is.
std::vector<double> squared_norm_bounds(const LinearOperator& a, const Tensor& x);

}  // namespace pellucid
