// tv_primal_dual: least squares with few edges by a primal-dual iteration.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <ATen/ATen.h>

#include <pellucid/numerics/vectorised.h>

#include "lanes.h"
#include "least_squares.h"
#include "rows.h"
#include "tv_methods.h"
#include "variation.h"

namespace pellucid {
namespace {

/// Dual variables at a row: those of the row, and those of the rows above and before it.
template <class T>
struct DualRow {
  const T *z, *y, *x, *z_before, *y_above;
};

template <class T>
struct PrimalStep {
  T step, lower, upper;
  std::array<T, 3> scale;
};

/// x becomes C(x - step (slope + D* u)), ahead = 2 x' - x; adds |x' - x|^2 and |x'|^2 to `sums`.
template <class T>
[[gnu::always_inline]] inline void go_down(T* __restrict x, const T* __restrict slope, DualRow<T> u,
                                           T* __restrict ahead, PrimalStep<T> how,
                                           std::int64_t count, double* sums) {
  LaneSum<T> change, size;
  const auto one = [&](std::int64_t i, int lane, T x_before) [[gnu::always_inline]] {
    const T back = how.scale[0] * (u.z_before[i] - u.z[i]) +
                   how.scale[1] * (u.y_above[i] - u.y[i]) + how.scale[2] * (x_before - u.x[i]);
    const T moved = x[i] - how.step * (slope[i] + back);
    const T next = std::min(std::max(moved, how.lower), how.upper), gone = next - x[i];
    ahead[i] = next + gone;
    x[i] = next;
    change.add(lane, gone * gone);
    size.add(lane, next * next);
  };
  one(0, 0, T(0));
  over_lanes(count - 1,
             [&](std::int64_t i, int lane) [[gnu::always_inline]] { one(i + 1, lane, u.x[i]); });
  sums[0] += change.total();
  sums[1] += size.total();
}

template <class T>
struct DualStep {
  T weight;
  std::array<T, 3> step;  ///< s times the scale
};

/// u becomes what is in the ball of u + s D ahead, where `row` of `ahead` is followed by `below` and
/// `behind`; images have no z.
template <bool kVolume, class T>
[[gnu::always_inline]] inline void go_up(T* __restrict z, T* __restrict y, T* __restrict x,
                                         const T* __restrict row, const T* below, const T* behind,
                                         DualStep<T> how, std::int64_t count) {
  const auto one = [&](std::int64_t i, T along) [[gnu::always_inline]] {
    const T new_z = kVolume ? z[i] + how.step[0] * (behind[i] - row[i]) : T(0);
    const T new_y = y[i] + how.step[1] * (below[i] - row[i]);
    const T new_x = x[i] + how.step[2] * along;
    const T length = std::sqrt(new_z * new_z + new_y * new_y + new_x * new_x);
    const T share =
        how.weight / std::max(std::max(length, how.weight), std::numeric_limits<T>::min());
    if (kVolume) z[i] = new_z * share;
    y[i] = new_y * share;
    x[i] = new_x * share;
  };
  for (std::int64_t i = 0; i + 1 < count; ++i) one(i, row[i + 1] - row[i]);
  one(count - 1, T(0));
}

PELLUCID_VECTORISED void gone_down(float* x, const float* slope, DualRow<float> u, float* ahead,
                                   PrimalStep<float> how, std::int64_t count, double* sums) {
  go_down(x, slope, u, ahead, how, count, sums);
}
PELLUCID_VECTORISED void gone_down(double* x, const double* slope, DualRow<double> u, double* ahead,
                                   PrimalStep<double> how, std::int64_t count, double* sums) {
  go_down(x, slope, u, ahead, how, count, sums);
}
PELLUCID_VECTORISED void gone_up(float* z, float* y, float* x, const float* row, const float* below,
                                 const float* behind, DualStep<float> how, std::int64_t count) {
  if (z) go_up<true>(z, y, x, row, below, behind, how, count);
  else go_up<false>(z, y, x, row, below, behind, how, count);
}
PELLUCID_VECTORISED void gone_up(double* z, double* y, double* x, const double* row,
                                 const double* below, const double* behind, DualStep<double> how,
                                 std::int64_t count) {
  if (z) go_up<true>(z, y, x, row, below, behind, how, count);
  else go_up<false>(z, y, x, row, below, behind, how, count);
}

template <class T>
class TvPrimalDual final : public Method {
 public:
  TvPrimalDual(const GriddedBlur& blur, const IteratedItem& item, const TvProblem& problem)
      : blur_(blur), y_(item.y), problem_(problem) {
    const Tensor start = problem.allowed.nearest(item.start);
    x_ = blur.embedded(start);
    ahead_ = at::empty(start.sizes(), start.options());
    std::vector<std::int64_t> sizes = start.sizes().vec();
    sizes.insert(sizes.begin(), start.dim() - 1);
    dual_ = at::zeros(sizes, start.options());
    zeros_.resize(std::size_t(blur.grid().x.width()));
    double squares = 0;
    for (const double scale : problem.scale) squares += scale * scale;
    dual_step_ = problem.squared_norm / (16 * squares);
  }

