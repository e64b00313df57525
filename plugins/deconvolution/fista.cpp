// fista: the image with few wavelet coefficients whose blur is near y, by steps down the gradient and
// shrinking.
//
//   x = argmin 1/2 |A x - y|^2 + weight |W x|_1    within `constraint`, each item on its own
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//
//   W: details of an orthogonal, separable wavelet transform, level by level; what is low along all
//   axes in the last level costs nothing. It is periodic, of images as large as the next multiples of
//   2^levels: what they have more than x is found with it, as y knows nothing of it whatever makes
//   |W x|_1 least. An axis has at most so many levels that 2^levels is not above its size.
//
//   With t = 1 / |A|^2, |A|^2 by Schur's upper bound (see deconvolution/landweber):
//     ista    x' = P(z - t A*(A z - y)) from z = x, P what takes weight t off the moduli of details [1]:
//             the objective never grows
//     fista   z = x + (m - 1) / m' (x - x_before), m' = (1 + (1 + 4 m^2)^(1/2)) / 2, from m = 1 [2];
//             where <z - x', x' - x> > 0 it begins anew with m = 1 [3]
//   With a constraint P has no formula. With v = z - t A*(A z - y), C the nearest allowed values and q,
//   from 0, what was taken off in the iteration before, each iteration goes one step of its dual:
//     q' = W*(what of W(q + C(v - q)) is within weight t),   x' = C(v - q')
//   which with ista tends to the minimum [4]; with fista that is not proven, but where both stand still
//   they stand at the minimum. The objective may grow.
//
//   cycle_spinning moves the wavelets by s samples, another s in each iteration [5]: for iteration k and
//   axis a of d, s = floor(2^levels (k / g^a modulo 1)) with g^(d + 1) = g + 1. This has no blocks. It
//   tends to the neighbourhood of what is least with the mean of |W x|_1 over all s [6]; the
//   objective that the history reports is that of s = 0.
//
// Inputs
//   y           blurred images
//   A           the blur
//   init        optional: where to start, spec of x, one item or as many as y, such as that of
//               deconvolution/wiener
//   reference   optional: the truth, spec of x, one item or as many as y; gives the history a psnr
// Outputs
//   x         estimate, spec of what A takes
//   history   a row for every `every` iterations of an item, and for its last: iteration, objective,
//             residual |A x - y|, psnr of x [dB] with a reference (range: of its values), stopped: in
//             the last row of an item, the rule that ended it
// Settings (keys in a pipeline file)
//   iterations [1]   at most, >= 1                                              default 50
//   weight           of the details, unit of y, >= 0                            required
//   wavelet          haar: blocks; daubechies: the shortest filter of so many vanishing moments;
//                    moments [1], in [1, 10], default 4                         default haar
//   levels [1]       how often sizes are halved, in [1, 16]                     default 4
//   cycle_spinning   whether wavelets are moved from iteration to iteration     default true
//   method           fista, or ista                                             default fista
//   constraint       which values x may have; none: any; non_negative: none below 0; bounds: lower,
//                    unit of y, default 0; upper, unit of y, required            default none
//   start            where to begin without init: constant, the one that gives an image its flux,
//                    sum(y) / sum(A* 1); data: y, its border samples repeated beyond it; zero
//                    default constant
//   stop             when an item is done sooner, for any of these reasons;
//                    tolerance [1] an iteration changes x by less, relative to x, >= 0, default 0
//                    (never); noise, standard deviation of y, > 0: the residual is tau times that of so
//                    much noise (discrepancy principle); tau [1], > 0, default 1; whiteness [1], in
//                    [0, 1]: the residual's cumulative periodogram lies above that of white noise by
//                    less, looked at with each row of the history; time [s] of an item, > 0: what is
//                    found then depends on the machine
//   every [1]        iterations from one row of the history to the next, >= 1   default 10
//
// Errors
//   ShapeError   y is not real, does not have the axes that A convolves, or init or reference are not
//                as x (while planning)
//   ConfigError  lower is not below upper (while planning)
//   Error        a sample or a tap is not finite, a kernel is 0 everywhere
//
// Cost      four real FFTs an iteration of an item, on the grid of gridded_blur.h, W and W*, on the CPU.
//           Memory: four times the item on that grid, four times in the sizes of W, with a constraint
//           five times, and one transfer function a kernel. A kernel may be larger than y.
//
// [1] I. Daubechies, M. Defrise, C. De Mol, Commun. Pure Appl. Math. 57:1413-1457, 2004,
//     doi:10.1002/cpa.20042. [2] A. Beck, M. Teboulle, SIAM J. Imaging Sci. 2(1):183-202, 2009,
//     doi:10.1137/080716542, section 4. [3] B. O'Donoghue, E. Candes, Found. Comput. Math. 15:715-732,
//     2015, doi:10.1007/s10208-013-9150-3, section 3.2. [4] P. Chen, J. Huang, X. Zhang, Fixed Point
//     Theory Appl. 2016:54, 2016, doi:10.1186/s13663-016-0543-2. [5] R. R. Coifman, D. L. Donoho, in
//     Wavelets and Statistics, 125-150, 1995, doi:10.1007/978-1-4612-2544-7_9. [6] U. S. Kamilov,
//     E. Bostan, M. Unser, IEEE Signal Process. Lett. 21(11):1326-1330, 2014,
//     doi:10.1109/LSP.2014.2334306.

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/numerics/vectorised.h>
#include <pellucid/plugin.h>

