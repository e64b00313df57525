// richardson_lucy: the image that most probably gave Poisson counts, by the multiplicative iteration.
//
//   x' = x / (A* 1) A*(y / (A x + b))             y, x: (..., h, w) or (..., z, y, x), real, unit of y
//
//   It lowers the objective, Csiszar's divergence of the measurement from the prediction,
//     sum over samples (A x + b) - y + y log(y / (A x + b))
//   and keeps sum((A* 1) x) = sum(y) from the first iteration on where b is 0, and x >= 0.
//
//   The boundary of A is that of the blur. Beyond zero the scene is dark; `valid` is the treatment of
//   Bertero and Boccacci [3]: nothing is known of the scene beyond y, and it is estimated there, too, as
//   far as it was blurred into y: x is larger than y by the kernel's size, less 1.
//
//   readout s    Gaussian noise of variance s^2 beside that of the counts [4], y in counts:
//                y + s^2 and A x + b + s^2 stand for y and A x + b
//   biggs_andrews   each iteration begins at x_k + a (x_k - x_(k-1)), 0 where that is below 0, with
//                a = <g_(k-1), g_(k-2)> / |g_(k-2)|^2 within 0 and 1, and g_k what iteration k adds to
//                its beginning [5]; objective and residual are those of the beginnings
//   total_variation   x' as above, over 1 - weight div(Dx / |Dx|), D the differences to the next samples
//                [6]; |Dx| = (sum over axes |D_a x|^2 + e^2)^(1/2), e = 1e-3 of the constant start; adds
//                weight sum(|Dx| - e) to the objective, which it lowers in the end where A* 1 is 1
//
// Inputs
//   y           counts, or values in proportion to them
//   A           the blur; its kernel is not negative
//   init        optional: where to start, spec of x, one item or as many as y, such as that of
//               deconvolution/wiener; what is 0 there stays so. Without it a constant, the one that gives an image its flux: (sum(y - b)) / sum(A* 1)
//   reference   optional: the truth, spec of x, one item or as many as y; gives the history a psnr
// Outputs
//   x         estimate, spec of what A takes
//   history   a row for every `every` iterations of an item, and for its last: iteration, objective,
//             residual |A x + b - y|, psnr of x [dB] with a reference (range: of its values), stopped:
//             in the last row of an item, the rule that ended it
// Settings (keys in a pipeline file)
//   iterations [1]   at most, >= 1                                              default 30
//   background       b, unit of y, >= 0                                         default 0
//   readout          s, standard deviation of the read-out noise, unit of y, >= 0    default 0
//   weights          normalised: divided by A* 1; none: not, as some programs do    default normalised
//   negative         samples of y + s^2 or init below 0: error; zero: those of y + s^2 count as 0,
//                    those of init as a hundredth of the constant               default error
//   acceleration     none, or biggs_andrews                                     default none
//   regularisation   none: nothing; total_variation: weight [1], in [0, 0.25], default 0.002
//                    default none
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
//   Error        a sample or a tap is not finite, y + s^2 or init is negative; the kernel has a negative
//                tap, is 0 everywhere, or, with weights: none, does not sum to 1; the iteration diverges
//
// Accuracy  A x + b is at least the dtype's rounding error times the largest y: less is all that
//           Fourier transforms can tell from 0. Where 0 is divided by it the quotient is 0. Where A* 1
//           is below 1e-12 (float32: 1e-5) of its largest value y says nothing of x, which is 0. A*
//           below 0 counts as 0, which only rounding makes so.
// Cost      four real FFTs an iteration of an item, on the grid of gridded_blur.h, on the CPU. Memory:
//           five times the item on that grid, seven with acceleration, one more with total_variation,
//           one transfer function a kernel. A kernel may be larger than y.
//
// [1] W. H. Richardson, J. Opt. Soc. Am. 62(1):55-59, 1972, doi:10.1364/JOSA.62.000055.
// [2] L. B. Lucy, Astron. J. 79:745-754, 1974, doi:10.1086/111605.
// [3] M. Bertero, P. Boccacci, Astron. Astrophys. 437:369-374, 2005, doi:10.1051/0004-6361:20052717.
// [4] D. L. Snyder et al., J. Opt. Soc. Am. A 12(2):272-283, 1995, doi:10.1364/JOSAA.12.000272.
// [5] D. S. C. Biggs, M. Andrews, Appl. Opt. 36(8):1766-1775, 1997, doi:10.1364/AO.36.001766.
// [6] N. Dey et al., Microsc. Res. Tech. 69(4):260-266, 2006, doi:10.1002/jemt.20294.

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/vectorised.h>
#include <pellucid/plugin.h>

