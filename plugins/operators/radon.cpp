// radon: line integrals along parallel rays, as tomography measures them, with the exact adjoint.
//
//   forward   y[k, s] = integral of x along the ray of angle t_k and bin s, which goes through the
//             points of row i and column j with
//             (j - w / 2) cos t_k - (i - h / 2) sin t_k = s - centre       divisions rounded down
//             x: (..., h, w), y: (..., angles, bins), both real; lengths in pixels, x is 0 outside
//   adjoint   y spread along its rays with the very same weights: not the inverse, see fbp
//
//   Of x with the axes "chw" or "cyx", y has "caw" or "cax". A unit U of x becomes "U px", "1"
//   becomes "px", and "1/px" becomes "1".
//
// Inputs
//   angles   optional: the angles as a tensor of one item, instead of the setting `angles`; in
//            degrees unless it has the unit rad
//   centre   optional: the centre as a tensor of one item with one value, instead of the setting
// Settings (keys in a pipeline file)
//   angles        even: count [1], >= 1, default 180; range [deg], from the first angle to one step
//                 behind the last, default 180; start [deg], the first angle, default 0
//                 list: degrees [deg], the angles one by one, required
//   bins [1]      of the detector, of a pixel's width, in [1, 67108864]; by default as many as the
//                 longer side of x
//   centre [px]   the bin, counted from 0, that the axis of rotation is seen in; by default half of
//                 `bins` rounded down
//   size [px]     height and width of x, or one for both, in [1, 67108864]; by default both are
//                 `bins`
//
// Errors
//   ConfigError  both or none of the setting and the input `angles`, or both of `centre`; a centre
//                beside the detector; 'size' has more than two entries (while planning)
//   ShapeError   x is not real, its last axes are not those of an image, its pixels are not square
//                or it is not of the size that follows from the settings; y does not have the
//                angles and bins; an input has several items (while planning)
//   Error        an angle of the input is not finite, or the centre not on the detector
//
// Accuracy  along each ray x is interpolated linearly from row to row, or from column to column
//           where the ray is nearer to these [1]; positions are rounded to 2^-32 px a sample. A
//           ray's value does not depend on threads or on what else is projected.
// Cost      h w operations an angle, for the adjoint as well; memory: twice x, and twice y.
//
// [1] P. M. Joseph, "An improved algorithm for reprojecting rays through pixel images", IEEE Trans.
//     Med. Imaging 1(3):192-196, 1982, doi:10.1109/TMI.1982.4307572.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "angles.h"
#include "given_once.h"
#include "parallel_beam.h"

namespace pellucid {
namespace {

constexpr double kMostPixels = 1 << 26;

/// Unit of sums along lengths in pixels, and of what has such sums.
std::string times_pixels(const std::string& unit) {
  if (unit.empty()) return "";
  if (unit == "1") return "px";
  if (unit == "1/px") return "1";
  if (unit.ends_with("/px")) return unit.substr(0, unit.size() - 3);
  return unit + " px";
}

std::string per_pixel(const std::string& unit) {
  if (unit.empty()) return "";
  if (unit == "px") return "1";
  if (unit.ends_with(" px")) return unit.substr(0, unit.size() - 3);
  return unit + "/px";
}

class Radon final : public ParallelProjection {
 public:
  struct Settings {
    std::optional<Angles> angles;
    std::optional<std::int64_t> bins;
    std::optional<double> centre;                   // px
    std::optional<std::vector<std::int64_t>> size;  // px
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"angles", &Settings::angles, "", "the angles, unless they are an input"},
        {"bins", &Settings::bins, "1", "of the detector, of a pixel's width",
         within(1, kMostPixels)},
        {"centre", &Settings::centre, "px", "the bin that the axis of rotation is seen in"},
        {"size", &Settings::size, "px", "height and width of x, or one for both",
         within(1, kMostPixels), count(1, 2)},
    };
    return rows;
  }

  static constexpr In<Tensor> angles_input{"angles", "the angles, instead of the setting",
                                           optional};
  static constexpr In<Tensor> centre_input{"centre", "the centre, instead of the setting",
                                           optional};
  static const Ports& ports() {
    static const Ports all{angles_input, centre_input};
    return all;
  }

  explicit Radon(Settings settings) : settings_(std::move(settings)) {}

  void bind(const Inputs& in) override {
    require_given_once("the angles are", settings_.angles.has_value(), in.has(angles_input),
                       "the setting or the input 'angles'");
    if (in.has(centre_input) && settings_.centre)
      throw ConfigError("the centre is given twice: remove the setting or the input 'centre'");
    if (settings_.angles) angles_ = radians_of(*settings_.angles);
    count_ =
        settings_.angles ? std::int64_t(angles_.size()) : single(in, angles_input).item_numel();
    if (in.has(centre_input) && single(in, centre_input).item_numel() != 1)
      throw ShapeError("the centre must be one value, got " + in.spec(centre_input).text());
    if (const auto bins = known_bins(); bins && settings_.centre) require_centre(*bins);
  }

  void prepare(const Inputs& in, Context&) override {
    if (!settings_.angles) angles_ = radians_of(in, angles_input);
    if (in.has(centre_input)) settings_.centre = in[centre_input].item<double>();
  }

