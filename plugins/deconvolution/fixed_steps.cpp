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
        x_(blur.embedded(allowed.nearest(item.start))) {}

  double measure(const Tensor& residual) override {
    residual_ = blur_.forward(x_);
    misfit_ = subtract_measured(blur_, residual_, y_);
    if (residual.defined()) residual.copy_(blur_.inside(residual_, blur_.grid().y));
    return std::sqrt(misfit_);
  }

  double objective() const override { return misfit_; }

  Change step() override {
    Tensor downhill = std::move(residual_);
    if (direction_ == Direction::gradient) downhill = blur_.adjoint(std::move(downhill));
    const Window& window = blur_.grid().x;
    T* const x = x_.mutable_data_ptr<T>();
    const T* const slope = downhill.const_data_ptr<T>();
    const auto [change, size] = sums_over_rows<2>(
        x_.size(0) * window.rows(), window.width(), [&](std::int64_t row, auto& sums) {
          T* const value = x + blur_.grid().place(window, row);
          const T* const down = slope + blur_.grid().place(window, row);
          LaneSum<T> changes, sizes;
          over_lanes(window.width(), [&](std::int64_t i, int lane) {
            const T next = allowed_.nearest(value[i] - step_ * down[i]), gone = next - value[i];
            value[i] = next;
            changes.add(lane, gone * gone);
            sizes.add(lane, next * next);
          });
          sums[0] += changes.total();
          sums[1] += sizes.total();
        });
    blur_.continue_around(x_);
    return {std::sqrt(change), std::sqrt(size)};
  }

  Tensor estimate() const override { return blur_.inside(x_, blur_.grid().x); }

 private:
  const GriddedBlur& blur_;
  Tensor y_;
  T step_;
  Direction direction_;
  Interval allowed_;
  Tensor x_;         // on the grid
  Tensor residual_;  // on the grid; between `measure` and `step`
  double misfit_ = 0;
};

}  // namespace

std::unique_ptr<Method> fixed_steps(const GriddedBlur& blur, const IteratedItem& item, double step,
                                    Direction direction, const Interval& allowed) {
  if (item.y.scalar_type() == at::kDouble)
    return std::make_unique<FixedSteps<double>>(blur, item, step, direction, allowed);
  return std::make_unique<FixedSteps<float>>(blur, item, step, direction, allowed);
}

}  // namespace pellucid
