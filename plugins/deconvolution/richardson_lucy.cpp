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
// Cost      two filters (numerics/fft.h) an iteration of an item, on the grid of gridded_blur.h, on the
//           CPU. Memory: six times the item on that grid at most, eight with acceleration, one more with
//           total_variation. A kernel may be larger than y.
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

#include <pellucid/plugin.h>

#include "gridded_blur.h"
#include "items.h"
#include "iteration.h"
#include "richardson_lucy_rows.h"
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
  /// `y` is (planes, sizes...), contiguous; `estimate`, (planes, sizes of x), where to start, and where
  /// the estimates are kept.
  Iterated(const GriddedBlur& blur, const Tensor& y, const Tensor& estimate,
           const Reciprocal& reciprocal, const Options& options)
      : blur_(blur),
        y_(y),
        reciprocal_(reciprocal),
        options_(options),
        estimate_(estimate),
        x_(options.accelerated ? estimate.clone() : estimate),
        ratio_(at::empty_like(y)),
        data_total_(y.sum(at::kDouble).item<double>() + options.variance * double(y.numel())) {
    if (options.accelerated) gain_ = at::zeros_like(x_);
    const T largest = y.numel() > 0 ? y.max().item<T>() + T(options.variance) : T(0);
    terms_ = {T(options.background), T(options.variance),
              std::max(largest * std::numeric_limits<T>::epsilon(), std::numeric_limits<T>::min())};
  }

  double measure(const Tensor& residual) override {
    const std::int64_t width = window_y().width();
    const T* const x = x_.const_data_ptr<T>();
    const T* const data = y_.const_data_ptr<T>();
    T* const ratio = ratio_.mutable_data_ptr<T>();
    T* const left = residual.defined() ? residual.mutable_data_ptr<T>() : nullptr;
    RowSums<2> sums(y_.size(0) * window_y().rows());
    blur_.forward(x_.size(0), rows_of(x, window_x().width()),
                  [&](std::int64_t row, void* predicted) {
                    const T* const model = static_cast<const T*>(predicted);
                    const std::int64_t place = row * width;
                    for (std::int64_t i = 0; left && i < width; ++i)
                      left[place + i] = model[i] + terms_.background - data[place + i];
                    divide_counts(model, data + place, ratio + place, terms_, width, sums.of(row));
                  });
    const auto [squares, total] = sums.total();
    model_total_ = total;
    return std::sqrt(squares);
  }

  double objective() const override {
    const std::int64_t width = window_y().width();
    const T* const ratio = ratio_.const_data_ptr<T>();
    const T* const data = y_.const_data_ptr<T>();
    const auto [information] =
        sums_over_rows<1>(y_.size(0) * window_y().rows(), width, [&](std::int64_t row, auto& sums) {
          for (std::int64_t i = row * width; i < (row + 1) * width; ++i)
            if (const T all = data[i] + terms_.variance; all > 0)
              sums[0] += double(all * std::log(ratio[i]));
        });
    double variation = 0;
    if (options_.weight > 0)
      variation = options_.weight * smoothed_variation(x_, options_.smoothing);
    return model_total_ - data_total_ + information + variation;
  }

  Change step() override {
    const std::int64_t width = window_x().width();
    T* const x = x_.mutable_data_ptr<T>();
    T* const gain = gain_.defined() ? gain_.mutable_data_ptr<T>() : nullptr;
    Tensor penalised;
    if (options_.weight > 0)
      penalised = variation_factor(x_, options_.smoothing, options_.weight).contiguous();
    const T* const factor = penalised.defined() ? penalised.const_data_ptr<T>() : nullptr;
    RowSums<2> sums(x_.size(0) * window_x().rows());
    blur_.adjoint(x_.size(0), rows_of(ratio_.const_data_ptr<T>(), window_y().width()),
                  [&](std::int64_t row, void* returned) {
                    T* const back = static_cast<T*>(returned);
                    const std::int64_t place = row * width;
                    for (std::int64_t i = 0; factor && i < width; ++i) back[i] *= factor[place + i];
                    const T* const weight = reciprocal_.row<T>(window_x(), row);
                    if (gain)
                      update_and_gain(x + place, back, weight, gain + place, width, sums.of(row));
                    else update_estimate(x + place, back, weight, width, sums.of(row));
                  });
    if (gain) return extrapolated(sums.total());
    const auto [change, size] = sums.total();
    return {std::sqrt(change), std::sqrt(size)};
  }

  Tensor estimate() const override { return estimate_; }

 private:
  const Window& window_x() const { return blur_.grid().x; }
  const Window& window_y() const { return blur_.grid().y; }

  static GriddedBlur::Row rows_of(const T* data, std::int64_t width) {
    return [data, width](std::int64_t row, void* samples) {
      std::copy_n(data + row * width, width, static_cast<T*>(samples));
    };
  }

  /// From |gain|^2, and its product with the one before.
  Change extrapolated(const std::array<double, 2>& gains) {
    const auto [squares, product] = gains;
    const double factor = gained_ > 0 ? std::clamp(product / gained_, 0.0, 1.0) : 0;
    gained_ = squares;
    const std::int64_t width = window_x().width();
    T* const x = x_.mutable_data_ptr<T>();
    T* const before = estimate_.mutable_data_ptr<T>();
    const auto [change, size] =
        sums_over_rows<2>(x_.size(0) * window_x().rows(), width, [&](std::int64_t row, auto& sums) {
          extrapolate_estimate(x + row * width, before + row * width, T(factor), width,
                               sums.data());
        });
    return {std::sqrt(change), std::sqrt(size)};
  }

  const GriddedBlur& blur_;
  Tensor y_;
  const Reciprocal& reciprocal_;
  Options options_;
  CountTerms<T> terms_{};
  Tensor estimate_;
  Tensor x_;      // where an iteration begins: the estimate without acceleration
  Tensor ratio_;  // sizes of y; between `measure` and `step`
  Tensor gain_;   // of the acceleration
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
    if (in.find(y.name) && in.find(A.name)) grid(in).filter(in.spec(y).dtype);  // plans it
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
    // Estimate and ratio; the spectrum of an image; transfer functions, weights and what they are made
    // of.
    std::int64_t volumes = 2 * planes + 1 + 3 * kernels;
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
    const Tensor kernel = in[A].kernel().cpu();
    Sizes shape = in[A].domain(in.spec(y)).shape;
    shape.insert(shape.begin(), measured.size(0));
    const Tensor estimates = at::empty(shape, measured.options());
    Table table(columns(in));

    std::optional<GriddedBlur> blur;
    Reciprocal reciprocal;
    for (std::int64_t item = 0; item < measured.size(0); ++item) {
      const std::int64_t number = in.item(item);
      if (!blur || kernel.size(0) > 1) {
        const std::int64_t own = kernel.size(0) == 1 ? 0 : item;
        require_kernel(kernel[own], axes, number);
        if (settings_.weights == Weights::none) require_unit_sum(kernel[own], number);
        blur.emplace(grid, kernel[own].to(measured.scalar_type()));
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
      const Tensor estimate = planes_of(estimates[item], axes).copy_(begin);
      begin.reset();
      Iterated<T> iterated(*blur, data, estimate, reciprocal, options<T>(constant));
      iterate(iterated, course(), data, truth, number, context, table);
    }
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
    require_not_negative(variance > 0 ? data + variance : data,
                         variance > 0 ? "y + readout^2" : "'y'", number,
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
