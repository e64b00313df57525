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
//   y: (..., angles, bins), real. Of a scan of more than half a turn the half that has most angles is
//      used. Where these are not even, cubics through neighbouring projections make even ones of them.
//
// Inputs
//   y        projections, e.g. of the slices of one scan, which share their axis
//   angles   optional: the angles as a tensor of one item, instead of the setting `angles`; in
//            degrees unless it has the unit rad
// Outputs
//   centre   the one value for all items, for the input `centre` of operators/radon
//   found    a row an item: centre, of this item alone; nan where it is empty
// Settings (keys in a pipeline file)
//   angles         as operators/radon; by default as many as y has, evenly spaced over half a turn:
//                  even: count [1], >= 1, default 180; range [deg], from the first angle to one step
//                  behind the last, default 180; start [deg], the first angle, default 0
//                  list: degrees [deg], the angles one by one, required
//   search [px]    how far from the middle of the detector the centre may be, > 0; by default a
//                  quarter of the bins
//
// Errors
//   ConfigError  both the setting and the input `angles`; angles that leave more than three times the
//                mean gap open in half a turn (while planning; those of the input while running)
//   ShapeError   y is not real, its last axes are not 'aw' or 'ax', or it has no item, less than 4
//                angles of half a turn or 3 bins; there are not as many angles as projections (while
//                planning)
//   Error        a sample or an angle is not finite; all projections are 0
//
// Accuracy  some hundredths of a bin for an object that is seen as a whole at every angle; some
//           tenths where it leaves the detector.
// Cost      two FFTs of four times the samples of an item; memory: 80 times one item in float32.
//
// [1] P. R. Edholm, R. M. Lewitt, B. Lindholm, "Novel properties of the Fourier decomposition of
//     the sinogram", Proc. SPIE 671:8-18, 1986, doi:10.1117/12.966672.
// [2] N. T. Vo, M. Drakopoulos, R. C. Atwood, C. Reinhard, "Reliable method for calculating the
//     center of rotation in parallel-beam tomography", Opt. Express 22(16):19078-19086, 2014,
//     doi:10.1364/OE.22.019078.

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "angles.h"
#include "resampling.h"

