// tikhonov: deconvolution that keeps the estimate, or its second differences, small.
//
//   x = argmin |A x - y|^2 + weight |L x|^2
//   X = conj(H) Y / (|H|^2 + weight |L|^2)       on the FFT grid; 0 where the denominator is
//   |L|^2 = 1                                    identity
//         = (sum over axes of 4 sin^2(pi f))^2   Laplacian, f in cycles per sample: in 2-D five
//                                                points, 4 and four times -1; in 3-D seven, 6 and
//                                                six times -1
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//
//   For a circular blur the grid is that of y. For a reflecting one y is extended by reflection, by
//   at least half the kernel's size on each side (rounded down) and to a size that transforms fast,
//   and x is cut out.
//   With the Laplacian and a circular blur this is `wiener` of scikit-image, `weight` its
//   `balance`, without clipping.
//
// Inputs
//   y   blurred images
//   A   the blur; its boundary must be circular or reflect
// Outputs
//   x   estimate, spec of y
// Settings (keys in a pipeline file)
//   weight [1]   of the penalty, >= 0; 0 is the inverse                          required
//   penalty      what is kept small: identity, x itself; laplacian, L x      default laplacian
//
// Errors
//   ShapeError    y is not real, or does not have the axes that A convolves; the kernel of a
//                 circular A is larger than y (while planning)
//   ConfigError   the boundary of A is neither circular nor reflect (while planning)
//   Error         y or a kernel is not finite, a kernel is 0 everywhere
//
// Accuracy  that of the dtype where |H|^2 + weight |L|^2 is well above its rounding error.
// Cost      two real FFTs an item and channel, and one of the kernel a block; one item at a time.
//           Source: B. R. Hunt, "The application of constrained least squares estimation to image
//           restoration by digital computer", IEEE Trans. Comput. C-22(9):805-812, 1973,
//           doi:10.1109/TC.1973.5009169.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "frame.h"

namespace pellucid {
namespace {

class Tikhonov final : public Stage {
 public:
  struct Settings {
    double weight = 0;
    Penalty penalty = Penalty::laplacian;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"weight", &Settings::weight, "1", "of the penalty; 0 is the inverse", at_least(0.0),
         required()},
        {"penalty", &Settings::penalty, "", "what is kept small"},
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

  explicit Tikhonov(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Frame frame(in[A], in.spec(y));
    out[x] = in.spec(y);
  }

  void prepare(const Inputs& in, Context&) override {
    if (!in.find(y.name) || !in.find(A.name)) return;
    const Frame frame(in[A], in.spec(y));
    frame.plan(in.spec(y).dtype);
    transfer_ = lasting_transfer(in[A], frame, in.spec(y).dtype);
    weight_ = weight_of(frame, in.spec(y).dtype);
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Frame frame(in[A], in.spec(y));
    const Tensor weight =
        (weight_.defined() ? weight_ : weight_of(frame, in.spec(y).dtype)).to(in[y].device());
    out[x] = each_item(in[y], in[A], frame, transfer_, in, context,
                       [&](const Tensor& images, const Tensor& transfer, std::int64_t) {
                         Tensor spectrum = frame.spectrum(images);
                         divide(spectrum, transfer, weight);
                         return frame.images(std::move(spectrum));
                       });
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return frame_bytes(in[A], in.spec(y), 2);
  }

 private:
  Tensor weight_of(const Frame& frame, at::ScalarType real) const {
    return squared_response(settings_.penalty, frame.grid(), real).mul_(settings_.weight);
  }

  Settings settings_;
  Tensor transfer_;  // where it is the same in all blocks
  Tensor weight_;    // once prepared
};

}  // namespace

PELLUCID_COMPONENT(Tikhonov, "Deconvolution with a quadratic penalty");

}  // namespace pellucid