  ParallelBeam beam(std::int64_t bins) const override {
    const auto [height, width] = image_size(bins);
    if (settings_.centre) require_centre(bins);
    return {angles_, height, width, bins, settings_.centre.value_or(double(bins / 2))};
  }

  Spec range(const Spec& x) const override {
    require_real(x);
    require_spatial(x, 2);
    const auto end = x.shape.size();
    const std::int64_t bins = bins_for(x.shape[end - 2], x.shape[end - 1]);
    if (settings_.centre) require_centre(bins);
    if (!x.spacing.empty() && x.spacing[end - 2] != x.spacing[end - 1])
      throw ShapeError("pixels must be square, got a spacing of " +
                       std::to_string(x.spacing[end - 2]) + " and " +
                       std::to_string(x.spacing[end - 1]) + " " + x.spacing_unit);
    Spec y = x;
    y.axes[end - 2] = 'a';
    y.shape[end - 2] = count_;
    y.shape[end - 1] = bins;
    y.unit = times_pixels(x.unit);
    y.spacing.clear();
    y.spacing_unit.clear();
    return y;
  }

  Spec domain(const Spec& y) const override {
    require_real(y);
    const auto end = y.axes.size();
    const std::string last = end < 2 ? "" : y.axes.substr(end - 2);
    if (last != "aw" && last != "ax")
      throw ShapeError("projections must have the last axes 'aw' (angle, bin) or 'ax', got '" +
                       y.axes + "'");
    const std::int64_t bins = y.shape[end - 1];
    if (y.shape[end - 2] != count_ || bins != known_bins().value_or(bins))
      throw ShapeError("projections must be of " + std::to_string(count_) + " angles" +
                       (known_bins() ? " and " + std::to_string(*known_bins()) + " bins" : "") +
                       ", got " + y.text());
    Spec x = y;
    x.axes[end - 2] = last == "aw" ? 'h' : 'y';
    std::tie(x.shape[end - 2], x.shape[end - 1]) = image_size(bins);
    x.unit = per_pixel(y.unit);
    x.spacing.clear();
    x.spacing_unit.clear();
    return x;
  }

  Tensor forward(const Tensor& x) const override {
    const ParallelBeam rays = beam(bins_for(x.size(-2), x.size(-1)));
    return with_last(projected(rays, stacked(x)), x, count_, rays.bins);
  }

  Tensor adjoint(const Tensor& y) const override {
    const ParallelBeam rays = beam(y.size(-1));
    return with_last(projected_adjoint(rays, stacked(y)), y, rays.height, rays.width);
  }

  std::int64_t working_bytes(const Spec& x) const override {
    const auto end = x.shape.size();
    const std::int64_t height = x.shape[end - 2], width = x.shape[end - 1];
    const std::int64_t images =
        x.items * x.item_numel() / std::max<std::int64_t>(1, height * width);
    ParallelBeam rays{{}, height, width, bins_for(height, width), 0};
    rays.angles.resize(std::size_t(count_));
    return pellucid::working_bytes(rays, images, std::int64_t(at::elementSize(x.dtype)));
  }

  std::int64_t resident_bytes() const override { return 8 * count_; }

 private:
  /// As far as the settings alone say it.
  std::optional<std::int64_t> known_bins() const {
    if (settings_.bins || !settings_.size) return settings_.bins;
    return std::max(settings_.size->front(), settings_.size->back());
  }

  std::pair<std::int64_t, std::int64_t> image_size(std::int64_t bins) const {
    if (settings_.size) return {settings_.size->front(), settings_.size->back()};
    return {bins, bins};
  }

  /// Bins of the projections of an image. Throws ShapeError where that is not what `domain` would
  /// give back.
  std::int64_t bins_for(std::int64_t height, std::int64_t width) const {
    const std::int64_t bins = known_bins().value_or(std::max(height, width));
    if (image_size(bins) != std::pair{height, width}) {
      const std::string given = std::to_string(height) + ", " + std::to_string(width);
      const auto [h, w] = image_size(bins);
      throw ShapeError("images must be of " + std::to_string(h) + " x " + std::to_string(w) +
                       " pixels, got " + std::to_string(height) + " x " + std::to_string(width) +
                       "; set size: [" + given + "]");
    }
    return bins;
  }

  void require_centre(std::int64_t bins) const {
    if (!(*settings_.centre >= 0 && *settings_.centre <= double(bins - 1)))
      throw ConfigError("the centre must be on the detector, in [0, " + std::to_string(bins - 1) +
                        "], got " + std::to_string(*settings_.centre));
  }

  static Tensor stacked(const Tensor& x) { return x.reshape({-1, x.size(-2), x.size(-1)}); }

  static Tensor with_last(const Tensor& stack, const Tensor& like, std::int64_t first,
                          std::int64_t second) {
    std::vector<std::int64_t> shape = like.sizes().vec();
    shape.end()[-2] = first;
    shape.end()[-1] = second;
    return stack.reshape(shape);
  }

  Settings settings_;
  std::int64_t count_ = 0;
  std::vector<double> angles_;  // radians
};

}  // namespace

PELLUCID_COMPONENT(Radon, "Line integrals along parallel rays: tomography");

}  // namespace pellucid