#include "constraint.h"
#include "iterative_stage.h"
#include "lanes.h"
#include "least_squares.h"
#include "rows.h"
#include "wavelets.h"

namespace pellucid {
namespace {

enum class Shrinking { fista, ista };

std::vector<std::pair<std::string, Shrinking>> enumerators(Shrinking) {
  return {{"fista", Shrinking::fista}, {"ista", Shrinking::ista}};
}

struct Haar {
  static constexpr const char* name = "haar";
  static constexpr const char* summary = "blocks";
};

struct Daubechies {
  static constexpr const char* name = "daubechies";
  static constexpr const char* summary = "the shortest filter of so many vanishing moments";
  int moments = 4;
  static const Schema<Daubechies>& schema() {
    static const Schema<Daubechies> rows{
        {"moments", &Daubechies::moments, "1", "powers that have no details", within(1, 10)},
    };
    return rows;
  }
};

/// How an iteration goes on from x and the estimate before it: z = x + ahead (x - before).
template <class T>
struct Descent {
  T ahead, step, lower, upper;

  T z(T x, T before) const { return x + ahead * (x - before); }
  T allowed(T value) const { return std::min(std::max(value, lower), upper); }
};

/// to = C(z - step gradient - taken) + taken.
template <class T>
[[gnu::always_inline]] inline void descend(const T* __restrict x, const T* __restrict before,
                                           const T* __restrict gradient, const T* __restrict taken,
                                           T* __restrict to, Descent<T> how, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i)
    to[i] = how.allowed(how.z(x[i], before[i]) - how.step * gradient[i] - taken[i]) + taken[i];
}

/// x' = C(z - step gradient - taken), with x in `before` and x' in x; adds |x' - x|^2, |x'|^2 and
/// <z - x', x' - x> to `sums`.
template <class T>
[[gnu::always_inline]] inline void arrive(T* __restrict x, T* __restrict before,
                                          const T* __restrict gradient, const T* __restrict taken,
                                          Descent<T> how, std::int64_t count, double* sums) {
  LaneSum<T> change, size, uphill;
  over_lanes(count, [&](std::int64_t i, int lane) [[gnu::always_inline]] {
    const T here = x[i], z = how.z(here, before[i]);
    const T next = how.allowed(z - how.step * gradient[i] - taken[i]), gone = next - here;
    x[i] = next;
    before[i] = here;
    change.add(lane, gone * gone);
    size.add(lane, next * next);
    uphill.add(lane, (z - next) * gone);
  });
  sums[0] += change.total();
  sums[1] += size.total();
  sums[2] += uphill.total();
}

/// residual of x becomes that of z; `before`, of the estimate before it, that of x.
template <class T>
[[gnu::always_inline]] inline void extrapolate_residual(T* __restrict residual,
                                                        T* __restrict before, T ahead,
                                                        std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const T here = residual[i];
    residual[i] = here + ahead * (here - before[i]);
    before[i] = here;
  }
}

