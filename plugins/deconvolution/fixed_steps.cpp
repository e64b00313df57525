#include "fixed_steps.h"

#include <cmath>

#include <ATen/ATen.h>

#include "lanes.h"
#include "least_squares.h"
#include "rows.h"

namespace pellucid {
namespace {

template <class T>
class FixedSteps final : public Method {
 public:
  FixedSteps(const GriddedBlur& blur, const IteratedItem& item, double step, Direction direction,
             const Interval& allowed)
      : blur_(blur),
        y_(item.y),
        step_(T(step)),
        direction_(direction),
        allowed_(allowed),
        x_(allowed.nearest(item.start).contiguous()),
        residual_(at::empty_like(item.y)) {}

  double measure(const Tensor& residual) override {
    misfit_ = predict(blur_, x_, y_, residual_);
    if (residual.defined()) residual.copy_(residual_);
    return std::sqrt(misfit_);
  }

  double objective() const override { return misfit_; }

  Change step() override {
    const std::int64_t rows = x_.size(0) * blur_.grid().x.rows(), width = blur_.grid().x.width();
    T* const x = x_.mutable_data_ptr<T>();
    const T* const residual = residual_.const_data_ptr<T>();
    RowSums<2> sums(rows);
    const auto descend = [&](std::int64_t row, const T* uphill) {
      T* const value = x + row * width;
      LaneSum<T> changes, sizes;
      over_lanes(width, [&](std::int64_t i, int lane) {
        const T next = allowed_.nearest(value[i] - step_ * uphill[i]), gone = next - value[i];
        value[i] = next;
        changes.add(lane, gone * gone);
        sizes.add(lane, next * next);
      });
      sums.of(row)[0] = changes.total();
      sums.of(row)[1] = sizes.total();
    };
    if (direction_ == Direction::gradient)
      blur_.adjoint(
          x_.size(0), rows_from(residual, blur_.grid().y.width()),
          [&](std::int64_t row, void* slope) { descend(row, static_cast<const T*>(slope)); });
    else for_rows(rows, width, [&](std::int64_t row) { descend(row, residual + row * width); });
    const auto [change, size] = sums.total();
    return {std::sqrt(change), std::sqrt(size)};
  }

  Tensor estimate() const override { return x_; }

 private:
  const GriddedBlur& blur_;
  Tensor y_;
  T step_;
  Direction direction_;
  Interval allowed_;
  Tensor x_;
  Tensor residual_;    // A x - y
  double misfit_ = 0;  // |A x - y|^2
};

}  // namespace

std::unique_ptr<Method> fixed_steps(const GriddedBlur& blur, const IteratedItem& item, double step,
                                    Direction direction, const Interval& allowed) {
  if (item.y.scalar_type() == at::kDouble)
    return std::make_unique<FixedSteps<double>>(blur, item, step, direction, allowed);
  return std::make_unique<FixedSteps<float>>(blur, item, step, direction, allowed);
}

}  // namespace pellucid
