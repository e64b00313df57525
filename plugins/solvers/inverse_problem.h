// inverse_problem: what solvers share that estimate the items x of measurements y = A x.
//
// Each item is solved as if it were alone: numbers that steer its iteration are summed over it in
// one order, so that its bits do not depend on the block.
#pragma once

#include <cstddef>
#include <vector>

#include <pellucid/component.h>
#include <pellucid/operator.h>

namespace pellucid {

/// A solver, as far as it follows from its ports.
class InverseProblem : public Stage {
 public:
  static constexpr In<Tensor> y{"y", "measurements"};
  static constexpr In<LinearOperator> A{"A", "how they were made"};
  static constexpr In<Tensor> init{"init", "where to start; zero without it", optional};
  static constexpr Out<Tensor> x{"x", "estimate"};
  static constexpr Out<Table> history{"history", "objective and residual while iterating"};
  static const Ports& ports();

  /// Rounding may stop an iteration elsewhere: a hundred times its tolerance, at least 1e-4.
  double tolerance() const override;

 protected:
  /// An item is done where something is below `tolerance`.
  explicit InverseProblem(double tolerance) : tolerance_(tolerance) {}

  /// That of `init` where there is one, else what A says of y. Throws ShapeError where A does not
  /// take x to y.
  static Spec spec_of_x(const Inputs& in);
  /// The tensor at a port. Throws Error, with the item's number, where a value is inf or nan.
  static const Tensor& finite(const Inputs& in, const In<Tensor>& port);
  /// A copy of `init`, or zeros, of the shape of `back`, which is A* y.
  static Tensor start(const Inputs& in, const Tensor& back);

 private:
  double tolerance_;
};

/// Rows of the items of a block while all of them are iterated. In the table those of an item
/// follow one another, as they do in other blocks.
class RowsByItem {
 public:
  RowsByItem(std::size_t items, const std::vector<Column>& columns)
      : none_(columns), tables_(items, none_) {}
  Table& operator[](std::size_t row) { return tables_[row]; }
  Table joined() const;

 private:
  Table none_;
  std::vector<Table> tables_;
};

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
