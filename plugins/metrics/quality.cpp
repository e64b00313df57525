// quality: how close images are to their references: PSNR and SSIM of each item.
//
//   psnr = 10 log10(range^2 / MSE) [dB], MSE the mean over channels and samples
//   ssim = mean over channels and window positions of
//          (2 mx mr + C1) (2 cxr + C2) / ((mx^2 + mr^2 + C1) (vx + vr + C2))       [1]
//          with means m, variances v and covariance c under a Gaussian window (std 1.5, cut off at
//          radius 5, sum 1), v and c times 121/120; C1 = (0.01 range)^2, C2 = (0.03 range)^2. Only
//          windows that lie wholly inside count.
//   x, reference: (..., h, w) or (..., y, x), real, same shape
//
// Inputs
//   x           what is judged
//   reference   what it should be
// Outputs
//   scores   a row an item: psnr, ssim; psnr is inf where both are equal
// Settings (keys in a pipeline file)
//   border [px]   left out on each side before anything is computed, >= 0        default 5
//   range         largest minus smallest possible value, unit of x, > 0          default 1
//
// Errors
//   ShapeError   other axes, shape or unit than the reference; not real; too small for a window
//                of 11 samples inside the border (while planning)
//
// Accuracy  values are not clipped. SSIM is computed in the precision of the images.
// Cost      five separable filters of 11 taps; memory: 12 times one item. Source: Z. Wang, A. C.
//           Bovik, H. R. Sheikh, E. P. Simoncelli, IEEE Trans. Image Process. 13(4):600-612, 2004,
//           doi:10.1109/TIP.2003.819861.

#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

constexpr std::int64_t kRadius = 5;
constexpr std::int64_t kWindow = 2 * kRadius + 1;

/// Means under the Gaussian window, where it fits.
Tensor windowed(const Tensor& x) {
  const Tensor offset = at::arange(-kRadius, kRadius + 1, at::kDouble) / 1.5;
  const Tensor bell = at::exp(-0.5 * offset.square());
  const Tensor weights = bell / bell.sum();
  Tensor mean = x;
  for (const std::int64_t axis : {-2, -1}) {
    const std::int64_t length = mean.size(axis) - 2 * kRadius;
    Tensor sum = mean.narrow(axis, 0, length) * weights[0].item<double>();
    for (std::int64_t i = 1; i < kWindow; ++i)
      sum.add_(mean.narrow(axis, i, length), weights[i].item<double>());
    mean = sum;
  }
  return mean;
}

double ssim(const Tensor& x, const Tensor& reference, double range) {
  const double c1 = std::pow(0.01 * range, 2), c2 = std::pow(0.03 * range, 2);
  const double unbiased = 121.0 / 120.0;
  const Tensor mx = windowed(x), mr = windowed(reference);
  const Tensor vx = unbiased * (windowed(x * x) - mx * mx);
  const Tensor vr = unbiased * (windowed(reference * reference) - mr * mr);
  const Tensor cxr = unbiased * (windowed(x * reference) - mx * mr);
  const Tensor map =
      ((2 * mx * mr + c1) * (2 * cxr + c2)) / ((mx * mx + mr * mr + c1) * (vx + vr + c2));
  return map.mean(at::kDouble).item<double>();
}

double psnr(const Tensor& x, const Tensor& reference, double range) {
  const double mse = (x - reference).square_().mean(at::kDouble).item<double>();
  return 10 * std::log10(range * range / mse);
}

class Quality final : public Stage {
 public:
  struct Settings {
    std::int64_t border = 5;  // px
    double range = 1.0;       // unit of x
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"border", &Settings::border, "px", "left out on each side", at_least(0)},
        {"range", &Settings::range, "", "largest minus smallest possible value", positive()},
    };
    return rows;
  }

  static constexpr In<Tensor> x{"x", "what is judged"};
  static constexpr In<Tensor> reference{"reference", "what it should be"};
  static constexpr Out<Table> scores{"scores", "psnr and ssim of each item"};
  static const Ports& ports() {
    static const Ports all{x, reference, scores};
    return all;
  }

  explicit Quality(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec &judged = in.spec(x), &wanted = in.spec(reference);
    require_real(judged);
    require_real(wanted);
    if (judged.axes != wanted.axes || judged.shape != wanted.shape)
      throw ShapeError("'x' and 'reference' must agree in axes and shape, got " + judged.axes +
                       " " + shape_text(judged.shape) + " and " + wanted.axes + " " +
                       shape_text(wanted.shape));
    require_same_unit(judged, "x", wanted, "reference");
    require_spatial(judged, 2);
    const std::int64_t least = 2 * settings_.border + kWindow;
    for (const std::int64_t n : {judged.shape.end()[-2], judged.shape.end()[-1]})
      if (n < least)
        throw ShapeError("images must be at least " + std::to_string(least) +
                         " pixels wide and high, a window of 11 inside a border of " +
                         std::to_string(settings_.border) + ", got " + shape_text(judged.shape));
    out[scores] = {std::max(judged.items, wanted.items), 1, columns()};
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Tensor &judged = in[x], &wanted = in[reference];
    Table table(columns());
    const std::int64_t items = std::max(judged.size(0), wanted.size(0));
    for (std::int64_t i = 0; i < items; ++i) {
      context.stop_if_cancelled();
      const auto dtype = at::promote_types(judged.scalar_type(), wanted.scalar_type());
      const Tensor a = inner(judged, i).to(dtype), b = inner(wanted, i).to(dtype);
      table.add(in.item(i), {psnr(a, b, settings_.range), ssim(a, b, settings_.range)});
    }
    out[scores] = std::move(table);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return 12 * std::max(in.spec(x).item_bytes(), in.spec(reference).item_bytes());
  }

 private:
  static std::vector<Column> columns() {
    return {{"psnr", Column::Type::real, "dB", 0, "peak signal-to-noise ratio"},
            {"ssim", Column::Type::real, "1", 0, "structural similarity"}};
  }

  /// An item, or the only one there is, without the border.
  Tensor inner(const Tensor& images, std::int64_t item) const {
    Tensor image = images[images.size(0) == 1 ? 0 : item];
    for (const std::int64_t axis : {-2, -1})
      image = image.narrow(axis, settings_.border, image.size(axis) - 2 * settings_.border);
    return image;
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Quality, "PSNR and SSIM of each item against its reference");

}  // namespace pellucid
