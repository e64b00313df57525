// quality: how close images are to their references, by the usual measures, for each item.
//
//   psnr      10 log10(range^2 / MSE) [dB], MSE the mean of |x - reference|^2
//   ssim      mean over channels and window positions of
//             (2 mx mr + C1) (2 cxr + C2) / ((mx^2 + mr^2 + C1) (vx + vr + C2))       [1, eq. 13]
//             with means m, variances v and covariance c under a Gaussian window (std 1.5, cut off
//             at radius 5, sum 1), v and c times n / (n - 1), n = 11^dimensions;
//             C1 = (0.01 range)^2, C2 = (0.03 range)^2. Only windows that lie wholly inside count.
//   ms_ssim   the product over five scales of the means of contrast and structure, to the powers
//             0.0448, 0.2856, 0.3001, 0.2363, 0.1333, the last with luminance [2, eq. 7]; v and c
//             as they are. Each scale is the one before, halved by means of 2 samples along each
//             axis. A negative mean counts as 0.
//   nrmse     sqrt(MSE) / d, where d is of the reference, as `normalization` says:
//             euclidean: sqrt(mean |reference|^2); range: its largest minus its smallest value;
//             mean: |mean reference|
//   mae       mean |x - reference|, unit of x
//   snr       10 log10(sum |reference|^2 / sum |x - reference|^2) [dB]
//   x, reference: (..., h, w) or (..., y, x), with dimensions: 3 (..., z, y, x); same shape
//
// Inputs
//   x           what is judged
//   reference   what it should be
// Outputs
//   scores   a row an item, a column for each of `metrics`; psnr and snr are inf where both are
//            equal
// Settings (keys in a pipeline file)
//   metrics          what is computed, each once: psnr, ssim, ms_ssim, nrmse, mae or snr
//                                                                         default psnr and ssim
//   border [px]      left out on each side before anything is computed, >= 0        default 5
//   range            largest minus smallest possible value, unit of x, > 0; by default 1 where the
//                    unit of the reference is [1] or unknown
//   clip             x is clipped to [0, range] first                               default false
//   dimensions [1]   how many of the last axes have a border and are windowed, in [2, 3];
//                    further axes are slices                                        default 2
//   normalization    what nrmse is divided by: euclidean, range or mean             default euclidean
//   magnitude        the magnitudes of x and reference are compared                 default false
//
// Errors
//   ConfigError  a metric stands twice in the list; psnr, ssim, ms_ssim or `clip` without a `range`
//                of a reference with a unit (while planning)
//   ShapeError   other axes, shape or unit than the reference; complex without `magnitude`; too
//                small inside the border: ssim needs 11 samples along each axis, ms_ssim 176 (while
//                planning)
//   Error        nrmse or snr of a reference that is 0, or constant where nrmse divides by its range
//
// Accuracy  values are not clipped unless `clip` is set. SSIM is computed in the precision of the
//           images, sums in double precision.
// Cost      ssim: five separable filters of 11 taps, ms_ssim 4/3 of that; memory: 12 times one item.
//
// [1] Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error
//     visibility to structural similarity", IEEE Trans. Image Process. 13(4):600-612, 2004,
//     doi:10.1109/TIP.2003.819861.
// [2] Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multiscale structural similarity for image quality
//     assessment", Asilomar Conf. Signals, Systems & Computers, 1398-1402, 2003,
//     doi:10.1109/ACSSC.2003.1292216.

#include <algorithm>
#include <cmath>
#include <set>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "pair.h"
#include "similarity.h"

namespace pellucid {
namespace {

enum class Metric { psnr, ssim, ms_ssim, nrmse, mae, snr };

std::vector<std::pair<std::string, Metric>> enumerators(Metric) {
  return {{"psnr", Metric::psnr},   {"ssim", Metric::ssim}, {"ms_ssim", Metric::ms_ssim},
          {"nrmse", Metric::nrmse}, {"mae", Metric::mae},   {"snr", Metric::snr}};
}

enum class Normalization { euclidean, range, mean };

std::vector<std::pair<std::string, Normalization>> enumerators(Normalization) {
  return {{"euclidean", Normalization::euclidean},
          {"range", Normalization::range},
          {"mean", Normalization::mean}};
}

std::string name_of(Metric metric) {
  for (const auto& [name, value] : enumerators(metric))
    if (value == metric) return name;
  return {};
}

double mean_of(const Tensor& values) { return values.mean(at::kDouble).item<double>(); }

double mean_square(const Tensor& values) { return mean_of(values.square()); }

class Quality final : public Stage {
 public:
  struct Settings {
    std::vector<Metric> metrics{Metric::psnr, Metric::ssim};
    std::int64_t border = 5;      // px
    std::optional<double> range;  // unit of x
    bool clip = false;
    std::int64_t dimensions = 2;
    Normalization normalization = Normalization::euclidean;
    bool magnitude = false;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"metrics", &Settings::metrics, "", "what is computed, each once", count(1, 6)},
        {"border", &Settings::border, "px", "left out on each side", at_least(0)},
        {"range", &Settings::range, "", "largest minus smallest possible value", positive()},
        {"clip", &Settings::clip, "", "x is clipped to [0, range] first"},
        {"dimensions", &Settings::dimensions, "1",
         "how many of the last axes have a border and are windowed", within(2, 3)},
        {"normalization", &Settings::normalization, "", "what nrmse is divided by"},
        {"magnitude", &Settings::magnitude, "", "magnitudes are compared"},
    };
    return rows;
  }