#include "gridded_blur.h"
#include "items.h"
#include "iteration.h"
#include "rows.h"
#include "variation.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

enum class Weights { normalised, none };
enum class Negative { error, zero };
enum class Acceleration { none, biggs_andrews };

std::vector<std::pair<std::string, Weights>> enumerators(Weights) {
  return {{"normalised", Weights::normalised}, {"none", Weights::none}};
}
std::vector<std::pair<std::string, Negative>> enumerators(Negative) {
  return {{"error", Negative::error}, {"zero", Negative::zero}};
}
std::vector<std::pair<std::string, Acceleration>> enumerators(Acceleration) {
  return {{"none", Acceleration::none}, {"biggs_andrews", Acceleration::biggs_andrews}};
}

struct NoPenalty {
  static constexpr const char* name = "none";
  static constexpr const char* summary = "the counts alone";
};

struct TotalVariation {
  static constexpr const char* name = "total_variation";
  static constexpr const char* summary = "few edges";
  double weight = 0.002;
  static const Schema<TotalVariation>& schema() {
    // Up to 0.25 the denominator 1 - weight div(...) is positive: |div| <= 2 sqrt(3).
    static const Schema<TotalVariation> rows{
        {"weight", &TotalVariation::weight, "1", "of the total variation", within(0.0, 0.25)},
    };
    return rows;
  }
};

constexpr int kLanes = 16;

/// `one(i, lane)` for i = 0 .. count - 1, lane by lane, so that a compiler may use vectors.
template <class One>
[[gnu::always_inline]] inline void lane_by_lane(std::int64_t count, One one) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) one(i + lane, lane);
  for (int lane = 0; i < count; ++i, ++lane) one(i, lane);
}

template <class T>
[[gnu::always_inline]] inline void add_lanes(const T* lanes, double& sum) {
  for (int lane = 0; lane < kLanes; ++lane) sum += double(lanes[lane]);
}

/// What stands beside A x and y.
template <class T>
struct Terms {
  T background, variance, floor;
};

/// model = A x becomes (y + s^2) / (A x + b + s^2); adds |A x + b - y|^2 and A x + b + s^2 to `sums`.
template <class T>
[[gnu::always_inline]] inline void divide(T* __restrict model, const T* __restrict y,
                                          Terms<T> terms, std::int64_t count, double* sums) {
  T squares[kLanes]{}, totals[kLanes]{};
  lane_by_lane(count, [&](std::int64_t i, int lane) [[gnu::always_inline]] {
    const T predicted = model[i] + terms.background, difference = predicted - y[i];
    const T denominator = std::max(predicted + terms.variance, terms.floor);
    model[i] = (y[i] + terms.variance) / denominator;
    squares[lane] += difference * difference;
    totals[lane] += denominator;
  });
  add_lanes(squares, sums[0]);
  add_lanes(totals, sums[1]);
}

