// tv_admm: least squares with few edges by alternating directions of multipliers.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <ATen/ATen.h>

#include <pellucid/numerics/border.h>
#include <pellucid/numerics/fft.h>
#include <pellucid/numerics/vectorised.h>

#include "lanes.h"
#include "least_squares.h"
#include "rows.h"
#include "tv_methods.h"
#include "variation.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

constexpr double kRelaxation = 1.7;

// With each split variable one array is kept, q = what it is nearest to: w + w~ for the differences.
// What is in the ball of q, p, is then w~, and w = q - p.

/// Samples of a row of q, and how far its differences count: those of z and y all along, or not; those
/// of x for the first `along`, the others for the first `known`.
template <class T>
struct SplitRow {
  const T *z, *y, *x;  // images have no z
  bool z_counts, y_counts;
  std::int64_t along, known;
};

/// How much of q in a row is in the ball: 1 where nothing counts of a difference, and where all is.
template <bool kVolume, class T>
[[gnu::always_inline]] inline void share_in_ball(const SplitRow<T>& q, T radius, std::int64_t count,
                                                 T* __restrict share) {
  const T z_counts = q.z_counts, y_counts = q.y_counts;
  const auto one = [&](std::int64_t i, T x_counts) [[gnu::always_inline]] {
    const T z = kVolume ? z_counts * q.z[i] : T(0), y = y_counts * q.y[i], x = x_counts * q.x[i];
    const T length = std::sqrt(z * z + y * y + x * x);
    share[i] = radius / std::max(std::max(length, radius), std::numeric_limits<T>::min());
  };
  for (std::int64_t i = 0; i < q.along; ++i) one(i, T(1));
  for (std::int64_t i = q.along; i < q.known; ++i) one(i, T(0));
  for (std::int64_t i = q.known; i < count; ++i) share[i] = 0;
}

/// Of a row of x on the grid, and of those that follow it.
template <class T>
struct GridRow {
  const T *row, *below, *behind;
  T first;  ///< of `row`, which follows its last
};

/// q becomes a D x + (1 - a) w + w~, a the relaxation.
template <bool kVolume, class T>
[[gnu::always_inline]] inline void split(T* __restrict z, T* __restrict y, T* __restrict x,
                                         const SplitRow<T>& q, GridRow<T> image,
                                         std::array<T, 3> scale, T radius, T relaxation,
                                         std::int64_t count, T* __restrict share) {
  share_in_ball<kVolume>(q, radius, count, share);
  const T z_share = q.z_counts, y_share = q.y_counts;
  for (std::int64_t i = 0; i < count; ++i) {
    if (kVolume)
      z[i] =
          relaxation * (scale[0] * (image.behind[i] - image.row[i]) + z_share * share[i] * z[i]) +
          (1 - relaxation) * z[i];
    y[i] = relaxation * (scale[1] * (image.below[i] - image.row[i]) + y_share * share[i] * y[i]) +
           (1 - relaxation) * y[i];
  }
  for (std::int64_t i = q.along; i < count; ++i) share[i] = 0;
  const auto along = [&](std::int64_t i, T next) [[gnu::always_inline]] {
    x[i] =
        relaxation * (scale[2] * (next - image.row[i]) + share[i] * x[i]) + (1 - relaxation) * x[i];
  };
  for (std::int64_t i = 0; i + 1 < count; ++i) along(i, image.row[i + 1]);
  along(count - 1, image.first);
}

/// to = weight D*(w - w~) in a row, where rows `above` and `before` it stand; `scratch` holds 2 rows.
template <bool kVolume, class T>
[[gnu::always_inline]] inline void unsplit(const SplitRow<T>& here, const SplitRow<T>& above,
                                           const SplitRow<T>& before, std::array<T, 3> scale,
                                           T radius, std::int64_t count, T* __restrict scratch,
                                           T* __restrict to) {
  T* const share = scratch;
  const T two = 2;
  share_in_ball<kVolume>(above, radius, count, share);
  const T above_counts = two * above.y_counts;
  for (std::int64_t i = 0; i < count; ++i)
    to[i] = scale[1] * (1 - above_counts * share[i]) * above.y[i];
  if (kVolume) {
    share_in_ball<kVolume>(before, radius, count, share);
    const T before_counts = two * before.z_counts;
    for (std::int64_t i = 0; i < count; ++i)
      to[i] += scale[0] * (1 - before_counts * share[i]) * before.z[i];
  }
  share_in_ball<kVolume>(here, radius, count, share);
  const T z_counts = two * here.z_counts, y_counts = two * here.y_counts;
  for (std::int64_t i = 0; i < count; ++i) {
    T sum = scale[1] * (1 - y_counts * share[i]) * here.y[i];
    if (kVolume) sum += scale[0] * (1 - z_counts * share[i]) * here.z[i];
    to[i] -= sum;
  }
  for (std::int64_t i = here.along; i < count; ++i) share[i] = 0;
  T* const along = scratch + count;
  for (std::int64_t i = 0; i < count; ++i) along[i] = scale[2] * (1 - two * share[i]) * here.x[i];
  to[0] += along[count - 1] - along[0];
  for (std::int64_t i = 1; i < count; ++i) to[i] += along[i - 1] - along[i];
}