  static constexpr In<Tensor> x{"x", "what is judged"};
  static constexpr In<Tensor> reference{"reference", "what it should be"};
  static constexpr Out<Table> scores{"scores", "a row an item, a column for each metric"};
  static const Ports& ports() {
    static const Ports all{x, reference, scores};
    return all;
  }

  explicit Quality(Settings settings) : settings_(std::move(settings)) {
    std::set<Metric> seen;
    for (const Metric metric : settings_.metrics)
      if (!seen.insert(metric).second)
        throw ConfigError("'metrics' has '" + name_of(metric) + "' twice; leave one out");
  }

  void infer(const Inputs& in, Specs& out) const override {
    const Spec &judged = in.spec(x), &wanted = in.spec(reference);
    if (!settings_.range && needs_range() && !wanted.unit.empty() && wanted.unit != "1")
      throw ConfigError("'range' must be given for values in [" + wanted.unit +
                        "], e.g. range: 255 for counts of 8 bits");
    for (const Spec* spec : {&judged, &wanted}) {
      if (at::isComplexType(spec->dtype) && !settings_.magnitude)
        throw ShapeError("complex values cannot be judged, got " + dtype_name(spec->dtype) +
                         "; set magnitude: true to compare magnitudes");
      require_floating(*spec);
    }
    require_pair(judged, wanted, settings_.dimensions);
    if (computes(Metric::ms_ssim))
      require_room(judged, settings_.dimensions, kMultiscaleSize, settings_.border,
                   "five scales of a window of 11");
    if (computes(Metric::ssim))
      require_room(judged, settings_.dimensions, kSimilarityWindow, settings_.border,
                   "a window of 11");
    require_room(judged, settings_.dimensions, 1, settings_.border, "one");
    out[scores] = {paired_items(judged.items, wanted.items), 1, columns(judged.unit)};
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Tensor &judged = in[x], &wanted = in[reference];
    Table table(columns(in.spec(x).unit));
    const std::int64_t items = paired_items(judged.size(0), wanted.size(0));
    for (std::int64_t i = 0; i < items; ++i) {
      context.stop_if_cancelled();
      const auto dtype = at::promote_types(judged.scalar_type(), wanted.scalar_type());
      Tensor a = compared(judged, i).to(c10::toRealValueType(dtype));
      const Tensor b = compared(wanted, i).to(c10::toRealValueType(dtype));
      if (settings_.clip) a = a.clamp(0, range());
      std::vector<Cell> row;
      for (const Metric metric : settings_.metrics) row.emplace_back(value(metric, a, b));
      table.add(in.item(i), std::move(row));
    }
    out[scores] = std::move(table);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return 12 * std::max(in.spec(x).item_bytes(), in.spec(reference).item_bytes());
  }

 private:
  bool computes(Metric metric) const {
    return std::count(settings_.metrics.begin(), settings_.metrics.end(), metric) != 0;
  }

  double range() const { return settings_.range.value_or(1.0); }

  bool needs_range() const {
    return settings_.clip || computes(Metric::psnr) || computes(Metric::ssim) ||
           computes(Metric::ms_ssim);
  }

  std::vector<Column> columns(const std::string& unit) const {
    std::vector<Column> all;
    for (const Metric metric : settings_.metrics) all.push_back(column(metric, unit));
    return all;
  }

  static Column column(Metric metric, const std::string& unit) {
    const auto real = [metric](const char* of, const char* summary) {
      return Column{name_of(metric), Column::Type::real, of, 0, summary};
    };
    switch (metric) {
      case Metric::psnr:
        return real("dB", "peak signal-to-noise ratio");
      case Metric::ssim:
        return real("1", "structural similarity");
      case Metric::ms_ssim:
        return real("1", "structural similarity at five scales");
      case Metric::nrmse:
        return real("1", "normalized root of the mean squared error");
      case Metric::mae:
        return real(unit.c_str(), "mean absolute error");
      case Metric::snr:
        break;
    }
    return real("dB", "signal-to-noise ratio");
  }

  Tensor compared(const Tensor& images, std::int64_t item) const {
    const Tensor image = inside(item_of(images, item), settings_.border, settings_.dimensions);
    return settings_.magnitude ? image.abs() : image;
  }

  double value(Metric metric, const Tensor& a, const Tensor& b) const {
    switch (metric) {
      case Metric::psnr:
        return 10 * std::log10(range() * range() / mean_square(a - b));
      case Metric::ssim:
        return ssim(a, b, range(), settings_.dimensions);
      case Metric::ms_ssim:
        return multiscale_ssim(a, b, range(), settings_.dimensions);
      case Metric::nrmse:
        return std::sqrt(mean_square(a - b)) / scale_of(b);
      case Metric::mae:
        return mean_of((a - b).abs());
      case Metric::snr:
        break;
    }
    const double signal = mean_square(b);
    if (signal == 0) throw Error("'snr' has no value where the reference is 0 everywhere");
    return 10 * std::log10(signal / mean_square(a - b));
  }

  /// What nrmse divides by.
  double scale_of(const Tensor& b) const {
    double scale = 0;
    switch (settings_.normalization) {
      case Normalization::euclidean:
        scale = std::sqrt(mean_square(b));
        break;
      case Normalization::range:
        scale = b.max().item<double>() - b.min().item<double>();
        break;
      case Normalization::mean:
        scale = std::abs(mean_of(b));
        break;
    }
    if (scale == 0)
      throw Error(settings_.normalization == Normalization::range
                      ? "'nrmse' has no value where the reference is constant; choose another "
                        "'normalization'"
                      : "'nrmse' has no value where the reference, or its mean, is 0; choose "
                        "another 'normalization'");
    return scale;
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Quality, "Scores each item against its reference: PSNR, SSIM and others");

}  // namespace pellucid