PELLUCID_VECTORISED void descended(const float* x, const float* before, const float* gradient,
                                   const float* taken, float* to, Descent<float> how,
                                   std::int64_t count) {
  descend(x, before, gradient, taken, to, how, count);
}
PELLUCID_VECTORISED void descended(const double* x, const double* before, const double* gradient,
                                   const double* taken, double* to, Descent<double> how,
                                   std::int64_t count) {
  descend(x, before, gradient, taken, to, how, count);
}
PELLUCID_VECTORISED void arrived(float* x, float* before, const float* gradient, const float* taken,
                                 Descent<float> how, std::int64_t count, double* sums) {
  arrive(x, before, gradient, taken, how, count, sums);
}
PELLUCID_VECTORISED void arrived(double* x, double* before, const double* gradient,
                                 const double* taken, Descent<double> how, std::int64_t count,
                                 double* sums) {
  arrive(x, before, gradient, taken, how, count, sums);
}
PELLUCID_VECTORISED void residual_ahead(float* residual, float* before, float ahead,
                                        std::int64_t count) {
  extrapolate_residual(residual, before, ahead, count);
}
PELLUCID_VECTORISED void residual_ahead(double* residual, double* before, double ahead,
                                        std::int64_t count) {
  extrapolate_residual(residual, before, ahead, count);
}

/// How many samples W takes along an axis of n, and its levels.
std::pair<std::int64_t, std::int64_t> continued_size(std::int64_t n, std::int64_t most) {
  const std::int64_t levels = levels_within(n, most), unit = std::int64_t(1) << levels;
  return {(n + unit - 1) / unit * unit, levels};
}

struct Sparsity {
  double weight, squared_norm;
  std::vector<double> low_pass;
  std::int64_t levels;
  bool spinning, accelerated;
  Interval allowed;
};

template <class T>
class Shrunk final : public Method {
 public:
  Shrunk(const GriddedBlur& blur, const IteratedItem& item, const Sparsity& how)
      : blur_(blur), y_(item.y), how_(how), x_(item.start) {
    std::vector<std::int64_t> sizes, levels;
    for (std::int64_t axis = 1; axis < x_.dim(); ++axis) {
      const std::int64_t n = x_.size(axis);
      const auto [padded, count] = continued_size(n, how.levels);
      sizes.push_back(padded);
      levels.push_back(count);
      x_ = x_.index_select(axis, at::arange(padded, at::kLong).clamp_max_(n - 1));
    }
    std::copy(sizes.begin(), sizes.end(), size_.end() - std::ssize(sizes));
    std::copy(levels.begin(), levels.end(), levels_.end() - std::ssize(levels));
    wavelets_.emplace(how.low_pass, sizes, levels);
    x_ = how.allowed.nearest(x_).contiguous();
    before_ = x_.clone();
    coefficients_ = at::empty_like(x_);
    if (constrained()) taken_ = at::zeros_like(x_);
    if (how.accelerated) residual_before_ = at::zeros_like(y_);
    zeros_.resize(std::size_t(size_[2]));
    on_grid_ = blur.embedded(estimate());
    axis_ratio_ = ratio(std::int64_t(sizes.size()));
  }

  double measure(const Tensor& residual) override {
    residual_ = blur_.forward(on_grid_);
    squares_ = subtract_measured(blur_, residual_, y_);
    if (residual.defined()) residual.copy_(blur_.inside(residual_, blur_.grid().y));
    return std::sqrt(squares_);
  }

  double objective() const override {
    coefficients_.copy_(x_);
    wavelets_->forward(coefficients_);
    return squares_ / 2 + how_.weight * wavelets_->size_of_details(coefficients_);
  }