/// x becomes x times max(0, back) times weight; adds |x' - x|^2 and |x'|^2 to `sums`.
template <class T>
[[gnu::always_inline]] inline void update(T* __restrict x, const T* __restrict back,
                                          const T* __restrict weight, std::int64_t count,
                                          double* sums) {
  T changes[kLanes]{}, sizes[kLanes]{};
  lane_by_lane(count, [&](std::int64_t i, int lane) [[gnu::always_inline]] {
    const T next = x[i] * std::max(back[i], T(0)) * weight[i], change = next - x[i];
    x[i] = next;
    changes[lane] += change * change;
    sizes[lane] += next * next;
  });
  add_lanes(changes, sums[0]);
  add_lanes(sizes, sums[1]);
}

/// The same from the beginning x, where `gain` is what the iteration before added to its own, and
/// becomes what this one adds; adds |gain|^2 and the product of both gains to `sums`.
template <class T>
[[gnu::always_inline]] inline void gain_on(T* __restrict x, const T* __restrict back,
                                           const T* __restrict weight, T* __restrict gain,
                                           std::int64_t count, double* sums) {
  T squares[kLanes]{}, products[kLanes]{};
  lane_by_lane(count, [&](std::int64_t i, int lane) [[gnu::always_inline]] {
    const T next = x[i] * std::max(back[i], T(0)) * weight[i], gained = next - x[i];
    products[lane] += gained * gain[i];
    squares[lane] += gained * gained;
    gain[i] = gained;
    x[i] = next;
  });
  add_lanes(squares, sums[0]);
  add_lanes(products, sums[1]);
}

/// From the estimates x and `before` to the next beginning, x, and `before` = x; adds
/// |x - before|^2 and |x|^2 to `sums`.
template <class T>
[[gnu::always_inline]] inline void extrapolate(T* __restrict x, T* __restrict before, T factor,
                                               std::int64_t count, double* sums) {
  T changes[kLanes]{}, sizes[kLanes]{};
  lane_by_lane(count, [&](std::int64_t i, int lane) [[gnu::always_inline]] {
    const T estimate = x[i], change = estimate - before[i];
    x[i] = std::max(estimate + factor * change, T(0));
    before[i] = estimate;
    changes[lane] += change * change;
    sizes[lane] += estimate * estimate;
  });
  add_lanes(changes, sums[0]);
  add_lanes(sizes, sums[1]);
}

PELLUCID_VECTORISED void divided(float* model, const float* y, Terms<float> terms,
                                 std::int64_t count, double* sums) {
  divide(model, y, terms, count, sums);
}
PELLUCID_VECTORISED void divided(double* model, const double* y, Terms<double> terms,
                                 std::int64_t count, double* sums) {
  divide(model, y, terms, count, sums);
}
PELLUCID_VECTORISED void updated(float* x, const float* back, const float* weight,
                                 std::int64_t count, double* sums) {
  update(x, back, weight, count, sums);
}
PELLUCID_VECTORISED void updated(double* x, const double* back, const double* weight,
                                 std::int64_t count, double* sums) {
  update(x, back, weight, count, sums);
}
PELLUCID_VECTORISED void gained_on(float* x, const float* back, const float* weight, float* gain,
                                   std::int64_t count, double* sums) {
  gain_on(x, back, weight, gain, count, sums);
}
PELLUCID_VECTORISED void gained_on(double* x, const double* back, const double* weight,
                                   double* gain, std::int64_t count, double* sums) {
  gain_on(x, back, weight, gain, count, sums);
}
PELLUCID_VECTORISED void extrapolated(float* x, float* before, float factor, std::int64_t count,
                                      double* sums) {
  extrapolate(x, before, factor, count, sums);
}
PELLUCID_VECTORISED void extrapolated(double* x, double* before, double factor, std::int64_t count,
                                      double* sums) {
  extrapolate(x, before, factor, count, sums);
}

/// 1 / (A* 1), 0 where y holds nothing of x, of each kernel: (kernels, sizes of x), or a single row
/// for each kernel where it is the same everywhere.
struct Reciprocal {
  Tensor values;
  bool single_row;
  Tensor total;  ///< of A* 1, for each kernel

