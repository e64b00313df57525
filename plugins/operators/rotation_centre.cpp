// rotation_centre: where on the detector the axis of rotation is seen, from the projections alone.
//
//   The projections of half a turn, mirrored about the right centre c, are those of the other half.
//   Of the sinogram of the whole turn the two-dimensional spectrum F(n, w), n in cycles a turn and
//   w in radians a bin, is then nearly 0 where |n| > R |w|, with R the radius of what is seen [1, 2]:
//
//     centre = argmin over c of   sum over |n| > m(R w), w > 0 of |F_c(n, w)|^2,   R = bins / 2
//            = argmin over c of   Re sum over w of exp(2 i c w) g(w)
//     g(w)   = sum over |n| > m(R w) of (-1)^n P(n, w) P(-n, w),   P the spectrum of the half turn
//     m(r)   = r + r^(1/3) + 1, beyond which Bessel functions J_n(r) have fallen off
//
//   y: (..., angles, bins), real; angles evenly spaced over `range`, in steps of range / angles, so
//      that the first direction does not come again at the end
//
// Inputs
//   y   projections, e.g. of the slices of one scan, which share their axis
// Outputs
//   centre   the one value for all items, for the input `centre` of operators/radon
//   found    a row an item: centre, of this item alone; nan where it is empty
// Settings (keys in a pipeline file)
//   range [deg]    that the angles cover, from the first to one step behind the last; of more than
//                  half a turn the first half is used, >= 180                default 180
//   search [px]    how far from the middle of the detector the centre may be, > 0; by default a
//                  quarter of the bins
//
// Errors
//   ShapeError   y is not real, its last axes are not 'aw' or 'ax', or it has no item, less than 4
//                angles or 3 bins (while planning)
//   Error        a sample is not finite; all projections are 0
//
// Accuracy  some hundredths of a bin for an object that is seen as a whole at every angle; some
//           tenths where it leaves the detector.
// Cost      two FFTs of four times the samples of an item; memory: 40 times one item in float32.
//
// [1] P. R. Edholm, R. M. Lewitt, B. Lindholm, "Novel properties of the Fourier decomposition of
//     the sinogram", Proc. SPIE 671:8-18, 1986, doi:10.1117/12.966672.
// [2] N. T. Vo, M. Drakopoulos, R. C. Atwood, C. Reinhard, "Reliable method for calculating the
//     center of rotation in parallel-beam tomography", Opt. Express 22(16):19078-19086, 2014,
//     doi:10.1364/OE.22.019078.

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

constexpr double kPi = std::numbers::pi;

