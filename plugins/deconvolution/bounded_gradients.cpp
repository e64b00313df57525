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

/// The share of what is sure that a step must bring.
constexpr double kEnough = 0.1;

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
    const auto [squared, turned, sure] = project(half_gradient());
    double carried = squared_gradient_ > 0 ? std::max(0.0, turned / squared_gradient_) : 0;
    squared_gradient_ = squared;
    Tensor image;
    double length = 0;
    for (;; carried = 0) {
      const double slope = turn(carried);
      blur_.continue_around(direction_);
      image = blur_.forward(direction_);
      const double bend = squared_in_window(image) + weight_ * penalty_of_direction();
      length = bend > 0 ? slope / bend : 0;
      if (carried == 0 || (slope > 0 && slope * length >= kEnough * sure)) break;
    }
    if (!leaves_bounds(T(length))) return straight_step(image, T(length));
    image.reset();
    return projected_step(length, sure);
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

  /// What a direction uphill may have at x: nothing that goes beyond its bounds.
  T kept(T x, T uphill) const {
    const bool out = uphill > 0 ? x <= T(allowed_.lower) : x >= T(allowed_.upper);
    return out ? T(0) : uphill;
  }

  struct Projected {
    double squared;  ///< |p|^2, p the gradient less what goes beyond the bounds
    double turned;   ///< <p, p - the one before>
    double sure;     ///< by how much f falls at least where x goes `safe_step_` downhill
  };
  Projected project(const Tensor& gradient) {
    if (!projected_.defined()) projected_ = at::zeros_like(x_);
    const T* const gradients = gradient.const_data_ptr<T>();
    T* const projections = projected_.mutable_data_ptr<T>();
    const T step = T(safe_step_);
    const auto [squared, turned, gone] =
        sums_over_rows<3>(rows(), width(), [&](std::int64_t row, auto& sums) {
          const T* const x = row_of_x(row);
          const T* const slope = row_on_grid(gradients, row);
          T* const projection = projections + row * width();
          LaneSum<T> squares, products, paths;
          over_lanes(width(), [&](std::int64_t i, int lane) {
            const T now = kept(x[i], slope[i]), path = allowed_.nearest(x[i] - step * now) - x[i];
            squares.add(lane, now * now);
            products.add(lane, now * (now - projection[i]));
            paths.add(lane, path * path);
            projection[i] = now;
          });
          sums[0] += squares.total();
          sums[1] += products.total();
          sums[2] += paths.total();
        });
    return {squared, turned, gone / safe_step_};
  }

  /// The next direction, uphill; returns its product with the gradient.
  double turn(double carried) {
    if (!direction_.defined()) {
      std::vector<std::int64_t> shape = blur_.grid().sizes;
      shape.insert(shape.begin(), x_.size(0));
      direction_ = at::zeros(shape, x_.options());
    }
    const T* const projections = projected_.const_data_ptr<T>();
    T* const directions = direction_.mutable_data_ptr<T>();
    const auto [slope] = sums_over_rows<1>(rows(), width(), [&](std::int64_t row, auto& sums) {
      const T* const x = row_of_x(row);
      const T* const steepest = projections + row * width();
      T* const direction = row_on_grid(directions, row);
      LaneSum<T> products;
      over_lanes(width(), [&](std::int64_t i, int lane) {
        const T next = kept(x[i], steepest[i] + T(carried) * direction[i]);
        direction[i] = steepest[i] != 0 ? next : T(0);
        products.add(lane, direction[i] * steepest[i]);
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

  /// As far along the direction as f falls without bounds, and back to them; or, where f falls by
  /// much less than a step downhill surely brings, that step.
  Change projected_step(double length, double sure) {
    const double before = objective();
    const Tensor begin = x_;
    x_ = allowed_.nearest(begin.sub(blur_.inside(direction_, window()), length));
    predict();
    if (!(before - objective() >= kEnough * sure)) {
      direction_.reset();
      squared_gradient_ = 0;
      x_ = allowed_.nearest(begin.sub(projected_, safe_step_));
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
  Tensor residual_;              // A x - y
  Tensor projected_;             // half the gradient, less what goes beyond the bounds
  Tensor direction_;             // on the grid
  double misfit_ = 0;            // |A x - y|^2
  double squared_gradient_ = 0;  // |projected_|^2, where the direction goes on from it
};

}  // namespace

std::unique_ptr<Method> bounded_gradients(const GriddedBlur& blur, const IteratedItem& item,
                                          const BoundedProblem& problem) {
  if (item.y.scalar_type() == at::kDouble)
    return std::make_unique<BoundedGradients<double>>(blur, item, problem);
  return std::make_unique<BoundedGradients<float>>(blur, item, problem);
}

}  // namespace pellucid