  template <class T>
  const T* row(const Window& x, std::int64_t number) const {
    const std::int64_t kernels = values.size(0), image = number / x.rows() % kernels;
    const std::int64_t row = single_row ? image : image * x.rows() + number % x.rows();
    return values.const_data_ptr<T>() + row * x.width();
  }
};

struct Options {
  double background, variance, smoothing, weight;
  bool accelerated;
};

template <class T>
class Iterated final : public Method {
 public:
  /// `y` is (planes, sizes...), contiguous; `x` where to start.
  Iterated(const GriddedBlur& blur, const Tensor& y, const Tensor& x, const Reciprocal& reciprocal,
           const Options& options)
      : blur_(blur),
        y_(y),
        reciprocal_(reciprocal),
        options_(options),
        x_(blur.embedded(x)),
        data_total_(y.sum(at::kDouble).item<double>() + options.variance * double(y.numel())) {
    if (options.accelerated) {
      before_ = x.clone(at::MemoryFormat::Contiguous);
      gain_ = at::zeros_like(before_);
    }
    const T largest = y.numel() > 0 ? y.max().item<T>() + T(options.variance) : T(0);
    terms_ = {T(options.background), T(options.variance),
              std::max(largest * std::numeric_limits<T>::epsilon(), std::numeric_limits<T>::min())};
  }

  double measure(const Tensor& residual) override {
    ratio_ = blur_.forward(x_);
    const Window& window = blur_.grid().y;
    if (residual.defined())
      residual.copy_(blur_.inside(ratio_, window).sub(y_).add_(options_.background));
    T* const model = ratio_.mutable_data_ptr<T>();
    const T* const data = y_.const_data_ptr<T>();
    const auto [squares, total] = sums_over_rows<2>(
        y_.size(0) * window.rows(), window.width(), [&](std::int64_t row, auto& sums) {
          divided(model + blur_.grid().place(window, row), data + row * window.width(), terms_,
                  window.width(), sums.data());
        });
    model_total_ = total;
    return std::sqrt(squares);
  }

  double objective() const override {
    const Window& window = blur_.grid().y;
    const T* const ratio = ratio_.const_data_ptr<T>();
    const T* const data = y_.const_data_ptr<T>();
    const auto [information] = sums_over_rows<1>(
        y_.size(0) * window.rows(), window.width(), [&](std::int64_t row, auto& sums) {
          const T* const quotient = ratio + blur_.grid().place(window, row);
          const T* const count = data + row * window.width();
          for (std::int64_t i = 0; i < window.width(); ++i)
            if (const T all = count[i] + terms_.variance; all > 0)
              sums[0] += double(all * std::log(quotient[i]));
        });
    double variation = 0;
    if (options_.weight > 0)
      variation = options_.weight * smoothed_variation(inside_x(), options_.smoothing);
    return model_total_ - data_total_ + information + variation;
  }

  Change step() override {
    Tensor penalised;
    if (options_.weight > 0)
      penalised = variation_factor(inside_x(), options_.smoothing, options_.weight);
    const Tensor back = blur_.adjoint(std::move(ratio_));
    if (penalised.defined()) blur_.inside(back, blur_.grid().x).mul_(penalised);
    penalised.reset();
    const Change change = options_.accelerated ? accelerated(back) : plain(back);
    blur_.continue_around(x_);
    return change;
  }

  Tensor estimate() const override { return options_.accelerated ? before_ : inside_x(); }

 private:
  Tensor inside_x() const { return blur_.inside(x_, blur_.grid().x); }

  Change plain(const Tensor& back) {
    const Window& window = blur_.grid().x;
    T* const x = x_.mutable_data_ptr<T>();
    const T* const backs = back.const_data_ptr<T>();
    const auto [change, size] = sums_over_rows<2>(
        x_.size(0) * window.rows(), window.width(), [&](std::int64_t row, auto& sums) {
          const std::int64_t place = blur_.grid().place(window, row);
          updated(x + place, backs + place, reciprocal_.row<T>(window, row), window.width(),
                  sums.data());
        });
    return {std::sqrt(change), std::sqrt(size)};
  }

