// parts: the real tensors that complex values are made of, for pictures and scores.
//
//   real, imaginary    x = real + i imaginary                          x: any axes, complex
//   magnitude, phase   x = magnitude exp(i phase), phase in [-pi, pi], 0 where x is 0
//   intensity          |x|^2, what a camera sees of a field of light
//
// Inputs
//   x   complex values; of real ones imaginary part and phase are 0 (the phase of negative ones pi)
// Outputs
//   real        unit of x
//   imaginary   unit of x
//   magnitude   unit of x
//   phase       unit [rad]
//   intensity   unit [1] of x in [1], otherwise unknown
//
// Errors
//   ShapeError   x is of whole numbers (while planning)
//
// Cost      memory: none beyond the results.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Parts final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "complex values"};
  static constexpr Out<Tensor> real{"real", "the real part"};
  static constexpr Out<Tensor> imaginary{"imaginary", "the imaginary part"};
  static constexpr Out<Tensor> magnitude{"magnitude", "the magnitude"};
  static constexpr Out<Tensor> phase{"phase", "the phase, in radians"};
  static constexpr Out<Tensor> intensity{"intensity", "the square of the magnitude"};
  static const Ports& ports() {
    static const Ports all{x, real, imaginary, magnitude, phase, intensity};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override {
    require_floating(in.spec(x));
    Spec part = in.spec(x);
    part.dtype = c10::toRealValueType(part.dtype);
    out[real] = out[imaginary] = out[magnitude] = out[phase] = out[intensity] = part;
    out[phase].unit = "rad";
    if (part.unit != "1") out[intensity].unit.clear();
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Tensor& values = in[x];
    if (context.wanted(real)) out[real] = at::real(values).contiguous();
    if (context.wanted(imaginary))
      out[imaginary] = values.is_complex() ? at::imag(values).contiguous() : at::zeros_like(values);
    if (context.wanted(magnitude)) out[magnitude] = at::abs(values);
    if (context.wanted(phase)) out[phase] = at::angle(values);
    if (context.wanted(intensity)) out[intensity] = at::abs(values).square_();
  }

  std::optional<std::vector<std::int64_t>> halo(const Inputs& in) const override {
    return std::vector<std::int64_t>(in.spec(x).shape.size(), 0);
  }
};

}  // namespace

PELLUCID_COMPONENT(Parts, "Real and imaginary part, magnitude and phase");

}  // namespace pellucid