/// q, of which v is (y + r q) / (1 + r) where y is and q elsewhere, becomes q + a (predicted - v), and
/// predicted 2 v - q.
template <class T>
[[gnu::always_inline]] inline void split_predictions(T* __restrict q, T* __restrict predicted,
                                                     const T* __restrict y, T r, T relaxation,
                                                     std::int64_t count) {
  const T share = r / (1 + r), measured = 1 / (1 + r);
  for (std::int64_t i = 0; i < count; ++i) {
    const T next = q[i] + relaxation * (predicted[i] - measured * y[i] - share * q[i]);
    predicted[i] = 2 * (measured * y[i] + share * next) - next;
    q[i] = next;
  }
}
template <class T>
[[gnu::always_inline]] inline void split_unmeasured(T* __restrict q, T* __restrict predicted,
                                                    T relaxation, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    q[i] += relaxation * (predicted[i] - q[i]);
    predicted[i] = q[i];
  }
}

template <class T>
struct Confinement {
  T lower, upper, relaxation, weight;
};

/// q becomes q + a (x - z), z the nearest value allowed; adds weight (2 z' - q') to `target`.
template <class T>
[[gnu::always_inline]] inline void confine(T* __restrict q, const T* __restrict x,
                                           T* __restrict target, Confinement<T> how,
                                           std::int64_t count) {
  const auto nearest = [&how](T value) [[gnu::always_inline]] {
    return std::min(std::max(value, how.lower), how.upper);
  };
  for (std::int64_t i = 0; i < count; ++i) {
    const T next = q[i] + how.relaxation * (x[i] - nearest(q[i]));
    target[i] += how.weight * (2 * nearest(next) - next);
    q[i] = next;
  }
}
/// The same where any value is allowed.
template <class T>
[[gnu::always_inline]] inline void follow(T* __restrict q, const T* __restrict x,
                                          T* __restrict target, Confinement<T> how,
                                          std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    q[i] += how.relaxation * (x[i] - q[i]);
    target[i] += how.weight * q[i];
  }
}

template <class T>
[[gnu::always_inline]] inline void add_distance(const T* __restrict a, const T* __restrict b,
                                                std::int64_t count, double* sums) {
  LaneSum<T> distance, size;
  over_lanes(count, [&](std::int64_t i, int lane) [[gnu::always_inline]] {
    distance.add(lane, (a[i] - b[i]) * (a[i] - b[i]));
    size.add(lane, a[i] * a[i]);
  });
  sums[0] += distance.total();
  sums[1] += size.total();
}

// `y` is null where nothing was measured.

PELLUCID_VECTORISED void predictions_split(float* q, float* predicted, const float* y, float r,
                                           float relaxation, std::int64_t count) {
  if (y) split_predictions(q, predicted, y, r, relaxation, count);
  else split_unmeasured(q, predicted, relaxation, count);
}
PELLUCID_VECTORISED void predictions_split(double* q, double* predicted, const double* y, double r,
                                           double relaxation, std::int64_t count) {
  if (y) split_predictions(q, predicted, y, r, relaxation, count);
  else split_unmeasured(q, predicted, relaxation, count);
}
PELLUCID_VECTORISED void confined(float* q, const float* x, float* target, Confinement<float> how,
                                  bool anything, std::int64_t count) {
  if (anything) follow(q, x, target, how, count);
  else confine(q, x, target, how, count);
}
PELLUCID_VECTORISED void confined(double* q, const double* x, double* target,
                                  Confinement<double> how, bool anything, std::int64_t count) {
  if (anything) follow(q, x, target, how, count);
  else confine(q, x, target, how, count);
}
/// Adds |a - b|^2 and |a|^2 to `sums`.
PELLUCID_VECTORISED void distance_added(const float* a, const float* b, std::int64_t count,
                                        double* sums) {
  add_distance(a, b, count, sums);
}
PELLUCID_VECTORISED void distance_added(const double* a, const double* b, std::int64_t count,
                                        double* sums) {
  add_distance(a, b, count, sums);
}