  Change accelerated(const Tensor& back) {
    const Window& window = blur_.grid().x;
    const std::int64_t rows = x_.size(0) * window.rows(), width = window.width();
    T* const x = x_.mutable_data_ptr<T>();
    T* const gain = gain_.mutable_data_ptr<T>();
    T* const before = before_.mutable_data_ptr<T>();
    const T* const backs = back.const_data_ptr<T>();
    const auto [squares, product] =
        sums_over_rows<2>(rows, width, [&](std::int64_t row, auto& sums) {
          const std::int64_t place = blur_.grid().place(window, row);
          gained_on(x + place, backs + place, reciprocal_.row<T>(window, row), gain + row * width,
                    width, sums.data());
        });
    const double factor = gained_ > 0 ? std::clamp(product / gained_, 0.0, 1.0) : 0;
    gained_ = squares;
    const auto [change, size] = sums_over_rows<2>(rows, width, [&](std::int64_t row, auto& sums) {
      extrapolated(x + blur_.grid().place(window, row), before + row * width, T(factor), width,
                   sums.data());
    });
    return {std::sqrt(change), std::sqrt(size)};
  }

  const GriddedBlur& blur_;
  Tensor y_;
  const Reciprocal& reciprocal_;
  Options options_;
  Terms<T> terms_{};
  Tensor x_;              // on the grid
  Tensor ratio_;          // on the grid; between `measure` and `step`
  Tensor before_, gain_;  // of the acceleration, sizes of x
  double data_total_, model_total_ = 0;
  double gained_ = 0;  // |gain|^2
};