namespace pellucid {
namespace {

using std::numbers::pi;

/// Where a projection was taken from, 0 .. 2 pi, and its row of y.
struct View {
  double angle;
  std::int64_t row;
};

/// Half a turn at even angles, made of projections at any.
struct HalfTurn {
  Resampling even;
  std::int64_t orders;  // |n| below this are told apart by the widest gap
};

/// What the cubic through the four directions around an angle weighs them with.
std::array<double, 4> cubic(const View* around, double angle) {
  std::array<double, 4> weight;
  for (int i = 0; i < 4; ++i) {
    weight[i] = 1;
    for (int j = 0; j < 4; ++j)
      if (j != i) weight[i] *= (angle - around[j].angle) / (around[i].angle - around[j].angle);
  }
  return weight;
}

HalfTurn half_turn_of(const std::vector<double>& angles) {
  constexpr double kTurn = 2 * pi, kSame = 1e-5;  // apart by less: equal but for rounding
  std::vector<View> turn;
  for (std::size_t k = 0; k < angles.size(); ++k)
    turn.push_back({angles[k] - kTurn * std::floor((angles[k] + kSame) / kTurn), std::int64_t(k)});
  const auto before = [](const View& a, const View& b) { return a.angle < b.angle; };
  std::stable_sort(turn.begin(), turn.end(), before);
  turn.erase(std::unique(turn.begin(), turn.end(),
                         [](const View& a, const View& b) { return b.angle - a.angle < kSame; }),
             turn.end());
  // The turn three times over: what comes before and behind the half that is looked for.
  const std::size_t once = turn.size();
  for (std::size_t k = 0; k < 2 * once; ++k) turn.push_back({turn[k].angle + kTurn, turn[k].row});

  std::size_t start = once, count = 0;
  for (std::size_t k = once; k < 2 * once; ++k) {
    const View end{turn[k].angle + pi - kSame, 0};
    const auto ahead =
        std::size_t(std::lower_bound(turn.begin() + std::ptrdiff_t(k), turn.end(), end, before) -
                    turn.begin()) -
        k;
    if (ahead < count || (ahead == count && turn[k].row > turn[start].row)) continue;
    start = k;
    count = ahead;
  }
  const double first = turn[start].angle;
  double widest = 0, narrowest = pi;
  for (std::size_t k = start; k < start + count; ++k) {
    // Half a turn on is the first one, mirrored.
    const double next = k + 1 < start + count ? turn[k + 1].angle : first + pi;
    widest = std::max(widest, next - turn[k].angle);
    narrowest = std::min(narrowest, next - turn[k].angle);
  }
  if (count < 4 || widest * double(count) > 3 * pi)
    throw ConfigError("the angles must cover half a turn, got none for " +
                      std::to_string(widest * 180 / pi) +
                      " deg in a row; give all of the scan, or set the centre of operators/radon");

  const bool even = widest - narrowest < kSame;
  const auto orders = even ? std::int64_t(count) : std::int64_t(pi / widest);
  const std::int64_t samples = even ? orders : 2 * orders, taps = even ? 1 : 4;
  HalfTurn half{{std::int64_t(angles.size()), at::empty({samples, taps}, at::kLong),
                 at::ones({samples, taps}, at::kDouble)},
                orders};
  auto* source = half.even.source.mutable_data_ptr<std::int64_t>();
  auto* weight = half.even.weight.mutable_data_ptr<double>();
  // Directions that the cubics are laid through: none across what was not measured.
  std::size_t from = start, to = start + count;
  while (from > 0 && first - turn[from - 1].angle < 3 * widest) --from;
  while (to < turn.size() && turn[to].angle - first - pi < 3 * widest) ++to;
  for (std::int64_t k = 0; k < samples; ++k) {
    if (even) {
      source[k] = turn[start + std::size_t(k)].row;
      continue;
    }
    const View wanted{first + pi * double(k) / double(samples), 0};
    const auto behind =
        std::size_t(std::lower_bound(turn.begin() + std::ptrdiff_t(from),
                                     turn.begin() + std::ptrdiff_t(to), wanted, before) -
                    turn.begin());
    const std::size_t around = std::clamp(behind, from + 2, to - 2) - 2;
    const std::array<double, 4> weights = cubic(&turn[around], wanted.angle);
    for (std::size_t t = 0; t < 4; ++t) {
      *source++ = turn[around + t].row;
      *weight++ = weights[t];
    }
  }
  return half;
}

class RotationCentre final : public Reducer {
 public:
  struct Settings {
    std::optional<Angles> angles;
    std::optional<double> search;  // px
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"angles", &Settings::angles, "",
         "the angles; by default those of y, evenly spaced over half a turn"},
        {"search", &Settings::search, "px",
         "how far from the middle of the detector the centre may be", positive()},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "projections"};
  static constexpr In<Tensor> angles{"angles", "the angles, instead of the setting", optional};
  static constexpr Out<Tensor> centre{"centre", "the bin that the axis is seen in, of all items"};
  static constexpr Out<Table> found{"found", "the centre of each item alone"};
  static const Ports& ports() {
    static const Ports all{y, angles, centre, found};
    return all;
  }

