// inverse: deconvolution by division of spectra, where the blur leaves enough to divide by.
//
//   X = Y / H   where |H| >= threshold max |H|, else 0      on the FFT grid
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//
//   For a circular blur the grid is that of y. For a reflecting one y is extended by reflection, by
//   at least half the kernel's size on each side (rounded down) and to a size that transforms fast,
//   and x is cut out. max |H| is that of each kernel and channel.
//
// Inputs
//   y   blurred images
//   A   the blur; its boundary must be circular or reflect
// Outputs
//   x   estimate, spec of y
// Settings (keys in a pipeline file)
//   threshold [1]   what |H| must reach, relative to its maximum, in [0, 1]    default 0.01
//
// Errors
//   ShapeError    y is not real, or does not have the axes that A convolves; the kernel of a
//                 circular A is larger than y (while planning)
//   ConfigError   the boundary of A is neither circular nor reflect (while planning)
//   Error         y or a kernel is not finite, a kernel is 0 everywhere
//
// Accuracy  noise grows by up to 1 / (threshold max |H|), and edges ring where frequencies are
//           missing: this is the yardstick for other methods. With threshold 0 only frequencies
//           without any response are left out, and the rounding of the dtype grows alike.
// Cost      two real FFTs an item and channel, and one of the kernel a block; one item at a time.
//           Source: R. C. Gonzalez, R. E. Woods, "Digital Image Processing", 4th ed., Pearson,
//           2018, section 5.7.

#include <limits>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "frame.h"

namespace pellucid {
namespace {

class Inverse final : public Stage {
 public:
  struct Settings {
    double threshold = 0.01;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"threshold", &Settings::threshold, "1", "what |H| must reach, relative to its maximum",
         within(0.0, 1.0)},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "blurred images"};
  static constexpr In<ConvolutionOperator> A{"A", "the blur"};
  static constexpr Out<Tensor> x{"x", "estimate, unit of y"};
  static const Ports& ports() {
    static const Ports all{y, A, x};
    return all;
  }

  explicit Inverse(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Frame frame(in[A], in.spec(y));
    out[x] = in.spec(y);
  }

  void prepare(const Inputs& in, Context&) override {
    if (!in.find(y.name) || !in.find(A.name)) return;
    const Frame frame(in[A], in.spec(y));
    frame.plan(in.spec(y).dtype);
    transfer_ = lasting_transfer(in[A], frame, in.spec(y).dtype);
    if (transfer_.defined()) weight_ = weight_of(transfer_[0], frame);
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Frame frame(in[A], in.spec(y));
    out[x] = each_item(
        in[y], in[A], frame, transfer_, in, context,
        [&](const Tensor& images, const Tensor& transfer, std::int64_t) {
          Tensor spectrum = frame.spectrum(images);
          divide(spectrum, transfer,
                 weight_.defined() ? weight_.to(images.device()) : weight_of(transfer, frame));
          return frame.images(std::move(spectrum));
        });
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return frame_bytes(in[A], in.spec(y), 3);
  }

 private:
  /// Infinite where a frequency is left out, else 0.
  Tensor weight_of(const Tensor& transfer, const Frame& frame) const {
    const Tensor size = transfer.abs();
    const Tensor least =
        settings_.threshold * size.amax(last_axes(frame.grid().size()), /*keepdim=*/true);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return at::zeros_like(size).masked_fill_(size < least, infinity);
  }

  Settings settings_;
  Tensor transfer_, weight_;  // where they are the same in all blocks
};

}  // namespace

PELLUCID_COMPONENT(Inverse, "Deconvolution by division of spectra");

}  // namespace pellucid