class RichardsonLucy final : public Stage {
 public:
  struct Settings {
    std::int64_t iterations = 30;
    double background = 0;  // unit of y
    double readout = 0;     // unit of y
    Weights weights = Weights::normalised;
    Negative negative = Negative::error;
    Acceleration acceleration = Acceleration::none;
    std::variant<NoPenalty, TotalVariation> regularisation;
    Stop stop;
    std::int64_t every = 10;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"iterations", &Settings::iterations, "1", "at most", at_least(1)},
        {"background", &Settings::background, "", "added to A x, unit of y", at_least(0.0)},
        {"readout", &Settings::readout, "", "standard deviation of the read-out noise, unit of y",
         at_least(0.0)},
        {"weights", &Settings::weights, "", "whether each sample is divided by what y holds of it"},
        {"negative", &Settings::negative, "", "what becomes of samples of y + readout^2 below 0"},
        {"acceleration", &Settings::acceleration, "", "extrapolation of the iteration"},
        {"regularisation", &Settings::regularisation, "", "what is kept small beside the misfit"},
        {"stop", &Settings::stop, "", "when an item is done sooner"},
        {"every", &Settings::every, "1", "iterations from one row of the history to the next",
         at_least(1)},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "counts"};
  static constexpr In<ConvolutionOperator> A{"A", "the blur"};
  static constexpr In<Tensor> init{"init", "where to start; a constant without it", optional};
  static constexpr In<Tensor> reference{"reference", "the truth, for the history", optional};
  static constexpr Out<Tensor> x{"x", "estimate, unit of y"};
  static constexpr Out<Table> history{"history", "objective and residual while iterating"};
  static const Ports& ports() {
    static const Ports all{y, A, init, reference, x, history};
    return all;
  }

  explicit RichardsonLucy(Settings settings) : settings_(settings) {}

  // Iterations carry roundings on.
  double tolerance() const override { return 1e-3; }

  void infer(const Inputs& in, Specs& out) const override {
    require_real(in.spec(y));
    if (in.spec(y).item_numel() == 0)
      throw ShapeError("'y' must have at least one sample, got " + in.spec(y).text());
    const Spec spec = in[A].domain(in.spec(y));
    for (const In<Tensor>* port : {&init, &reference})
      if (in.has(*port)) require_like_x(in.spec(*port), port->name, spec);
    out[x] = spec;
    out[history] = {spec.items, course().rows(), columns(in)};
  }

  void prepare(const Inputs& in, Context&) override {
    if (in.find(y.name) && in.find(A.name)) RealFft(grid(in).sizes, in.spec(y).dtype);  // plans it
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const at::NoGradGuard no_grad;
    const bool wide = in[y].scalar_type() == at::kDouble;
    if (wide) deconvolve<double>(in, out, context);
    else deconvolve<float>(in, out, context);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& spec = in.spec(y);
    const BlurGrid grid = this->grid(in);
    const std::int64_t planes = spec.item_numel() / std::max<std::int64_t>(1, grid.y.samples());
    const Spec kernel = in[A].kernel_spec();
    const std::int64_t kernels = kernel.shape.front();
    const std::int64_t items = std::min(kernel.items, std::max<std::int64_t>(1, spec.items));
    // Estimate, spectrum and ratio; transfer functions, weights and what they are made of.
    std::int64_t volumes = 3 * planes + (items + 3) * kernels;
    if (settings_.acceleration != Acceleration::none) volumes += 2 * planes;
    if (std::holds_alternative<TotalVariation>(settings_.regularisation)) volumes += planes;
    const Spec compared = in.has(reference) ? in.spec(reference) : Spec{};
    return volumes * grid.bytes(spec.dtype) + 2 * spec.item_bytes() +
           iteration_bytes(course(), spec, in.has(reference) ? &compared : nullptr);
  }

 private:
  Course course() const { return {settings_.iterations, settings_.every, settings_.stop}; }

  static std::vector<Column> columns(const Inputs& in) {
    return history_columns(in.has(reference), in.spec(y).unit, "divergence, and the penalty");
  }

  static BlurGrid grid(const Inputs& in) {
    return {in[A], last_sizes(in.spec(y).shape, in[A].kernel_size().size())};
  }

  template <class T>
  void deconvolve(const Inputs& in, Outputs& out, Context& context) const {
    const Tensor measured = in[y].cpu().contiguous();
    const BlurGrid grid = this->grid(in);
    const std::size_t axes = grid.sizes.size();
    const Tensor& kernel = in[A].kernel();
    const Tensor transfer = in[A].transfer(grid.sizes, measured.scalar_type()).cpu();
    Sizes shape = in[A].domain(in.spec(y)).shape;
    shape.insert(shape.begin(), measured.size(0));
    Tensor estimates;  // once the first item is done, which needs the memory
    Table table(columns(in));

    std::optional<GriddedBlur> blur;
    Reciprocal reciprocal;
    for (std::int64_t item = 0; item < measured.size(0); ++item) {
      const std::int64_t number = in.item(item);
      if (!blur || transfer.size(0) > 1) {
        const std::int64_t own = transfer.size(0) == 1 ? 0 : item;
        require_kernel(kernel[own], axes, number);
        if (settings_.weights == Weights::none) require_unit_sum(kernel[own], number);
        blur.emplace(grid, transfer[own], measured.scalar_type());
        reciprocal = reciprocal_of<T>(*blur, kernel[own]);
      }
      const Tensor data = counts(planes_of(measured[item], axes), number);
      const Tensor constant = start(data, *blur, reciprocal);
      Sizes planes = last_sizes(shape, axes);
      planes.insert(planes.begin(), data.size(0));
      Tensor begin = constant.expand(planes);
      if (in.has(init)) {
        begin = planes_of(in[init][in[init].size(0) == 1 ? 0 : item].cpu(), axes);
        require_finite(begin, "init", number);
        if (settings_.negative == Negative::zero)
          begin = at::where(begin < 0, 0.01 * constant, begin);
        require_not_negative(begin, "'init'", number, "raise it, or set negative: zero");
      }
      Tensor truth;
      if (in.has(reference)) {
        truth = planes_of(in[reference][in[reference].size(0) == 1 ? 0 : item].cpu(), axes);
        require_finite(truth, "reference", number);
      }
      Iterated<T> iterated(*blur, data, begin, reciprocal, options<T>(constant));
      iterate(iterated, course(), data, truth, number, context, table);
      if (!estimates.defined()) estimates = at::empty(shape, measured.options());
      planes_of(estimates[item], axes).copy_(iterated.estimate());
    }
    if (!estimates.defined()) estimates = at::empty(shape, measured.options());
    out[x] = estimates.to(in[y].device());
    out[history] = std::move(table);
  }

  static void require_unit_sum(const Tensor& kernel, std::int64_t number) {
    for (const Tensor& channel : kernel.unbind())
      if (const double sum = channel.sum().item<double>(); std::abs(sum - 1) > 1e-3)
        throw Error("with weights: none the kernel must sum to 1, found " + Value(sum).text() +
                    " in item " + std::to_string(number) + "; give A normalize: true");
  }

  /// Planes of an item of y, checked.
  Tensor counts(const Tensor& data, std::int64_t number) const {
    require_finite(data, "y", number);
    const double variance = settings_.readout * settings_.readout;
    if (settings_.negative == Negative::zero) return data.clamp_min(-variance);
    require_not_negative(data + variance, variance > 0 ? "y + readout^2" : "'y'", number,
                         "subtract less, give it a 'readout', or set negative: zero");
    return data;
  }

  template <class T>
  Reciprocal reciprocal_of(const GriddedBlur& blur, const Tensor& kernel) const {
    const auto dtype = c10::CppTypeToScalarType<T>::value;
    const Window& window = blur.grid().x;
    if (settings_.weights == Weights::none || blur.grid().boundary == Boundary::circular) {
      const Tensor sums = settings_.weights == Weights::none
                              ? at::ones({blur.kernels()}, at::kDouble)
                              : kernel.flatten(1).sum(1);
      const Tensor row = sums.reciprocal().to(dtype).unsqueeze(1).repeat({1, window.width()});
      return {row, true, sums * double(window.samples())};
    }
    const Tensor held = blur.adjoint_of_ones();
    const Tensor total = held.flatten(1).sum(1, false, at::kDouble);
    const double share = dtype == at::kDouble ? 1e-12 : 1e-5;
    const Tensor nothing = held.le(share * held.max());
    return {held.reciprocal_().masked_fill_(nothing, 0), false, total};
  }

  /// The constant that gives each plane its flux, (planes, 1...); that of y without the background
  /// where the background is all there is.
  Tensor start(const Tensor& data, const GriddedBlur& blur, const Reciprocal& reciprocal) const {
    const Tensor total =
        data.sum(last_axes(blur.grid().sizes.size()), true, at::kDouble).clamp_min(0);
    const double dark = settings_.background * double(blur.grid().y.samples());
    const Tensor flux = at::where(total > dark, total - dark, total);
    const Tensor held = reciprocal.total.repeat({total.size(0) / reciprocal.total.size(0)});
    return (flux / held.view_as(total)).to(data.scalar_type());
  }

  template <class T>
  Options options(const Tensor& constant) const {
    Options all{settings_.background, settings_.readout * settings_.readout, 0, 0,
                settings_.acceleration == Acceleration::biggs_andrews};
    if (const auto* variation = std::get_if<TotalVariation>(&settings_.regularisation)) {
      all.weight = variation->weight;
      const double level = constant.numel() > 0 ? constant.max().item<double>() : 0;
      all.smoothing = std::max(1e-3 * level, double(std::numeric_limits<T>::min()));
    }
    return all;
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(RichardsonLucy, "Richardson-Lucy deconvolution of counts");

}  // namespace pellucid
