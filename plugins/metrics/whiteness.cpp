// whiteness: whether what is left of a measurement, y - A x, is white noise, by its autocorrelation.
//
//   r     = y - A x; y where x is not given                     y: (..., h, w) or (..., z, y, x)
//   rho_k = sum_n r[n] r[n + k] / sum_n r[n]^2,  r less its mean over the last axes; the sum goes
//           over the pairs that lie inside                                               [1]
//   The lags k are those with |k_a| <= lags along each axis, one of k and -k each, without 0:
//   h = ((2 lags + 1)^dimensions - 1) / 2 of them. Over N samples, m_k of them with a partner:
//   energy    = mean over channels of sum_k rho_k^2; for white noise sum_k m_k / N^2, about h / N
//   statistic = sum_k N^2 rho_k^2 / (m_k h), mean over channels; for white noise its mean is 1 and
//               its standard deviation sqrt(2 / (h channels)), after [2]
//   p_value   = how often white noise has a larger statistic: the upper tail of chi-squared with
//               h channels degrees of freedom; small where r is not white
//   rms       = root of the mean of |r|^2, its mean included, to be compared with the noise's
//               standard deviation: of complex noise that of both parts together
//   Real and imaginary part of a complex r count as channels of their own, but for rms.
//   With a mask, means, sums, N and m_k are of measured samples and of pairs of them; a lag without
//   a pair does not count. Data with samples that A leaves out need it: where nothing was measured
//   r is 0, and zeros are not noise.
//
// Inputs
//   y      the measurement, or the residual itself
//   x      optional: the estimate
//   A      optional: the operator that measures; the identity without it. Only beside x
//   mask   optional: 0 where nothing was measured, 1 (or anything else) where y was, as
//          operators/mask makes it; the axes of y or the last of them, channels may be one for all;
//          one for all items, or one for each
// Outputs
//   scores   a row an item: statistic, p_value, energy, rms
// Settings (keys in a pipeline file)
//   lags [px]        how far the autocorrelation reaches along each axis, in [1, 64]   default 5
//   border [px]      left out of r on each side, >= 0                                  default 0
//   dimensions [1]   how many of the last axes are correlated, in [2, 3]               default 2
//
// Errors
//   ConfigError  A without x (while planning)
//   ShapeError   A does not take x, A x and y differ in axes, shape or unit, an axis does not have
//                more samples than `lags` inside the border, the mask does not fit y (while
//                planning)
//   Error        r is constant, so that it has no autocorrelation; the mask leaves no pair of samples
//
// Accuracy  double precision. The law of the statistic is that of many samples: for Gaussian noise
//           on 64 x 64 samples its mean is right to 1 percent; with a mask, lags of few pairs make
//           the p_value less sure.
// Cost      that of A, and two real Fourier transforms an item of the image extended by `lags`, four
//           with a mask.
//
// [1] M. S. C. Almeida, M. A. T. Figueiredo, "Parameter estimation for blind and non-blind
//     deblurring using residual whiteness measures", IEEE Trans. Image Process. 22(7):2751-2763,
//     2013, doi:10.1109/TIP.2013.2257810.
// [2] G. M. Ljung, G. E. P. Box, "On a measure of lack of fit in time series models", Biometrika
//     65(2):297-303, 1978, doi:10.1093/biomet/65.2.297.

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/plugin.h>

#include "pair.h"

namespace pellucid {
namespace {

std::vector<Column> columns(const std::string& unit) {
  return {{"statistic", Column::Type::real, "1", 0, "1 for white noise"},
          {"p_value", Column::Type::real, "1", 0, "share of white noise that is less white"},
          {"energy", Column::Type::real, "1", 0, "of the normalized autocorrelation"},
          {"rms", Column::Type::real, unit, 0, "root mean square of the residual"}};
}

class Whiteness final : public Stage {
 public:
  struct Settings {
    std::int64_t lags = 5;    // px
    std::int64_t border = 0;  // px
    std::int64_t dimensions = 2;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"lags", &Settings::lags, "px", "how far the autocorrelation reaches along each axis",
         within(1, 64)},
        {"border", &Settings::border, "px", "left out of the residual on each side", at_least(0)},
        {"dimensions", &Settings::dimensions, "1", "how many of the last axes are correlated",
         within(2, 3)},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "the measurement, or the residual itself"};
  static constexpr In<Tensor> x{"x", "the estimate", optional};
  static constexpr In<Operator> A{"A", "the operator that measures; the identity without it",
                                  optional};
  static constexpr In<Tensor> mask{"mask", "1 where y was measured, 0 where not", optional};
  static constexpr Out<Table> scores{"scores", "whiteness and size of each item's residual"};
  static const Ports& ports() {
    static const Ports all{y, x, A, mask, scores};
    return all;
  }