// Complex numbers whose real and imaginary parts take turns: X = (B + r conj(H) S) gain takes the place
// of B.

/// S becomes H X.
template <class T>
[[gnu::always_inline]] inline void solve(T* __restrict x, T* __restrict s, const T* __restrict h,
                                         const T* __restrict gain, T r, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const T h_re = h[2 * i], h_im = h[2 * i + 1], s_re = s[2 * i], s_im = s[2 * i + 1];
    const T re = gain[i] * (x[2 * i] + r * (h_re * s_re + h_im * s_im));
    const T im = gain[i] * (x[2 * i + 1] + r * (h_re * s_im - h_im * s_re));
    x[2 * i] = re;
    x[2 * i + 1] = im;
    s[2 * i] = h_re * re - h_im * im;
    s[2 * i + 1] = h_re * im + h_im * re;
  }
}

/// r = 1, and S = Y stays; adds |H X - Y|^2 to `sum`, twice but for the first, and for the last where
/// `even`.
template <class T>
[[gnu::always_inline]] inline void solve_whole(T* __restrict x, const T* __restrict y,
                                               const T* __restrict h, const T* __restrict gain,
                                               bool even, std::int64_t count, double& sum) {
  LaneSum<T> squares;
  const auto one = [&](std::int64_t i) [[gnu::always_inline]] {
    const T h_re = h[2 * i], h_im = h[2 * i + 1], y_re = y[2 * i], y_im = y[2 * i + 1];
    const T re = gain[i] * (x[2 * i] + h_re * y_re + h_im * y_im);
    const T im = gain[i] * (x[2 * i + 1] + h_re * y_im - h_im * y_re);
    x[2 * i] = re;
    x[2 * i + 1] = im;
    const T left_re = h_re * re - h_im * im - y_re, left_im = h_re * im + h_im * re - y_im;
    return left_re * left_re + left_im * left_im;
  };
  sum += double(one(0));
  over_lanes(count - 1 - even, [&](std::int64_t i, int lane)
                                   [[gnu::always_inline]] { squares.add(lane, one(i + 1)); });
  sum += 2 * squares.total();
  if (even) sum += double(one(count - 1));
}

PELLUCID_VECTORISED void solved(float* x, float* s, const float* h, const float* gain, float r,
                                std::int64_t count) {
  solve(x, s, h, gain, r, count);
}
PELLUCID_VECTORISED void solved(double* x, double* s, const double* h, const double* gain, double r,
                                std::int64_t count) {
  solve(x, s, h, gain, r, count);
}
PELLUCID_VECTORISED void solved_whole(float* x, const float* y, const float* h, const float* gain,
                                      bool even, std::int64_t count, double& sum) {
  solve_whole(x, y, h, gain, even, count, sum);
}
PELLUCID_VECTORISED void solved_whole(double* x, const double* y, const double* h,
                                      const double* gain, bool even, std::int64_t count,
                                      double& sum) {
  solve_whole(x, y, h, gain, even, count, sum);
}

PELLUCID_VECTORISED void split_row(float* z, float* y, float* x, const SplitRow<float>& q,
                                   const GridRow<float>& image, std::array<float, 3> scale,
                                   float radius, float relaxation, std::int64_t count,
                                   float* scratch) {
  if (z) split<true>(z, y, x, q, image, scale, radius, relaxation, count, scratch);
  else split<false>(z, y, x, q, image, scale, radius, relaxation, count, scratch);
}
PELLUCID_VECTORISED void split_row(double* z, double* y, double* x, const SplitRow<double>& q,
                                   const GridRow<double>& image, std::array<double, 3> scale,
                                   double radius, double relaxation, std::int64_t count,
                                   double* scratch) {
  if (z) split<true>(z, y, x, q, image, scale, radius, relaxation, count, scratch);
  else split<false>(z, y, x, q, image, scale, radius, relaxation, count, scratch);
}
PELLUCID_VECTORISED void unsplit_row(const SplitRow<float>& here, const SplitRow<float>& above,
                                     const SplitRow<float>& before, std::array<float, 3> scale,
                                     float radius, std::int64_t count, float* scratch, float* to) {
  if (here.z) unsplit<true>(here, above, before, scale, radius, count, scratch, to);
  else unsplit<false>(here, above, before, scale, radius, count, scratch, to);
}
PELLUCID_VECTORISED void unsplit_row(const SplitRow<double>& here, const SplitRow<double>& above,
                                     const SplitRow<double>& before, std::array<double, 3> scale,
                                     double radius, std::int64_t count, double* scratch,
                                     double* to) {
  if (here.z) unsplit<true>(here, above, before, scale, radius, count, scratch, to);
  else unsplit<false>(here, above, before, scale, radius, count, scratch, to);
}

