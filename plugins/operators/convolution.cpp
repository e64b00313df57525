// convolution: blurs each channel with a kernel; a linear operator with its exact adjoint.
//
//   forward   y[n] = sum_k kernel[k] x[n + c - k]     x, y: (..., h, w) or (..., z, y, x), one unit
//             c = size / 2 along each axis, the kernel's centre; x goes on beyond its edges as
//             `boundary` says; where that is valid, y is only where the kernel fits, so that its
//             sizes are those of x less the kernel's, plus 1, and c = size - 1
//   adjoint   correlation, then what fell outside is added to where it had been taken from
//
// Inputs
//   kernel   optional: the kernel as a tensor, instead of the setting `kernel`; one item for all,
//            or one for each item of x; axes "hw" (with dimensions: 3 "zyx"), or "chw" with one
//            channel for all or one for each channel of x
// Settings (keys in a pipeline file)
//   kernel          gaussian: std [px], > 0, one or one an axis, default 1; radius [px], >= 0, one
//                   or one an axis, by default ceil(10 std / 3)
//                   box: size [px], >= 1, one or one an axis, default 3
//                   delta: the identity
//                   motion: a random path, one for all items; length [px] of the path, > 0, default
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
//   boundary        circular: d|abcd|a, reflect: cb|abcd|cb, replicate: aa|abcd|dd, zero:
//                   00|abcd|00 or valid: nothing beyond                           default reflect
//   dimensions [1]  how many of the last axes are convolved, in [2, 3]            default 2
//   normalize       divide each kernel by its sum                                 default true
//   method          automatic: whatever takes fewer operations; direct; fft       default automatic
//
// Errors
//   ConfigError  both or none of the setting and the input `kernel`, a list that does not have one
//                entry or one an axis, a kernel of another number of axes than `dimensions`, na not
//                below index, a file that is not there (while planning)
//   ShapeError   the last axes are not spatial, x is not real, the kernel's items or channels are
//                not those of x, it has channels and x has no axis c right before the spatial ones,
//                the boundary is valid and x smaller than the kernel, or both have a spacing, in
//                units of length, and these differ by more than a percent (while planning)
//   Error        the sum of a kernel to be normalized is 0; a file with values that are not finite
//
// Accuracy  a Gaussian is sampled at whole pixels, exp(-k^2 / (2 std^2)) / sqrt(2 pi std^2) along
//           each axis; without `normalize` its sum is below 1. The formulas of the optical kernels
//           and of the random path stand in optical_kernels.h and motion_kernel.h.
// Cost      direct: 2 operations a tap and sample, Gaussian and box one axis after the other; fft:
//           two real transforms of the image extended by the kernel's size. Memory: a few copies of
//           one item, or of as many as make up 2^20 samples.

#include <algorithm>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "given_once.h"
#include "kernel_convolution.h"

namespace pellucid {
namespace {

class Convolution final : public KernelConvolution {
 public:
  struct Settings : ConvolutionSettings {
    std::optional<Kernel> kernel;
  };

  static const Schema<Settings>& schema() {
    static const ConvolutionRows<Settings> how;
    static const Schema<Settings> rows{
        {"kernel", &Settings::kernel, "", "the kernel, unless it is an input"},
        how.boundary,
        how.dimensions,
        how.normalize,
        how.method,
    };
    return rows;
  }

  static constexpr In<Tensor> kernel_input{"kernel", "the kernel, instead of the setting",
                                           optional};
  static const Ports& ports() {
    static const Ports all{kernel_input};
    return all;
  }

  explicit Convolution(Settings settings)
      : KernelConvolution(settings), settings_(std::move(settings)) {}

  void bind(const Inputs& in) override {
    require_given_once("the kernel is", settings_.kernel.has_value(), in.has(kernel_input),
                       "the setting or the input 'kernel'");
    set_shape(settings_.kernel ? shape_of(*settings_.kernel, axes())
                               : shape_of_input(in.spec(kernel_input)));
  }

  void prepare(const Inputs& in, Context& context) override {
    std::vector<Tensor> factors;
    if (settings_.kernel) {
      // A random kernel is one for all items, where there are any.
      for (const Tensor& factor : factors_of(*settings_.kernel, axes(), context))
        factors.push_back(factor.narrow(0, 0, std::min<std::int64_t>(1, factor.size(0))));
    } else {
      Spec spec = kernel_spec();
      spec.shape.insert(spec.shape.begin(), spec.items);
      factors.push_back(in[kernel_input].to(at::kDouble).reshape(spec.shape));
    }
    set_factors(settings_.normalize ? normalized(std::move(factors), axes()) : std::move(factors));
  }

 private:
  KernelShape shape_of_input(const Spec& spec) const {
    if (spec.shape.size() < axes() || spec.shape.size() > axes() + 1 ||
        (spec.shape.size() == axes() + 1 && spec.axes[0] != 'c'))
      throw ShapeError(std::string("the kernel must have the axes ") +
                       (axes() == 2 ? "'hw' or 'chw'" : "'zyx' or 'czyx'") + ", got '" + spec.axes +
                       "'; 'dimensions' is " + std::to_string(axes()));
    if (at::isComplexType(spec.dtype)) throw ShapeError("the kernel must be real, got complex");
    return {.items = spec.items,
            .channels = spec.shape.size() == axes() ? 1 : spec.shape[0],
            .size = last_sizes(spec.shape, axes()),
            .spacing = nanometres(spec.spacing, spec.spacing_unit, axes())};
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Convolution, "Blurs each channel with a kernel");

}  // namespace pellucid
