#include "bounded_gradients.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "lanes.h"
#include "least_squares.h"
#include "rows.h"

namespace pellucid {
namespace {

/// The sum of `use(i, value)` over the Laplacian of images, sample by sample.
template <class T, class Use>
double sum_over_laplacian(const Window& window, bool around, std::int64_t planes, const T* images,
                          Use use) {
  const auto [depth, height, width] = window.sizes;
  // Which sample comes `steps` after one of n, itself where there is none.
  const auto next_to = [around](std::int64_t i, std::int64_t steps, std::int64_t n) {
    const std::int64_t place = i + steps;
    return around ? (place + n) % n : std::clamp<std::int64_t>(place, 0, n - 1);
  };
  const auto [sum] =
      sums_over_rows<1>(planes * window.rows(), width, [&](std::int64_t number, auto& sums) {
        const std::int64_t y = number % height, z = number / height % depth;
        const T* const volume = images + (number - y - z * height) * width;
        const auto row_at = [&](std::int64_t plane, std::int64_t line) {
          return volume + (plane * height + line) * width;
        };
        const T* const row = row_at(z, y);
        const T* const up = row_at(z, next_to(y, -1, height));
        const T* const down = row_at(z, next_to(y, 1, height));
        const T* const front = row_at(next_to(z, -1, depth), y);
        const T* const behind = row_at(next_to(z, 1, depth), y);
        const T before = row[next_to(0, -1, width)], after = row[next_to(width - 1, 1, width)];
        LaneSum<T> terms;
        over_lanes(width, [&](std::int64_t i, int lane) {
          const T left = i > 0 ? row[i - 1] : before, right = i + 1 < width ? row[i + 1] : after;
          const T value = 6 * row[i] - left - right - up[i] - down[i] - front[i] - behind[i];
          terms.add(lane, use(number * width + i, value));
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
        x_(allowed_.nearest(item.start).contiguous()),
        residual_(at::empty_like(y_)) {
    const double axes = 4 * double(blur.grid().sizes.size());
    const double of_penalty = penalty_ == Penalty::laplacian ? axes * axes : 1;
    safe_step_ = 1 / (problem.squared_norm + weight_ * of_penalty);
    misfit_ = predict(blur_, x_, y_, residual_);
  }

  double measure(const Tensor& residual) override {
    if (residual.defined()) residual.copy_(residual_);
    return std::sqrt(misfit_);
  }

  double objective() const override { return misfit_ + weight_ * penalty_of(x_); }

  Change step() override {
    const auto [squared, turned, sure] = project(half_gradient());
    double carried = squared_gradient_ > 0 ? std::max(0.0, turned / squared_gradient_) : 0;
    squared_gradient_ = squared;
    Tensor image;
    double length = 0;
    for (;; carried = 0) {
      const double slope = turn(carried);
      image = blur_.blurred(direction_);
      const double bend = squared_length(image) + weight_ * penalty_of(direction_);
      length = bend > 0 ? slope / bend : 0;
      if (carried == 0 || (slope > 0 && slope * length >= kEnough * sure)) break;
    }
    if (!leaves_bounds(T(length))) return straight_step(image, T(length));
    image.reset();
    return projected_step(length, sure);
  }

  Tensor estimate() const override { return x_; }

 private:
  /// Sums over the samples of images in rows of `width`: `one(i, sums)` adds to N lane sums.
  template <std::size_t N, class One>
  static std::array<double, N> sums_over(const Tensor& images, One one) {
    const std::int64_t width = images.size(-1);
    return sums_over_rows<N>(images.numel() / width, width, [&](std::int64_t row, auto& sums) {
      std::array<LaneSum<T>, N> lanes;
      over_lanes(width, [&](std::int64_t i, int lane) {
        one(row * width + i, [&](std::size_t k, T term) { lanes[k].add(lane, term); });
      });
      for (std::size_t k = 0; k < N; ++k) sums[k] += lanes[k].total();
    });
  }

  static double squared_length(const Tensor& images) {
    const T* const values = images.const_data_ptr<T>();
    return sums_over<1>(images,
                        [values](std::int64_t i, auto add) { add(0, values[i] * values[i]); })[0];
  }

  template <class Use>
  double over_laplacian(const Tensor& images, Use use) const {
    return sum_over_laplacian(blur_.grid().x, blur_.grid().boundary == Boundary::circular,
                              images.size(0), images.const_data_ptr<T>(), use);
  }

  /// |L x|^2, or 0 where nothing depends on it.
  double penalty_of(const Tensor& x) const {
    if (weight_ == 0) return 0;
    if (penalty_ == Penalty::identity) return squared_length(x);
    return over_laplacian(x, [](std::int64_t, T value) { return value * value; });
  }

  /// A*(A x - y) + weight L* L x.
  Tensor half_gradient() const {
    const Tensor gradient = blur_.returned(residual_);
    if (weight_ == 0) return gradient;
    if (penalty_ == Penalty::identity) return gradient.add_(x_, weight_);
    const Tensor differences = at::empty_like(x_);
    T* const values = differences.mutable_data_ptr<T>();
    T* const slopes = gradient.mutable_data_ptr<T>();
    over_laplacian(x_, [values](std::int64_t i, T value) {
      values[i] = value;
      return T(0);
    });
    over_laplacian(differences, [&](std::int64_t i, T value) {
      slopes[i] += T(weight_) * value;
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
    const T* const x = x_.const_data_ptr<T>();
    const T* const slopes = gradient.const_data_ptr<T>();
    T* const projections = projected_.mutable_data_ptr<T>();
    const T step = T(safe_step_);
    const auto [squared, turned, gone] = sums_over<3>(x_, [&](std::int64_t i, auto add) {
      const T now = kept(x[i], slopes[i]), path = allowed_.nearest(x[i] - step * now) - x[i];
      add(0, now * now);
      add(1, now * (now - projections[i]));
      add(2, path * path);
      projections[i] = now;
    });
    return {squared, turned, gone / safe_step_};
  }

  /// The next direction, uphill; returns its product with the gradient.
  double turn(double carried) {
    if (!direction_.defined()) direction_ = at::zeros_like(x_);
    const T* const x = x_.const_data_ptr<T>();
    const T* const steepest = projected_.const_data_ptr<T>();
    T* const direction = direction_.mutable_data_ptr<T>();
    return sums_over<1>(x_, [&](std::int64_t i, auto add) {
      const T next = kept(x[i], steepest[i] + T(carried) * direction[i]);
      direction[i] = steepest[i] != 0 ? next : T(0);
      add(0, direction[i] * steepest[i]);
    })[0];
  }

  bool leaves_bounds(T length) const {
    if (std::isinf(allowed_.lower) && std::isinf(allowed_.upper)) return false;
    const T* const x = x_.const_data_ptr<T>();
    const T* const direction = direction_.const_data_ptr<T>();
    return sums_over<1>(x_, [&](std::int64_t i, auto add) {
             const T next = x[i] - length * direction[i];
             add(0, next != allowed_.nearest(next) ? T(1) : T(0));
           })[0] > 0;
  }

  Change straight_step(const Tensor& image, T length) {
    T* const x = x_.mutable_data_ptr<T>();
    const T* const direction = direction_.const_data_ptr<T>();
    const auto [change, size] = sums_over<2>(x_, [&](std::int64_t i, auto add) {
      const T gone = length * direction[i];
      x[i] -= gone;
      add(0, gone * gone);
      add(1, x[i] * x[i]);
    });
    T* const residual = residual_.mutable_data_ptr<T>();
    const T* const predicted = image.const_data_ptr<T>();
    misfit_ = sums_over<1>(residual_, [&](std::int64_t i, auto add) {
      residual[i] -= length * predicted[i];
      add(0, residual[i] * residual[i]);
    })[0];
    return {std::sqrt(change), std::sqrt(size)};
  }

  /// As far along the direction as f falls without bounds, and back to them; or, where f falls by
  /// much less than a step downhill surely brings, that step.
  Change projected_step(double length, double sure) {
    const double before = objective();
    const Tensor begin = x_;
    x_ = allowed_.nearest(begin.sub(direction_, length));
    misfit_ = predict(blur_, x_, y_, residual_);
    if (!(before - objective() >= kEnough * sure)) {
      direction_.reset();
      squared_gradient_ = 0;
      x_ = allowed_.nearest(begin.sub(projected_, safe_step_));
      misfit_ = predict(blur_, x_, y_, residual_);
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
  Tensor residual_;   // A x - y
  Tensor projected_;  // half the gradient, less what goes beyond the bounds
  Tensor direction_;
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