/// The whole grid of a blur as a window.
Window whole(const BlurGrid& grid) {
  Window window;
  std::copy(grid.sizes.begin(), grid.sizes.end(), window.sizes.end() - std::ssize(grid.sizes));
  return window;
}

/// H: (channels, half spectrum...) of kernels (channels, sizes...) with their centres at the origin.
Tensor response_of(const Tensor& kernel, const BlurGrid& grid) {
  Tensor placed = kernel;
  for (std::size_t a = 0; a < grid.sizes.size(); ++a) {
    const auto axis = static_cast<std::int64_t>(a) + 1;
    const std::int64_t taps = kernel.size(axis);
    const Tensor places = (at::arange(taps, at::kLong) - taps / 2).remainder(grid.sizes[a]);
    Sizes shape = placed.sizes().vec();
    shape[a + 1] = grid.sizes[a];
    placed = at::zeros(shape, placed.options()).index_add_(axis, places, placed);
  }
  return at::fft_rfftn(placed, std::nullopt, last_axes(grid.sizes.size()));
}

/// sum over axes of scale^2 |exp(2 pi i f) - 1|^2 on the half spectrum, in float64.
Tensor squared_differences(const BlurGrid& grid, const std::array<double, 3>& scale) {
  Tensor sum = at::zeros({}, at::kDouble);
  for (std::size_t a = 0; a < grid.sizes.size(); ++a) {
    const std::int64_t n = grid.sizes[a], count = a + 1 == grid.sizes.size() ? n / 2 + 1 : n;
    const double own = scale[3 - grid.sizes.size() + a];
    const Tensor angle = at::arange(count, at::kDouble) * (std::numbers::pi / double(n));
    sum = sum.unsqueeze(-1) + at::sin(angle).square_().mul_(4 * own * own);
  }
  return sum;
}

template <class T>
class TvAdmm final : public Method {
 public:
  TvAdmm(const GriddedBlur& blur, const Tensor& kernel, const IteratedItem& item,
         const TvProblem& problem)
      : blur_(blur),
        fft_(blur.grid().sizes, item.y.scalar_type()),
        y_(item.y),
        problem_(problem),
        grid_(whole(blur.grid())) {
    const BlurGrid& grid = blur.grid();
    const bool circular = grid.boundary == Boundary::circular;
    masked_ = !circular;
    bounded_ = std::isfinite(problem.allowed.lower) || std::isfinite(problem.allowed.upper);
    continued_ = grid.boundary == Boundary::reflect || grid.boundary == Boundary::replicate;
    projected_ = bounded_ || continued_ || grid.boundary == Boundary::zero;

    const double norm = problem.squared_norm;
    differences_ = std::max(5 * problem.weight * std::sqrt(norm) / spread_of(item.y), 1e-6 * norm);
    values_ = 0.03 * norm;
    predictions_ = projected_ ? 0.1 : 0.03;
    const Tensor response = response_of(kernel.to(at::kDouble), grid);
    Tensor curvature = at::real(response * response.conj()).mul_(masked_ ? predictions_ : 1.0);
    curvature = curvature.add_(squared_differences(grid, problem.scale), differences_);
    if (projected_) curvature = curvature.add_(values_);
    const double least = 1e-14 * curvature.max().template item<double>();
    const auto real = item.y.scalar_type();
    gain_ = at::where(curvature > least, curvature.reciprocal(), 0.0).to(real);
    response_ = response.to(c10::toComplexType(real));

    x_ = blur.embedded(problem.allowed.nearest(item.start));
    Sizes sizes = x_.sizes().vec();
    if (circular) data_ = fft_.forward(y_);
    if (projected_) split_x_ = x_.clone();
    sizes.insert(sizes.begin(), x_.dim() - 1);
    split_differences_ = at::zeros(sizes, x_.options());
    if (continued_) copies_ = copies_of();
  }