class RotationCentre final : public Reducer {
 public:
  struct Settings {
    double range = 180;            // deg
    std::optional<double> search;  // px
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"range", &Settings::range, "deg",
         "that the angles cover, from the first to one step behind the last", at_least(180.0)},
        {"search", &Settings::search, "px",
         "how far from the middle of the detector the centre may be", positive()},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "projections at even angles"};
  static constexpr Out<Tensor> centre{"centre", "the bin that the axis is seen in, of all items"};
  static constexpr Out<Table> found{"found", "the centre of each item alone"};
  static const Ports& ports() {
    static const Ports all{y, centre, found};
    return all;
  }

  explicit RotationCentre(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec& spec = in.spec(y);
    require_real(spec);
    if (!spec.axes.ends_with("aw") && !spec.axes.ends_with("ax"))
      throw ShapeError("projections must have the last axes 'aw' (angle, bin) or 'ax', got '" +
                       spec.axes + "'");
    if (spec.items < 1 || spec.shape.back() < 3 || half_turn(spec.shape.end()[-2]) < 4)
      throw ShapeError(
          "the centre is found from at least one item of 3 bins and 4 angles of half a turn, got " +
          spec.text());
    Spec value;
    value.dtype = at::kDouble;
    value.axes = "c";
    value.shape = {1};
    value.unit = "px";
    out[centre] = value;
    out[found] = {spec.items, 1, columns()};
  }

  void infer_state(const Inputs& in, Specs& state) const override {
    const Spec& spec = in.spec(y);
    Spec sums;
    sums.dtype = at::kDouble;
    sums.axes = "wc";
    sums.shape = {frequencies(spec.shape.end()[-2], spec.shape.back()), 2};
    state[g] = sums;
    Spec detector = sums;
    detector.axes = "c";
    detector.shape = {1};
    state[bins] = detector;
    state[found] = {1, spec.items, columns()};
  }

  void reduce(const Inputs& in, Outputs& state, Context& context) const override {
    const Tensor& given = in[y];
    if (!given.isfinite().all().item<bool>())
      throw Error("projections must be finite, found inf or nan");
    Table table(columns());
    const Tensor sum = at::zeros({frequencies(given.size(-2), given.size(-1)), 2}, at::kDouble);
    for (std::int64_t row = 0; row < given.size(0); ++row) {
      context.stop_if_cancelled();
      const Tensor terms = at::view_as_real(correlation(given[row]));
      table.add(in.item(row), {best_centre(terms, given.size(-1))});
      sum.add_(terms);
    }
    state[g] = sum.unsqueeze(0);
    state[bins] = at::full({1, 1}, double(given.size(-1)), at::kDouble);
    state[found] = std::move(table);
  }

  void finish(const States& states, Outputs& out, Context&) const override {
    Tensor sum;
    double detector = 0;
    Table table(columns());
    for (std::int64_t i = 0; i < states.count(); ++i) {
      const Outputs state = states.at(i);
      sum = sum.defined() ? sum + state[g] : state[g];
      detector = state[bins].item<double>();
      table.append(state[found]);
    }
    const double best = sum.defined() ? best_centre(sum[0], std::int64_t(detector)) : NAN;
    if (std::isnan(best))
      throw Error("the centre of rotation cannot be told: there is no projection that is not 0");
    out[centre] = at::full({1, 1}, best, at::kDouble);
    out[found] = std::move(table);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& spec = in.spec(y);
    // Zero-padded copy, spectra of bins and of angles, and what is made of the latter; complex128.
    return 10 * 16 * spec.item_numel();
  }

 private:
  static constexpr Out<Tensor> g{"g", "real and imaginary part of g(w), summed over items"};
  static constexpr Out<Tensor> bins{"bins", "of the detector"};

  static std::vector<Column> columns() {
    return {{"centre", Column::Type::real, "px", 0, "where the axis of rotation is seen"}};
  }

  /// How many of the angles make half a turn.
  std::int64_t half_turn(std::int64_t angles) const {
    return std::int64_t(std::llround(double(angles) * 180 / settings_.range));
  }

  /// w of a frequency on the grid of twice the bins, in radians a bin.
  static double radians(std::int64_t frequency, std::int64_t bins) {
    return kPi * double(frequency) / double(bins);
  }

  /// m(R w).
  static double widest(std::int64_t frequency, std::int64_t bins) {
    const double r = double(bins) / 2 * radians(frequency, bins);
    return r + std::cbrt(r) + 1;
  }

  /// Those above 0 at which some |n| is outside.
  std::int64_t frequencies(std::int64_t angles, std::int64_t bins) const {
    std::int64_t count = 0;
    while (count < bins && widest(count + 1, bins) < double(half_turn(angles))) ++count;
    return count;
  }

  /// g(w) of projections (..., angles, bins) at the frequencies 1, 2, ...: complex128.
  Tensor correlation(const Tensor& projections) const {
    const std::int64_t half = half_turn(projections.size(-2)), bins = projections.size(-1);
    const std::int64_t count = frequencies(projections.size(-2), bins);
    const Tensor stack = projections.reshape({-1, projections.size(-2), bins})
                             .narrow(1, 0, half)
                             .to(at::kCPU, at::kDouble);
    const Tensor lines = at::fft_rfft(stack, 2 * bins).narrow(-1, 1, count);
    const Tensor p = at::fft_fft(lines, 2 * half, 1);
    // n = 0, -1, -2, ... beside n = 0, 1, 2, ...
    const Tensor mirrored = at::roll(at::flip(p, {1}), 1, 1);
    const Tensor n = at::arange(2 * half, at::kDouble);
    const Tensor distance = at::minimum(n, 2 * double(half) - n).unsqueeze(1);
    std::vector<double> widths;
    for (std::int64_t k = 1; k <= count; ++k) widths.push_back(widest(k, bins));
    const Tensor limit = at::tensor(widths, at::kDouble);
    const Tensor sign = 1 - 2 * at::remainder(n, 2).unsqueeze(1);
    return (p * mirrored * at::where(distance > limit, sign, 0.0)).sum({0, 1});
  }

  /// nan where all projections are 0.
  double best_centre(const Tensor& terms, std::int64_t bins) const {
    const Tensor kept = terms.contiguous();
    const auto* const pairs = kept.const_data_ptr<double>();
    if (kept.abs().max().item<double>() == 0) return NAN;
    const auto energy = [&](double c) {
      double sum = 0;
      for (std::int64_t k = 0; k < kept.size(0); ++k) {
        const double phase = 2 * c * radians(k + 1, bins);
        sum += pairs[2 * k] * std::cos(phase) - pairs[2 * k + 1] * std::sin(phase);
      }
      return sum;
    };
    const double middle = double(bins - 1) / 2;
    double reach = std::min(middle, settings_.search.value_or(double(bins) / 4));
    double best = middle;
    // No term is faster than a period a bin.
    for (double step = 0.25; step > 1e-4; reach = step, step /= 8) {
      const double around = best;
      double least = std::numeric_limits<double>::infinity();
      const auto steps = std::int64_t(reach / step);
      for (std::int64_t i = -steps; i <= steps; ++i) {
        const double c = std::clamp(around + double(i) * step, 0.0, double(bins - 1));
        const double value = energy(c);
        if (value >= least) continue;
        least = value;
        best = c;
      }
    }
    return best;
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(RotationCentre, "Finds the centre of rotation of a tomographic scan");

}  // namespace pellucid