  Change step() override {
    const double ahead = how_.accelerated ? momentum() : 0;
    if (how_.accelerated) extrapolate(T(ahead));
    const Tensor gradient = blur_.adjoint(std::move(residual_));
    const double length = 1 / how_.squared_norm;
    const Descent<T> descent{T(ahead), T(length), T(how_.allowed.lower), T(how_.allowed.upper)};
    const Shift shift = how_.spinning ? shift_of(iteration_) : Shift{};

    T* const x = x_.mutable_data_ptr<T>();
    T* const before = before_.mutable_data_ptr<T>();
    T* const coefficients = coefficients_.mutable_data_ptr<T>();
    T* const taken = constrained() ? taken_.mutable_data_ptr<T>() : nullptr;
    const T* const slopes = gradient.const_data_ptr<T>();
    sums_over_parts(shift, slopes, [&](const Part& part, auto&) {
      descended(x + part.from, before + part.from, part.gradient,
                taken ? taken + part.from : zeros_.data(), coefficients + part.to, descent,
                part.count);
    });
    wavelets_->forward(coefficients_);
    wavelets_->keep_small_details(coefficients_, how_.weight * length);
    wavelets_->inverse(coefficients_);
    const auto [change, size, uphill] =
        sums_over_parts(shift, slopes, [&](const Part& part, auto& sums) {
          arrived(x + part.from, before + part.from, part.gradient, coefficients + part.to, descent,
                  part.count, sums.data());
          if (taken) std::copy_n(coefficients + part.to, part.count, taken + part.from);
        });
    blur_.inside(on_grid_, blur_.grid().x).copy_(estimate());
    blur_.continue_around(on_grid_);
    anew_ = uphill > 0;
    ++iteration_;
    return {std::sqrt(change), std::sqrt(size)};
  }

  Tensor estimate() const override {
    Tensor part = x_;
    for (std::int64_t axis = 1; axis < x_.dim(); ++axis)
      part = part.narrow(axis, 0, blur_.grid().x.sizes[std::size_t(axis + 3 - x_.dim())]);
    return part;
  }

 private:
  using Shift = std::array<std::int64_t, 3>;

  /// Samples side by side: where they stand in x, where among the moved ones, and their gradient.
  struct Part {
    std::int64_t from, to, count;
    const T* gradient;
  };

  bool constrained() const {
    return std::isfinite(how_.allowed.lower) || std::isfinite(how_.allowed.upper);
  }

  double momentum() {
    if (iteration_ == 0 || anew_) {
      momentum_ = 1;
      return 0;
    }
    const double next = (1 + std::sqrt(1 + 4 * momentum_ * momentum_)) / 2;
    return (std::exchange(momentum_, next) - 1) / next;
  }

  void extrapolate(T ahead) {
    const BlurGrid& grid = blur_.grid();
    T* const residual = residual_.mutable_data_ptr<T>();
    T* const before = residual_before_.mutable_data_ptr<T>();
    const std::int64_t width = grid.y.width();
    for_rows(y_.size(0) * grid.y.rows(), width, [&](std::int64_t row) {
      residual_ahead(residual + grid.place(grid.y, row), before + row * width, ahead, width);
    });
  }

  /// 1 / g with g^(axes + 1) = g + 1.
  static double ratio(std::int64_t axes) {
    double g = 1.5;
    for (int round = 0; round < 60; ++round) g = std::pow(1 + g, 1 / double(axes + 1));
    return 1 / g;
  }

  Shift shift_of(std::int64_t iteration) const {
    Shift shift{};
    double share = 1;
    for (std::size_t a = std::size_t(4 - x_.dim()); a < 3; ++a) {
      share *= axis_ratio_;
      const double turns = double(iteration) * share;
      shift[a] = std::int64_t(std::ldexp(turns - std::floor(turns), int(levels_[a])));
    }
    return shift;
  }

  /// Calls `one(part, sums)` for all parts of x, which is moved by `shift` samples to the front.
  template <class One>
  std::array<double, 3> sums_over_parts(const Shift& shift, const T* gradient, One one) const {
    const BlurGrid& grid = blur_.grid();
    const Window& window = grid.x;
    return sums_over_rows<3>(
        x_.size(0) * size_[0] * size_[1], size_[2], [&](std::int64_t row, auto& sums) {
          const std::int64_t y = row % size_[1], z = row / size_[1] % size_[0];
          const std::int64_t image = row / size_[1] / size_[0];
          const bool inside = y < window.sizes[1] && z < window.sizes[0];
          const T* slope = nullptr;
          if (inside)
            slope =
                gradient + grid.place(window, (image * window.sizes[0] + z) * window.sizes[1] + y);
          const std::int64_t to_z = (z - shift[0] + size_[0]) % size_[0];
          const std::int64_t to_y = (y - shift[1] + size_[1]) % size_[1];
          const std::int64_t to = ((image * size_[0] + to_z) * size_[1] + to_y) * size_[2];
          const std::int64_t known = inside ? window.width() : 0;
          for (std::int64_t begin = 0; begin < size_[2];) {
            std::int64_t end = size_[2];
            for (const std::int64_t cut : {shift[2], known})
              if (cut > begin) end = std::min(end, cut);
            const std::int64_t moved = begin - shift[2] + (begin < shift[2] ? size_[2] : 0);
            one(Part{row * size_[2] + begin, to + moved, end - begin,
                     begin < known ? slope + begin : zeros_.data()},
                sums);
            begin = end;
          }
        });
  }