  double measure(const Tensor& residual) override {
    // Without a mask the spectra say how far it is from y.
    if (!masked_ && !residual.defined() && iteration_ > 0) return std::sqrt(squares_);
    if (!predicted_.defined()) predicted_ = blur_.forward(x_);
    const Window& window = blur_.grid().y;
    const T* const predictions = predicted_.const_data_ptr<T>();
    const T* const data = y_.const_data_ptr<T>();
    squares_ = sums_over_rows<2>(
        y_.size(0) * window.rows(), window.width(), [&](std::int64_t row, auto& sums) {
          distance_added(predictions + blur_.grid().place(window, row), data + row * window.width(),
                         window.width(), sums.data());
        })[0];
    if (residual.defined()) residual.copy_(blur_.inside(predicted_, window)).sub_(y_);
    return std::sqrt(squares_);
  }

  double objective() const override {
    return squares_ / 2 +
           problem_.weight * scaled_variation(blur_.inside(x_, window()), problem_.scale);
  }

  Change step() override {
    const double relaxation = iteration_ == 0 ? 1 : kRelaxation;
    split_differences(T(relaxation));
    Tensor target = differences_back();
    if (projected_) split_values(T(iteration_ == 0 ? 0 : relaxation), target);
    Tensor spectrum = fft_.forward(target);
    target.reset();
    if (masked_) {
      if (iteration_ == 0) split_y_ = predicted_.clone();
      split_measured(T(iteration_ == 0 ? 0 : relaxation));
      Tensor blurred = fft_.forward(predicted_);
      predicted_.reset();
      solve_for(spectrum, blurred);
      predicted_ = fft_.inverse_destroying(std::move(blurred));
    } else {
      predicted_.reset();
      solve_for(spectrum, data_);
    }
    const Change change = replace(fft_.inverse_destroying(std::move(spectrum)));
    ++iteration_;
    return change;
  }

  Tensor estimate() const override {
    const Tensor found = blur_.inside(x_, window());
    return bounded_ ? problem_.allowed.nearest(found) : found;
  }

 private:
  const Window& window() const { return blur_.grid().x; }

  /// Of y: its standard deviation, or as much as rounding leaves to tell.
  static double spread_of(const Tensor& y) {
    const double mean = y.mean(at::kDouble).template item<double>();
    const double square = y.square().mean(at::kDouble).template item<double>();
    const double spread = std::sqrt(std::max(square - mean * mean, 1e-6 * square));
    return spread > 0 ? spread : 1;
  }

  /// How often each place of the window stands on the grid.
  Tensor copies_of() const {
    Tensor ones = blur_.embedded(at::ones_like(blur_.inside(x_, window())).narrow(0, 0, 1));
    return blur_.inside(gathered(std::move(ones)), window()).contiguous();
  }

  /// What stands beyond the window of x and repeats samples of it is added to them.
  Tensor gathered(Tensor images) const {
    const BlurGrid& grid = blur_.grid();
    for (std::int64_t axis = 1; axis < images.dim(); ++axis) {
      const auto a3 = static_cast<std::size_t>(axis + 3 - images.dim());
      const std::int64_t n = grid.x.sizes[a3], size = images.size(axis);
      std::vector<std::int64_t> from, to;
      const auto repeat = [&](std::int64_t place, std::int64_t index) {
        from.push_back(index);
        to.push_back(source_position(place, n, grid.boundary));
      };
      for (std::int64_t i = 0; i < grid.after[a3]; ++i) repeat(n + i, n + i);
      for (std::int64_t i = 1; i <= grid.before[a3]; ++i) repeat(-i, size - i);
      if (from.empty()) continue;
      images.index_add_(axis, at::tensor(to, at::kLong),
                        images.index_select(axis, at::tensor(from, at::kLong)));
    }
    return images;
  }

  /// The nearest images that are allowed in the window and, beyond it, repeat it.
  Tensor nearest_continued(const Tensor& images) const {
    const Tensor mean = blur_.inside(gathered(images.clone()), window()).div_(copies_);
    return blur_.embedded(problem_.allowed.nearest(mean));
  }

