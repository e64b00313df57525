#include "bounded_gradients.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "lanes.h"
#include "least_squares.h"
#include "rows.h"

namespace pellucid {
namespace {

/// The sum of `use(row, i, value)` over the Laplacian of images whose rows are `row_of(row)`.
template <class T, class RowOf, class Use>
double sum_over_laplacian(const Window& window, bool around, std::int64_t planes, RowOf row_of,
                          Use use) {
  const auto [depth, height, width] = window.sizes;
  // Which sample comes `steps` after one of n, itself where there is none.
  const auto next_to = [around](std::int64_t i, std::int64_t steps, std::int64_t n) {
    const std::int64_t place = i + steps;
    return around ? (place + n) % n : std::clamp<std::int64_t>(place, 0, n - 1);
  };
  const auto [sum] =
      sums_over_rows<1>(planes * window.rows(), width, [&](std::int64_t r, auto& sums) {
        const std::int64_t y = r % height, z = r / height % depth, first = r - y - z * height;
        const T* const row = row_of(r);
        const T* const up = row_of(first + z * height + next_to(y, -1, height));
        const T* const down = row_of(first + z * height + next_to(y, 1, height));
        const T* const front = row_of(first + next_to(z, -1, depth) * height + y);
        const T* const behind = row_of(first + next_to(z, 1, depth) * height + y);
        const T before = row[next_to(0, -1, width)], after = row[next_to(width - 1, 1, width)];
        LaneSum<T> terms;
        over_lanes(width, [&](std::int64_t i, int lane) {
          const T left = i > 0 ? row[i - 1] : before, right = i + 1 < width ? row[i + 1] : after;
          const T value = 6 * row[i] - left - right - up[i] - down[i] - front[i] - behind[i];
          terms.add(lane, use(r, i, value));
        });
        sums[0] += terms.total();
      });
  return sum;
}

template <class T>
class BoundedGradients final : public Method {
 public:
  BoundedGradients(const GriddedBlur& blur, const IteratedItem& item, const BoundedProblem& problem)
      : blur_(blur),
        y_(item.y),
        allowed_(problem.allowed),
        weight_(problem.weight),
        penalty_(problem.penalty),
        x_(allowed_.nearest(item.start).contiguous()) {
    const double axes = 4 * double(blur.grid().sizes.size());
    const double of_penalty = penalty_ == Penalty::laplacian ? axes * axes : 1;
    safe_step_ = 1 / (problem.squared_norm + weight_ * of_penalty);
    predict();
  }

  double measure(const Tensor& residual) override {
    if (residual.defined()) residual.copy_(residual_);
    return std::sqrt(misfit_);
  }

  double objective() const override { return misfit_ + weight_ * penalty_of_estimate(); }

  Change step() override {
    const Tensor gradient = half_gradient();
    const Promise promise = promise_of(gradient);
    const bool release = promise.of_bounded > promise.of_free;
    const double carried = !release && conjugate_to_ > 0 ? promise.free / conjugate_to_ : 0;
    double slope = turn(gradient, release, carried);
    if (!(slope > 0) && carried > 0) slope = turn(gradient, release, 0);
    blur_.continue_around(direction_);
    Tensor image = blur_.forward(direction_);
    const double bend = squared_in_window(image) + weight_ * penalty_of_direction();
    const double length = bend > 0 ? slope / bend : 0;
    if (leaves_bounds(T(length))) {
      image.reset();
      return projected_step(gradient, length);
    }
    conjugate_to_ = release ? 0 : promise.free;
    return straight_step(image, T(length));
  }

  Tensor estimate() const override { return x_; }

 private:
  const Window& window() const { return blur_.grid().x; }
  std::int64_t rows() const { return x_.size(0) * window().rows(); }
  std::int64_t width() const { return window().width(); }
  const T* row_of_x(std::int64_t row) const { return x_.const_data_ptr<T>() + row * width(); }
  /// Of images on the grid.
  template <class U>
  U* row_on_grid(U* images, std::int64_t row) const {
    return images + blur_.grid().place(window(), row);
  }

  /// The residual of the estimate, and its square.
  void predict() {
    residual_.reset();
    const Tensor predicted = blur_.forward(blur_.embedded(x_));
    misfit_ = subtract_measured(blur_, predicted, y_);
    residual_ = blur_.inside(predicted, blur_.grid().y).contiguous();
  }

  template <class RowOf, class Use>
  double over_laplacian(RowOf row_of, Use use) const {
    return sum_over_laplacian<T>(window(), blur_.grid().boundary == Boundary::circular, x_.size(0),
                                 row_of, use);
  }