  explicit Whiteness(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec& measured = in.spec(y);
    std::int64_t items = measured.items;
    require_floating(measured);
    require_spatial(measured, settings_.dimensions);
    if (in.has(A) && !in.has(x))
      throw ConfigError("'A' needs 'x', what it is applied to; give it or leave 'A' out");
    if (in.has(x)) {
      const Spec predicted = in.has(A) ? in[A].range(in.spec(x)) : in.spec(x);
      const char* name = in.has(A) ? "A x" : "x";
      require_floating(predicted);
      if (predicted.axes != measured.axes || predicted.shape != measured.shape)
        throw ShapeError(std::string("'y' and '") + name + "' must agree in axes and shape, got " +
                         measured.axes + " " + shape_text(measured.shape) + " and " +
                         predicted.axes + " " + shape_text(predicted.shape));
      require_same_unit(measured, "y", predicted, name);
      items = paired_items(items, predicted.items);
    }
    if (in.has(mask)) {
      require_mask(in.spec(mask), measured);
      items = paired_items(items, in.spec(mask).items);
    }
    if (measured.item_numel() == 0)
      throw ShapeError("'y' must have at least one sample, got " + shape_text(measured.shape));
    require_room(measured, settings_.dimensions, settings_.lags + 1, settings_.border,
                 "more than " + std::to_string(settings_.lags) + " lags");
    out[scores] = {items, 1, columns(measured.unit)};
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    Tensor residual = in[y];
    if (in.has(x)) residual = residual - (in.has(A) ? in[A].apply(in[x]) : in[x]);
    Table table(columns(in.spec(y).unit));
    const std::int64_t items =
        in.has(mask) ? paired_items(residual.size(0), in[mask].size(0)) : residual.size(0);
    for (std::int64_t i = 0; i < items; ++i) {
      context.stop_if_cancelled();
      const Tensor of_item = item_of(residual, i);
      Tensor counted;
      if (in.has(mask)) counted = counted_planes(item_of(in[mask], i), of_item);
      table.add(in.item(i), row(planes(of_item), counted, of_item.is_complex() ? 2 : 1));
    }
    out[scores] = std::move(table);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& measured = in.spec(y);
    const std::int64_t parts = at::isComplexType(measured.dtype) ? 2 : 1;
    std::int64_t samples = 1, grid = 1;
    for (const std::int64_t n : last_sizes(measured.shape, axes())) samples *= n;
    for (const std::int64_t n : grid_of(measured.shape)) grid *= n + 2;
    // An item in double precision and its squares; the extended one, its spectrum, powers and copies.
    std::int64_t bytes = 8 * parts * (measured.item_numel() / samples) * (3 * samples + 8 * grid);
    // The mask, what it cuts out, and how many pairs it leaves.
    if (in.has(mask)) bytes += 8 * parts * (measured.item_numel() / samples) * 3 * (samples + grid);
    if (in.has(x)) bytes += 2 * measured.bytes();
    if (in.has(A)) bytes += in[A].working_bytes(in.spec(x));
    return bytes;
  }

 private:
  std::size_t axes() const { return static_cast<std::size_t>(settings_.dimensions); }

  void require_mask(const Spec& spec, const Spec& measured) const {
    require_real(spec);
    const std::size_t count = spec.axes.size(), all = measured.axes.size();
    bool fits = count <= all && measured.axes.substr(all - count) == spec.axes;
    for (std::size_t a = 0; fits && a < count; ++a)
      fits = spec.shape[a] == measured.shape[all - count + a] ||
             (spec.shape[a] == 1 && a + axes() < count);
    if (!fits)
      throw ShapeError("'mask' must have the axes and shape of 'y', or the last of them, got " +
                       spec.axes + " " + shape_text(spec.shape) + " for " + measured.axes + " " +
                       shape_text(measured.shape));
  }

  /// Sizes of the extended images, so that no sample meets one from the other side.
  std::vector<std::int64_t> grid_of(at::IntArrayRef shape) const {
    std::vector<std::int64_t> sizes;
    for (const std::int64_t n : last_sizes(shape, axes()))
      sizes.push_back(fast_size(n + settings_.lags, Parity::even));
    return sizes;
  }

  /// An item as (channels, sizes...), real, double.
  Tensor planes(const Tensor& item) const {
    Tensor inner = inside(item, settings_.border, settings_.dimensions);
    std::vector<std::int64_t> shape{-1};
    for (const std::int64_t n : last_sizes(inner.sizes(), axes())) shape.push_back(n);
    inner = inner.reshape(shape);
    if (inner.is_complex()) inner = at::cat({at::real(inner), at::imag(inner)});
    return inner.to(at::kDouble);
  }