  const GriddedBlur& blur_;
  Tensor y_;
  const Sparsity& how_;
  Shift size_{1, 1, 1}, levels_{};  // of x, continued
  std::optional<Wavelets> wavelets_;
  double axis_ratio_ = 0;
  Tensor x_, before_;       // estimates, continued
  Tensor taken_;            // q, where there is a constraint
  Tensor coefficients_;     // moved; between iterations nothing
  Tensor on_grid_;          // the estimate
  Tensor residual_;         // on the grid; between `measure` and `step`
  Tensor residual_before_;  // of the estimate before
  std::vector<T> zeros_;
  double squares_ = 0, momentum_ = 1;
  bool anew_ = false;
  std::int64_t iteration_ = 0;
};

class Fista final : public IterativeStage {
 public:
  struct Settings : Iterating {
    double weight = 0;
    std::variant<Haar, Daubechies> wavelet;
    std::int64_t levels = 4;
    bool cycle_spinning = true;
    Shrinking method = Shrinking::fista;
    AllowedValues constraint;
  };

  static const Schema<Settings>& schema() {
    using Row = Schema<Settings>::Row;
    static const Schema<Settings> rows = iterative_schema<Settings>(
        Row{"weight", &Settings::weight, "", "of the details, unit of y", at_least(0.0),
            required()},
        Row{"wavelet", &Settings::wavelet, "", "what x has few of"},
        Row{"levels", &Settings::levels, "1", "how often sizes are halved", within(1, 16)},
        Row{"cycle_spinning", &Settings::cycle_spinning, "",
            "whether wavelets are moved from iteration to iteration"},
        Row{"method", &Settings::method, "", "with or without acceleration"},
        Row{"constraint", &Settings::constraint, "", "which values x may have"});
    return rows;
  }

  explicit Fista(const Settings& settings) : IterativeStage(settings), settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    interval_of(settings_.constraint);
    IterativeStage::infer(in, out);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    // Estimates, what was taken off and coefficients, in the sizes of W.
    const Spec spec = in[A].domain(in.spec(y));
    std::int64_t bytes = 5 * spec.item_bytes();
    for (const std::int64_t n : last_sizes(spec.shape, in[A].kernel_size().size()))
      bytes = bytes / n * continued_size(n, settings_.levels).first;
    return IterativeStage::working_bytes(in) + bytes;
  }

 protected:
  MethodOf method_of(const GriddedBlur& blur, const Tensor& kernel, std::int64_t) const override {
    const auto* const daubechies_of = std::get_if<Daubechies>(&settings_.wavelet);
    const Sparsity how{settings_.weight,
                       squared_norm_bound(blur, kernel),
                       daubechies(daubechies_of ? daubechies_of->moments : 1),
                       settings_.levels,
                       settings_.cycle_spinning,
                       settings_.method == Shrinking::fista,
                       interval_of(settings_.constraint)};
    return [&blur, how](const IteratedItem& item) -> std::unique_ptr<Method> {
      if (item.y.scalar_type() == at::kDouble)
        return std::make_unique<Shrunk<double>>(blur, item, how);
      return std::make_unique<Shrunk<float>>(blur, item, how);
    };
  }

  Memory memory() const override { return {5, 0}; }
  const char* objective() const override { return "1/2 |A x - y|^2 + weight |W x|_1"; }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Fista, "Few wavelet coefficients: FISTA and ISTA");

}  // namespace pellucid