  double measure(const Tensor& residual) override {
    residual_ = blur_.forward(x_);
    squares_ = subtract_measured(blur_, residual_, y_);
    if (residual.defined()) residual.copy_(blur_.inside(residual_, blur_.grid().y));
    return std::sqrt(squares_);
  }

  double objective() const override {
    return squares_ / 2 + problem_.weight * scaled_variation(estimate(), problem_.scale);
  }

  Change step() override {
    const Tensor slope = blur_.adjoint(std::move(residual_));
    const Change change = primal_step(slope.const_data_ptr<T>());
    dual_step();
    blur_.continue_around(x_);
    return change;
  }

  Tensor estimate() const override { return blur_.inside(x_, blur_.grid().x); }

 private:
  std::int64_t rows() const { return ahead_.size(0) * window().rows(); }
  const Window& window() const { return blur_.grid().x; }
  /// Rows of the dual variables of an axis, of which images have but two.
  T* dual(std::size_t axis) const {
    const std::int64_t missing = 4 - ahead_.dim(), place = std::int64_t(axis) - missing;
    return place < 0 ? nullptr : dual_.mutable_data_ptr<T>() + place * ahead_.numel();
  }

  Change primal_step(const T* slope) {
    const std::int64_t width = window().width(), height = window().sizes[1];
    const PrimalStep<T> how{T(4 / (3 * problem_.squared_norm)),
                            T(problem_.allowed.lower),
                            T(problem_.allowed.upper),
                            {T(problem_.scale[0]), T(problem_.scale[1]), T(problem_.scale[2])}};
    T* const x = x_.mutable_data_ptr<T>();
    T* const ahead = ahead_.mutable_data_ptr<T>();
    const T *const along_z = dual(0), *const along_y = dual(1), *const along_x = dual(2);
    const auto [change, size] = sums_over_rows<2>(rows(), width, [&](std::int64_t row, auto& sums) {
      const std::int64_t place = blur_.grid().place(window(), row), at = row * width;
      const bool first_y = row % height == 0, first_z = row / height % window().sizes[0] == 0;
      const T* const none = zeros_.data();
      const DualRow<T> u{along_z ? along_z + at : none, along_y + at, along_x + at,
                         along_z && !first_z ? along_z + at - height * width : none,
                         first_y ? none : along_y + at - width};
      gone_down(x + place, slope + place, u, ahead + at, how, width, sums.data());
    });
    return {std::sqrt(change), std::sqrt(size)};
  }

  void dual_step() {
    const std::int64_t width = window().width(), height = window().sizes[1];
    const std::int64_t depth = window().sizes[0];
    const DualStep<T> how{T(problem_.weight),
                          {T(dual_step_ * problem_.scale[0]), T(dual_step_ * problem_.scale[1]),
                           T(dual_step_ * problem_.scale[2])}};
    const T* const ahead = ahead_.const_data_ptr<T>();
    T *const along_z = dual(0), *const along_y = dual(1), *const along_x = dual(2);
    for_rows(rows(), width, [&](std::int64_t row) {
      const T* const here = ahead + row * width;
      const bool last_y = row % height == height - 1, last_z = row / height % depth == depth - 1;
      gone_up(along_z ? along_z + row * width : nullptr, along_y + row * width,
              along_x + row * width, here, last_y ? here : here + width,
              last_z ? here : here + height * width, how, width);
    });
  }

  const GriddedBlur& blur_;
  Tensor y_;
  const TvProblem& problem_;
  double dual_step_ = 0, squares_ = 0;
  Tensor x_;         // on the grid
  Tensor ahead_;     // 2 x' - x
  Tensor dual_;      // u, (axes, sizes of x...)
  Tensor residual_;  // on the grid; between `measure` and `step`
  std::vector<T> zeros_;
};

}  // namespace

std::unique_ptr<Method> tv_by_primal_dual(const GriddedBlur& blur, const IteratedItem& item,
                                          const TvProblem& problem) {
  if (item.y.scalar_type() == at::kDouble)
    return std::make_unique<TvPrimalDual<double>>(blur, item, problem);
  return std::make_unique<TvPrimalDual<float>>(blur, item, problem);
}

}  // namespace pellucid