  /// Adds r2 (z - z~) to `target`.
  void split_values(T relaxation, const Tensor& target) {
    if (continued_) {
      if (relaxation > 0) split_x_.add_(x_ - nearest_continued(split_x_), relaxation);
      target.add_(nearest_continued(split_x_).mul_(2).sub_(split_x_), values_);
      return;
    }
    const bool dark = blur_.grid().boundary == Boundary::zero;
    const Confinement<T> inside{T(problem_.allowed.lower), T(problem_.allowed.upper), relaxation,
                                T(values_)};
    const Confinement<T> beyond{0, 0, relaxation, T(values_)};
    T* const q = split_x_.mutable_data_ptr<T>();
    const T* const x = x_.const_data_ptr<T>();
    T* const to = target.mutable_data_ptr<T>();
    over_grid_rows([&](std::int64_t image, std::int64_t z, std::int64_t y) {
      const std::int64_t at = place(image, z, y), known = known_in(window(), z, y);
      confined(q + at, x + at, to + at, inside, !bounded_, known);
      const std::int64_t next = at + known;
      confined(q + next, x + next, to + next, beyond, !dark, grid_.width() - known);
    });
  }

  /// H x becomes v - v~.
  void split_measured(T relaxation) {
    const Window& measured = blur_.grid().y;
    T* const q = split_y_.mutable_data_ptr<T>();
    T* const predicted = predicted_.mutable_data_ptr<T>();
    const T* const data = y_.const_data_ptr<T>();
    over_grid_rows([&](std::int64_t image, std::int64_t z, std::int64_t y) {
      const std::int64_t at = place(image, z, y), known = known_in(measured, z, y);
      const std::int64_t begin = known > 0 ? measured.offset[2] : 0, end = begin + known;
      const auto part = [&](std::int64_t from, std::int64_t to, const T* values) {
        if (from < to)
          predictions_split(q + at + from, predicted + at + from, values, T(predictions_),
                            relaxation, to - from);
      };
      const std::int64_t row =
          (image * measured.sizes[0] + z - measured.offset[0]) * measured.sizes[1] + y -
          measured.offset[1];
      part(0, begin, nullptr);
      part(begin, end, known > 0 ? data + row * measured.width() : nullptr);
      part(end, grid_.width(), nullptr);
    });
  }

  /// Samples of a row of the grid that stand in a window.
  static std::int64_t known_in(const Window& window, std::int64_t z, std::int64_t y) {
    const auto within = [&window](std::size_t axis, std::int64_t i) {
      return i >= window.offset[axis] && i < window.offset[axis] + window.sizes[axis];
    };
    return within(0, z) && within(1, y) ? window.width() : 0;
  }

  /// Where a row of the grid begins.
  std::int64_t place(std::int64_t image, std::int64_t z, std::int64_t y) const {
    return ((image * grid_.sizes[0] + z) * grid_.sizes[1] + y) * grid_.width();
  }

  std::array<T, 3> scale() const {
    return {T(problem_.scale[0]), T(problem_.scale[1]), T(problem_.scale[2])};
  }
  T radius() const { return T(problem_.weight / differences_); }

  T* differences(std::size_t axis) const {
    const std::int64_t place = std::int64_t(axis) - (4 - x_.dim());
    return place < 0 ? nullptr : split_differences_.mutable_data_ptr<T>() + place * x_.numel();
  }

  /// Row `y` of plane `z` of an image.
  SplitRow<T> split_row_of(std::int64_t image, std::int64_t z, std::int64_t y) const {
    const std::int64_t at = place(image, z, y);
    const Window& known = window();
    const bool inside = z < known.sizes[0] && y < known.sizes[1];
    const T* const along_z = differences(0);
    return {along_z ? along_z + at : nullptr,
            differences(1) + at,
            differences(2) + at,
            inside && z + 1 < known.sizes[0],
            inside && y + 1 < known.sizes[1],
            inside ? known.width() - 1 : 0,
            inside ? known.width() : 0};
  }

  /// Calls `one(image, z, y)` for all rows of the grid.
  template <class One>
  void over_grid_rows(One one) const {
    for_rows(x_.size(0) * grid_.rows(), grid_.width(), [&](std::int64_t row) {
      one(row / grid_.rows(), row / grid_.sizes[1] % grid_.sizes[0], row % grid_.sizes[1]);
    });
  }