  /// |L x|^2 of images whose rows are `row_of(row)`.
  template <class RowOf>
  double penalty_of(RowOf row_of) const {
    if (weight_ == 0) return 0;
    if (penalty_ == Penalty::laplacian)
      return over_laplacian(row_of, [](std::int64_t, std::int64_t, T v) { return v * v; });
    const auto [sum] = sums_over_rows<1>(rows(), width(), [&](std::int64_t row, auto& sums) {
      const T* const value = row_of(row);
      LaneSum<T> squares;
      over_lanes(width(),
                 [&](std::int64_t i, int lane) { squares.add(lane, value[i] * value[i]); });
      sums[0] += squares.total();
    });
    return sum;
  }
  double penalty_of_estimate() const {
    return penalty_of([this](std::int64_t row) { return row_of_x(row); });
  }
  double penalty_of_direction() const {
    const T* const directions = direction_.const_data_ptr<T>();
    return penalty_of([&](std::int64_t row) { return row_on_grid(directions, row); });
  }

  /// A*(A x - y) + weight L* L x in the window of x, and beyond nothing of meaning.
  Tensor half_gradient() const {
    std::vector<std::int64_t> shape = blur_.grid().sizes;
    shape.insert(shape.begin(), x_.size(0));
    Tensor on_grid = at::empty(shape, x_.options());
    blur_.inside(on_grid, blur_.grid().y).copy_(residual_);
    const Tensor gradient = blur_.adjoint(std::move(on_grid));
    if (weight_ == 0) return gradient;
    if (penalty_ == Penalty::identity) {
      blur_.inside(gradient, window()).add_(x_, weight_);
      return gradient;
    }
    const Tensor differences = at::empty_like(x_);
    T* const values = differences.mutable_data_ptr<T>();
    T* const slopes = gradient.mutable_data_ptr<T>();
    over_laplacian([this](std::int64_t row) { return row_of_x(row); },
                   [&](std::int64_t row, std::int64_t i, T value) {
                     values[row * width() + i] = value;
                     return T(0);
                   });
    over_laplacian([&](std::int64_t row) { return values + row * width(); },
                   [&](std::int64_t row, std::int64_t i, T value) {
                     row_on_grid(slopes, row)[i] += T(weight_) * value;
                     return T(0);
                   });
    return gradient;
  }

  bool is_free(T x) const { return x > T(allowed_.lower) && x < T(allowed_.upper); }
  /// The gradient of a sample at its bound, where that lets it go back.
  T chopped(T x, T gradient) const {
    return x <= T(allowed_.lower) ? std::min(gradient, T(0)) : std::max(gradient, T(0));
  }

  struct Promise {
    double free;        ///< |gradient|^2 of the samples between their bounds
    double of_free;     ///< the same, less what their bounds would cut off
    double of_bounded;  ///< of samples at a bound that want to go back
  };
  Promise promise_of(const Tensor& gradient) const {
    const T* const gradients = gradient.const_data_ptr<T>();
    const T step = T(safe_step_), lower = T(allowed_.lower), upper = T(allowed_.upper);
    const auto [free, of_free, of_bounded] =
        sums_over_rows<3>(rows(), width(), [&](std::int64_t row, auto& sums) {
          const T* const x = row_of_x(row);
          const T* const slope = row_on_grid(gradients, row);
          LaneSum<T> squares, cut, bounded;
          over_lanes(width(), [&](std::int64_t i, int lane) {
            const T g = slope[i];
            const T reach = std::max(std::min(g, (x[i] - lower) / step), (x[i] - upper) / step);
            const T back = chopped(x[i], g);
            const bool is_free = this->is_free(x[i]);
            squares.add(lane, is_free ? g * g : T(0));
            cut.add(lane, is_free ? g * reach : T(0));
            bounded.add(lane, is_free ? T(0) : back * back);
          });
          sums[0] += squares.total();
          sums[1] += cut.total();
          sums[2] += bounded.total();
        });
    return {free, of_free, of_bounded};
  }

  /// The next direction, uphill; returns its product with the gradient.
  double turn(const Tensor& gradient, bool release, double carried) {
    if (!direction_.defined()) direction_ = at::zeros_like(gradient);
    const T* const gradients = gradient.const_data_ptr<T>();
    T* const directions = direction_.mutable_data_ptr<T>();
    const auto [slope] = sums_over_rows<1>(rows(), width(), [&](std::int64_t row, auto& sums) {
      const T* const x = row_of_x(row);
      const T* const g = row_on_grid(gradients, row);
      T* const direction = row_on_grid(directions, row);
      LaneSum<T> products;
      over_lanes(width(), [&](std::int64_t i, int lane) {
        const T onward = release ? T(0) : g[i] + T(carried) * direction[i];
        const T back = release ? chopped(x[i], g[i]) : T(0);
        direction[i] = is_free(x[i]) ? onward : back;
        products.add(lane, direction[i] * g[i]);
      });
      sums[0] += products.total();
    });
    return slope;
  }

