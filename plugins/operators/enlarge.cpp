// enlarge: enlarges images or volumes by bicubic interpolation, as a first image to begin with.
//
//   x[i] = sum_j w(j + 1/2 - (i + 1/2) n / N) y[j]      along each axis, from n to N samples
//   w: bicubic with a = -1/2; beyond the ends of an axis taps are left out and the rest is scaled to
//   sum 1, as in Pillow
//   y: (..., h, w) or (..., z, y, x), real or complex; x: the same with other sizes, unit of y
//
// Inputs
//   y   what is enlarged
//   A   optional: the operator that gave y; x then is what it is applied to
// Outputs
//   x   the larger image; its spacing is finer
// Settings (keys in a pipeline file)
//   size [px]        of x along these axes, one or one an axis, >= 1, unless A tells it
//   dimensions [1]   how many of the last axes are enlarged, in [2, 3]               default 2
//
// Errors
//   ConfigError  both or none of the setting `size` and the input A; A does not tell the size; 'size'
//                has not one entry or one an axis (while planning)
//   ShapeError   x would be smaller than y, or have other axes (while planning)
//
// Accuracy  interpolates where N is a multiple of n only between samples: x does not pass through y.
//           operators/downsampling by decimation keeps the first of s samples, which lies
//           (s - 1) / 2 px before the centre that is assumed here.
// Cost      at most 5 products a sample of x and axis; memory: three times x.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "resampling.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

class Enlarge final : public Stage {
 public:
  struct Settings {
    std::optional<Sizes> size;  // px
    std::int64_t dimensions = 2;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"size", &Settings::size, "px",
         "of x along these axes, one or one an axis, unless A tells it", at_least(1), count(1, 3)},
        {"dimensions", &Settings::dimensions, "1", "how many of the last axes are enlarged",
         within(2, 3)},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "what is enlarged"};
  static constexpr In<Operator> A{"A", "the operator that gave y, which tells the size", optional};
  static constexpr Out<Tensor> x{"x", "the larger image, unit of y"};
  static const Ports& ports() {
    static const Ports all{y, A, x};
    return all;
  }

  explicit Enlarge(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs& in, Specs& out) const override {
    if (in.has(A) == settings_.size.has_value())
      throw ConfigError(settings_.size ? "the size is given twice: remove 'size' or the input 'A'"
                                       : "the size is missing: give 'size' or the input 'A'");
    if (settings_.size && settings_.size->size() != axes() && settings_.size->size() != 1)
      throw ConfigError("'size' must have one entry or one for each of the " +
                        std::to_string(axes()) + " axes, got " +
                        std::to_string(settings_.size->size()));
    out[x] = enlarged(in);
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Spec target = enlarged(in);
    Tensor result = in[y];
    for (std::size_t a = 0; a < axes(); ++a) {
      context.stop_if_cancelled();
      const auto axis = static_cast<std::int64_t>(a) - settings_.dimensions;
      const std::int64_t to = target.shape[target.shape.size() - axes() + a];
      result = resampled(result, axis, enlarged_bicubic(result.size(axis), to));
    }
    out[x] = result;
  }

  std::int64_t working_bytes(const Inputs& in) const override { return 2 * enlarged(in).bytes(); }

 private:
  std::size_t axes() const { return static_cast<std::size_t>(settings_.dimensions); }

  Spec enlarged(const Inputs& in) const {
    const Spec& from = in.spec(y);
    require_floating(from);
    require_spatial(from, settings_.dimensions);
    Spec to = in.has(A) ? in[A].domain(from) : from;
    if (to.axes != from.axes)
      throw ShapeError("A must keep the axes to tell how far y is to be enlarged, got '" +
                       from.axes + "' from '" + to.axes + "'");
    const std::size_t leading = from.shape.size() - axes();
    for (std::size_t axis = 0; axis < from.shape.size(); ++axis) {
      if (settings_.size && axis >= leading)
        to.shape[axis] = settings_.size->size() == 1 ? settings_.size->front()
                                                     : (*settings_.size)[axis - leading];
      if (to.shape[axis] < from.shape[axis] ||
          (axis < leading && to.shape[axis] != from.shape[axis]))
        throw ShapeError("x must be at least as large as y along the last " +
                         std::to_string(axes()) + " axes and alike along others, got " +
                         shape_text(to.shape) + " from " + shape_text(from.shape) +
                         "; operators/downsampling makes images smaller");
    }
    to.dtype = from.dtype;
    to.items = from.items;
    to.spacing = from.spacing;
    for (std::size_t axis = 0; axis < to.spacing.size(); ++axis)
      to.spacing[axis] *= double(from.shape[axis]) / double(to.shape[axis]);
    return to;
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Enlarge, "Enlarges images by bicubic interpolation");

}  // namespace pellucid