  explicit RotationCentre(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec& spec = in.spec(y);
    require_real(spec);
    if (!spec.axes.ends_with("aw") && !spec.axes.ends_with("ax"))
      throw ShapeError("projections must have the last axes 'aw' (angle, bin) or 'ax', got '" +
                       spec.axes + "'");
    if (settings_.angles && in.has(angles))
      throw ConfigError("the angles are given twice: remove the setting or the input 'angles'");
    const std::int64_t count = spec.shape.end()[-2];
    const std::int64_t given = in.has(angles)     ? single(in, angles).item_numel()
                               : settings_.angles ? std::ssize(radians_of(*settings_.angles))
                                                  : count;
    if (given != count)
      throw ShapeError("there must be as many angles as projections, got " + std::to_string(given) +
                       " for " + spec.text());
    if (spec.items < 1 || spec.shape.back() < 3 || count < 4)
      throw ShapeError(
          "the centre is found from at least one item of 3 bins and 4 angles of half a turn, got " +
          spec.text());
    if (!in.has(angles)) half_turn(in);
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
    sums.shape = {most_frequencies(spec), 2};
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
    const HalfTurn half = half_turn(in);
    const Tensor sum = at::zeros({most_frequencies(in.spec(y)), 2}, at::kDouble);
    for (std::int64_t row = 0; row < given.size(0); ++row) {
      context.stop_if_cancelled();
      const Tensor terms = at::view_as_real(correlation(given[row], half));
      table.add(in.item(row), {best_centre(terms, given.size(-1))});
      sum.narrow(0, 0, terms.size(0)).add_(terms);
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
    // Of twice the angles where they are not even.
    return 2 * 10 * 16 * spec.item_numel();
  }

 private:
  static constexpr Out<Tensor> g{"g", "real and imaginary part of g(w), summed over items"};
  static constexpr Out<Tensor> bins{"bins", "of the detector"};

  static std::vector<Column> columns() {
    return {{"centre", Column::Type::real, "px", 0, "where the axis of rotation is seen"}};
  }

  /// Of all inputs, or of those of a block. Throws where there is too little of it.
  HalfTurn half_turn(const Inputs& in) const {
    const std::int64_t count = in.spec(y).shape.end()[-2];
    const Angles even = EvenAngles{.count = count};
    return half_turn_of(in.has(angles) ? radians_of(in, angles)
                                       : radians_of(settings_.angles.value_or(even)));
  }

  /// w of a frequency on the grid of twice the bins, in radians a bin.
  static double radians(std::int64_t frequency, std::int64_t bins) {
    return pi * double(frequency) / double(bins);
  }

  /// m(R w).
  static double widest(std::int64_t frequency, std::int64_t bins) {
    const double r = double(bins) / 2 * radians(frequency, bins);
    return r + std::cbrt(r) + 1;
  }

  /// Those above 0 at which some |n| below `orders` is outside.
  static std::int64_t frequencies(std::int64_t orders, std::int64_t bins) {
    std::int64_t count = 0;
    while (count < bins && widest(count + 1, bins) < double(orders)) ++count;
    return count;
  }
  /// Whatever the angles are.
  static std::int64_t most_frequencies(const Spec& projections) {
    return frequencies(projections.shape.end()[-2], projections.shape.back());
  }

  /// g(w) of projections (..., angles, bins) at the frequencies 1, 2, ...: complex128.
  static Tensor correlation(const Tensor& projections, const HalfTurn& half) {
    const std::int64_t bins = projections.size(-1);
    const std::int64_t count = frequencies(half.orders, bins);
    const Tensor stack =
        projections.reshape({-1, projections.size(-2), bins}).to(at::kCPU, at::kDouble);
    const Tensor even = resampled(stack, -2, half.even);
    const Tensor lines = at::fft_rfft(even, 2 * bins).narrow(-1, 1, count);
    const std::int64_t angles = even.size(-2);
    const Tensor p = at::fft_fft(lines, 2 * angles, 1);
    // n = 0, -1, -2, ... beside n = 0, 1, 2, ...
    const Tensor mirrored = at::roll(at::flip(p, {1}), 1, 1);
    const Tensor n = at::arange(2 * angles, at::kDouble);
    const Tensor distance = at::minimum(n, 2 * double(angles) - n).unsqueeze(1);
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