  void split_differences(T relaxation) {
    const T* const images = x_.const_data_ptr<T>();
    const std::int64_t width = grid_.width(), height = grid_.sizes[1], depth = grid_.sizes[0];
    T *const all_z = differences(0), *const all_y = differences(1), *const all_x = differences(2);
    over_grid_rows([&](std::int64_t image, std::int64_t z, std::int64_t y) {
      const std::int64_t here = place(image, z, y);
      const GridRow<T> rows{images + here, images + place(image, z, (y + 1) % height),
                            images + place(image, (z + 1) % depth, y), images[here]};
      std::vector<T> scratch(static_cast<std::size_t>(width));
      split_row(all_z ? all_z + here : nullptr, all_y + here, all_x + here,
                split_row_of(image, z, y), rows, scale(), radius(), relaxation, width,
                scratch.data());
    });
  }

  /// r1 D*(w - w~).
  Tensor differences_back() const {
    Tensor sum = at::empty_like(x_);
    T* const to = sum.mutable_data_ptr<T>();
    const std::int64_t width = grid_.width(), height = grid_.sizes[1], depth = grid_.sizes[0];
    std::array<T, 3> weights = scale();
    for (T& weight : weights) weight *= T(differences_);
    over_grid_rows([&](std::int64_t image, std::int64_t z, std::int64_t y) {
      std::vector<T> scratch(static_cast<std::size_t>(2 * width));
      unsplit_row(split_row_of(image, z, y), split_row_of(image, z, (y + height - 1) % height),
                  split_row_of(image, (z + depth - 1) % depth, y), weights, radius(), width,
                  scratch.data(), to + place(image, z, y));
    });
    return sum;
  }

  /// `spectrum`, that of what the differences and values say, becomes that of x. `other` is that of what
  /// the predictions say, and becomes H x; without a mask it is that of y, and stays.
  void solve_for(const Tensor& spectrum, const Tensor& other) {
    const std::int64_t width = spectrum.size(-1), period = gain_.numel() / width;
    auto* const x = static_cast<T*>(spectrum.mutable_data_ptr());
    auto* const s = static_cast<T*>(other.mutable_data_ptr());
    const auto* const h = static_cast<const T*>(response_.const_data_ptr());
    const T* const gain = gain_.const_data_ptr<T>();
    const bool even = grid_.width() % 2 == 0;
    const auto [squares] =
        sums_over_rows<1>(spectrum.numel() / width, 2 * width, [&](std::int64_t row, auto& sums) {
          const std::int64_t at = row * width, of_kernel = row % period * width;
          if (masked_)
            solved(x + 2 * at, s + 2 * at, h + 2 * of_kernel, gain + of_kernel, T(predictions_),
                   width);
          else
            solved_whole(x + 2 * at, s + 2 * at, h + 2 * of_kernel, gain + of_kernel, even, width,
                         sums[0]);
        });
    if (!masked_) squares_ = squares / double(grid_.samples());
  }

  Change replace(Tensor&& next) {
    const T *const from = x_.const_data_ptr<T>(), *const to = next.const_data_ptr<T>();
    const auto [change, size] = sums_over_rows<2>(
        x_.size(0) * window().rows(), window().width(), [&](std::int64_t row, auto& sums) {
          const std::int64_t at = blur_.grid().place(window(), row);
          distance_added(to + at, from + at, window().width(), sums.data());
        });
    x_ = std::move(next);
    return {std::sqrt(change), std::sqrt(size)};
  }

  const GriddedBlur& blur_;
  RealFft fft_;
  Tensor y_;
  const TvProblem& problem_;
  Window grid_;
  bool masked_, bounded_, continued_, projected_;
  double predictions_, differences_, values_;  // r0, r1, r2
  Tensor response_, gain_;  // of kernels, on the half spectrum: H, 1 / (r0 |H|^2 + r1 |D|^2 + r2)
  Tensor data_;             // Y, where y is not split
  Tensor copies_;           // how often each sample of x stands on the grid
  Tensor x_, predicted_;    // on the grid; H x
  Tensor split_differences_, split_y_, split_x_;
  double squares_ = 0;
  std::int64_t iteration_ = 0;
};

}  // namespace

std::unique_ptr<Method> tv_by_admm(const GriddedBlur& blur, const Tensor& kernel,
                                   const IteratedItem& item, const TvProblem& problem) {
  if (item.y.scalar_type() == at::kDouble)
    return std::make_unique<TvAdmm<double>>(blur, kernel, item, problem);
  return std::make_unique<TvAdmm<float>>(blur, kernel, item, problem);
}

}  // namespace pellucid