  double squared_in_window(const Tensor& image) const {
    const Window& of_y = blur_.grid().y;
    const T* const values = image.const_data_ptr<T>();
    const auto [sum] = sums_over_rows<1>(
        y_.size(0) * of_y.rows(), of_y.width(), [&](std::int64_t row, auto& sums) {
          const T* const value = values + blur_.grid().place(of_y, row);
          LaneSum<T> squares;
          over_lanes(of_y.width(),
                     [&](std::int64_t i, int lane) { squares.add(lane, value[i] * value[i]); });
          sums[0] += squares.total();
        });
    return sum;
  }

  bool leaves_bounds(T length) const {
    if (std::isinf(allowed_.lower) && std::isinf(allowed_.upper)) return false;
    const T* const directions = direction_.const_data_ptr<T>();
    const auto [beyond] = sums_over_rows<1>(rows(), width(), [&](std::int64_t row, auto& sums) {
      const T* const x = row_of_x(row);
      const T* const direction = row_on_grid(directions, row);
      LaneSum<T> samples;
      over_lanes(width(), [&](std::int64_t i, int lane) {
        const T next = x[i] - length * direction[i];
        samples.add(lane, next != allowed_.nearest(next) ? T(1) : T(0));
      });
      sums[0] += samples.total();
    });
    return beyond > 0;
  }

  Change straight_step(const Tensor& image, T length) {
    T* const estimates = x_.mutable_data_ptr<T>();
    const T* const directions = direction_.const_data_ptr<T>();
    const auto [change, size] =
        sums_over_rows<2>(rows(), width(), [&](std::int64_t row, auto& sums) {
          T* const x = estimates + row * width();
          const T* const direction = row_on_grid(directions, row);
          LaneSum<T> changes, sizes;
          over_lanes(width(), [&](std::int64_t i, int lane) {
            const T gone = length * direction[i];
            x[i] -= gone;
            changes.add(lane, gone * gone);
            sizes.add(lane, x[i] * x[i]);
          });
          sums[0] += changes.total();
          sums[1] += sizes.total();
        });
    const Window& of_y = blur_.grid().y;
    T* const residuals = residual_.mutable_data_ptr<T>();
    const T* const values = image.const_data_ptr<T>();
    const auto [misfit] = sums_over_rows<1>(
        y_.size(0) * of_y.rows(), of_y.width(), [&](std::int64_t row, auto& sums) {
          T* const residual = residuals + row * of_y.width();
          const T* const value = values + blur_.grid().place(of_y, row);
          LaneSum<T> squares;
          over_lanes(of_y.width(), [&](std::int64_t i, int lane) {
            residual[i] -= length * value[i];
            squares.add(lane, residual[i] * residual[i]);
          });
          sums[0] += squares.total();
        });
    misfit_ = misfit;
    return {std::sqrt(change), std::sqrt(size)};
  }

  /// Along the direction as far as f falls without bounds, and back to them; or, where f does not
  /// fall on the whole, along the gradient as far as it surely does.
  Change projected_step(const Tensor& gradient, double length) {
    const double before = objective();
    const Tensor begin = x_, slope = blur_.inside(gradient, window());
    x_ = allowed_.nearest(begin.sub(blur_.inside(direction_, window()), length));
    direction_.reset();
    conjugate_to_ = 0;
    const double promised = (slope * (begin - x_)).sum(at::kDouble).template item<double>();
    predict();
    if (!(promised > 0) || !(before - objective() >= 2e-4 * promised)) {
      x_ = allowed_.nearest(begin.sub(slope, safe_step_));
      predict();
    }
    return {(x_ - begin).norm().template item<double>(), x_.norm().template item<double>()};
  }

  const GriddedBlur& blur_;
  Tensor y_;
  Interval allowed_;
  double weight_;
  Penalty penalty_;
  double safe_step_ = 0;
  Tensor x_;
  Tensor residual_;          // A x - y
  Tensor direction_;         // on the grid
  double misfit_ = 0;        // |A x - y|^2
  double conjugate_to_ = 0;  // |gradient|^2 that the direction is conjugate to; 0: to none
};

}  // namespace

std::unique_ptr<Method> bounded_gradients(const GriddedBlur& blur, const IteratedItem& item,
                                          const BoundedProblem& problem) {
  if (item.y.scalar_type() == at::kDouble)
    return std::make_unique<BoundedGradients<double>>(blur, item, problem);
  return std::make_unique<BoundedGradients<float>>(blur, item, problem);
}

}  // namespace pellucid
