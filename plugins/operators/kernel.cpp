// kernel: kernels of convolutions as tensors, to look at, to save, or to hand to other nodes.
//
//   kernel: (c, h, w), or with dimensions: 3 (c, z, y, x); c = 1 but for a file with channels
//
// Outputs
//   kernel   float32; the centre is at size / 2 along each axis; spacing in nm of optical kernels and files
// Settings (keys in a pipeline file)
//   kernel          gaussian: std [px], > 0, one or one an axis, default 1; radius [px], >= 0, one
//                   or one an axis, by default ceil(10 std / 3)
//                   box: size [px], >= 1, one or one an axis, default 3
//                   delta: the identity
//                   motion: a random path, another for each item; length [px] of the path, > 0, default
//                   20; smoothness, time in which it forgets its direction as a share of the
//                   exposure, in [0.05, 10], default 0.3; size [px], >= 1, by default whatever
//                   holds any path
//                   disk: a lens out of focus; radius [px], > 0, default 3
//                   airy: a lens in focus; wavelength [nm], > 0, required; na, numerical aperture,
//                   > 0, required; pixel [nm], > 0, required; oversampling, points along x and y
//                   that a pixel is the mean of, in [1, 15], default 1; size [px], >= 1, one or one
//                   an axis, by default to the fifth dark ring
//                   widefield: a fluorescence microscope (3 axes); wavelength [nm] that is emitted,
//                   > 0, required; na, > 0, required; pixel [nm], > 0, required; step [nm] of the
//                   planes, > 0, required; index of the immersion medium, >= 1, default 1.515;
//                   sample, index of the sample, >= 1, by default that of the medium; depth [um] of
//                   the point in it, >= 0, default 0; oversampling, as for airy, in [1, 15],
//                   default 1; size [px], >= 1, one or one an axis, by default twice as far along z
//                   as the first zero, and all that the last plane's cone and five rings reach
//                   confocal: a confocal microscope (3 axes); excitation [nm], > 0, required;
//                   emission [nm], > 0, required; pinhole, its diameter in Airy units of 1.22
//                   emission / na, 0 a point, >= 0, default 1; na, > 0, required; pixel [nm], > 0,
//                   required; step [nm], > 0, required; index, >= 1, default 1.515; sample, >= 1;
//                   depth [um], >= 0, default 0; oversampling, in [1, 15], default 1; size [px],
//                   >= 1, one or one an axis, by default as for widefield, without the cone
//                   file: path, FILE.h5:/PATH/OF/DATASET or FILE.npy, an array of the convolved
//                   axes or with channels in front, required
//                                                                               default gaussian
//   items [1]       how many; all are equal but for motion, >= 1                  default 1
//   dimensions [1]  axes of the kernel, in [2, 3]                                 default 2
//   normalize       divide each kernel by its sum                                 default true
//
// Errors
//   ConfigError  a list that does not have one entry or one an axis, a kernel of another number of
//                axes than `dimensions`, na not below index, a file that is not there (while
//                planning)
//   Error        the sum of a kernel to be normalized is 0; a file with values that are not finite;
//                a random path that a tiled run would cut
//
// Accuracy  that of operators/convolution, which says what the settings mean. Random paths depend on
//           the run's seed, the node (or `seed_as`) and the item alone; item 0 is the path that a
//           convolution with these settings and draws has.
// Cost      optical kernels: a Bessel function for each distance from the axis and each of the
//           32 or more nodes of the integral over the pupil.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "kernels.h"

namespace pellucid {
namespace {

class KernelSource final : public Stage {
 public:
  struct Settings {
    Kernel kernel;
    std::int64_t items = 1;
    std::int64_t dimensions = 2;
    bool normalize = true;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"kernel", &Settings::kernel, "", "which kernel"},
        {"items", &Settings::items, "1", "how many", at_least(1)},
        {"dimensions", &Settings::dimensions, "1", "axes of the kernel", within(2, 3)},
        {"normalize", &Settings::normalize, "", "divide each kernel by its sum"},
    };
    return rows;
  }

  static constexpr Out<Tensor> kernel{"kernel", "the kernel, an item for each"};
  static const Ports& ports() {
    static const Ports all{kernel};
    return all;
  }

  explicit KernelSource(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs&, Specs& out) const override {
    const KernelShape shape = shape_of(settings_.kernel, axes());
    Spec spec;
    spec.items = settings_.items;
    spec.axes = axes() == 2 ? "chw" : "czyx";
    spec.shape = {shape.channels};
    spec.shape.insert(spec.shape.end(), shape.size.begin(), shape.size.end());
    if (!shape.spacing.empty()) {
      spec.spacing = {1};
      spec.spacing.insert(spec.spacing.end(), shape.spacing.begin(), shape.spacing.end());
      spec.spacing_unit = "nm";
    }
    out[kernel] = spec;
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const std::optional<Region>& region = in.block().region;
    if (region && std::holds_alternative<MotionKernel>(settings_.kernel))
      throw Error("a random path is drawn whole, so that 'tile' must hold it: " +
                  shape_text(last_sizes(region->whole, axes())));
    std::vector<Tensor> factors = factors_of(settings_.kernel, axes(), context);
    if (settings_.normalize) factors = normalized(std::move(factors), axes());
    Tensor made = product_of(factors);
    for (std::size_t a = 0; region && a < region->size.size(); ++a)
      made = made.narrow(static_cast<std::int64_t>(a) + 1, region->offset[a], region->size[a]);
    std::vector<std::int64_t> shape = made.sizes().vec();
    shape.front() = in.block().count;
    out[kernel] = made.to(at::kFloat).expand(shape).contiguous();
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return std::max<std::int64_t>(1, in.block().count) *
           working_bytes_of(shape_of(settings_.kernel, axes()));
  }

 private:
  std::size_t axes() const { return static_cast<std::size_t>(settings_.dimensions); }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(KernelSource, "Kernels of convolutions as tensors");

}  // namespace pellucid