  /// 1 where a sample of `planes(item)` counts, 0 elsewhere.
  Tensor counted_planes(const Tensor& of_mask, const Tensor& item) const {
    const Tensor counted = planes((of_mask != 0).expand(item.sizes()));
    return item.is_complex() ? at::cat({counted, counted}) : counted;
  }

  /// `counted` is undefined where every sample counts; `parts` planes make one of y.
  std::vector<Cell> row(Tensor residual, const Tensor& counted, int parts) const {
    const std::int64_t channels = residual.size(0);
    Tensor samples = at::full({channels}, double(residual[0].numel()), at::kDouble);
    if (counted.defined()) {
      residual = at::where(counted == 1, residual, at::zeros({}, at::kDouble));
      samples = counted.flatten(1).sum(1);
    }
    const double rms =
        std::sqrt(residual.square().sum().item<double>() * parts / samples.sum().item<double>());
    Tensor mean = residual.sum(last_axes(axes()), /*keepdim=*/true);
    mean = mean / samples.view_as(mean);
    const Tensor centred = residual - (counted.defined() ? mean * counted : mean);
    const Tensor power = centred.square().flatten(1).sum(1);
    // What rounding leaves of a constant.
    if ((power <= 1e-24 * samples * rms * rms).any().item<bool>())
      throw Error("the residual is constant, so that it has no autocorrelation");

    const Tensor chosen = half_of_lags();
    const auto at_chosen = [&chosen](const Tensor& window) {
      return window.flatten(1).index_select(1, chosen);
    };
    const Tensor rho = at_chosen(autocorrelation(centred)) / power.unsqueeze(1);
    const Tensor pairs = at_chosen(counted.defined() ? autocorrelation(counted).round()
                                                     : pairs_at_lags(residual).unsqueeze(0));
    const double freedom = (pairs > 0).expand_as(rho).sum().item<double>();
    if (freedom == 0)
      throw Error("'mask' leaves no two samples within " + std::to_string(settings_.lags) +
                  " lags; take more 'lags'");
    const Tensor squared = rho.square();
    const Tensor weighted = squared * samples.square().unsqueeze(1) / pairs.clamp_min(1);
    const double total =
        at::where(pairs > 0, weighted, at::zeros({}, at::kDouble)).sum().item<double>();
    const Tensor tail = at::special_gammaincc(at::full({1}, freedom / 2, at::kDouble),
                                              at::full({1}, total / 2, at::kDouble));
    return {total / freedom, tail.item<double>(), squared.sum().item<double>() / double(channels),
            rms};
  }

  /// sum_n r[n] r[n + k] for k in -lags .. lags along each axis: (channels, 2 lags + 1, ...).
  Tensor autocorrelation(const Tensor& residual) const {
    const std::vector<std::int64_t> sizes = grid_of(residual.sizes());
    std::vector<std::int64_t> padding;
    for (std::int64_t axis = -1; axis >= -settings_.dimensions; --axis) {
      padding.push_back(0);
      padding.push_back(sizes[sizes.size() - static_cast<std::size_t>(-axis)] -
                        residual.size(axis));
    }
    const RealFft fft(sizes, at::kDouble);
    const Tensor spectrum = fft.forward(at::constant_pad_nd(residual, padding));
    Tensor sums = fft.inverse(
        at::complex(at::real(spectrum * spectrum.conj()), at::zeros_like(at::real(spectrum))));
    for (std::int64_t axis = -settings_.dimensions; axis < 0; ++axis)
      sums = sums.roll(settings_.lags, axis).narrow(axis, 0, 2 * settings_.lags + 1);
    return sums;
  }

  /// How many samples have a partner at each lag: (2 lags + 1, ...).
  Tensor pairs_at_lags(const Tensor& residual) const {
    Tensor pairs = at::ones({1}, at::kDouble);
    const Tensor distance = at::arange(-settings_.lags, settings_.lags + 1, at::kDouble).abs();
    for (const std::int64_t n : last_sizes(residual.sizes(), axes()))
      pairs = pairs.unsqueeze(-1) * (double(n) - distance);
    return pairs;
  }

  /// Indices of the lags behind 0 in the flattened window; those before are their mirror images.
  Tensor half_of_lags() const {
    std::int64_t all = 1;
    for (std::size_t a = 0; a < axes(); ++a) all *= 2 * settings_.lags + 1;
    return at::arange(all / 2 + 1, all, at::kLong);
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Whiteness, "Tests whether each residual y - A x is white noise");

}  // namespace pellucid
