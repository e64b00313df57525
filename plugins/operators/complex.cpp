// complex: complex values from two real tensors, or from one.
//
//   x = real + i imaginary   or   x = magnitude exp(i phase)     all: any axes, real, one shape
//
// Inputs
//   real        optional: the real part, 0 where only `imaginary` is given
//   imaginary   optional: the imaginary part, 0 where only `real` is given
//   magnitude   optional: the magnitude, 1 where only `phase` is given
//   phase       optional: the phase, in radians, 0 where only `magnitude` is given
// Outputs
//   x   complex64 of float32, complex128 of float64; unit of the input (of a phase alone: [1])
//
// Errors
//   ConfigError  no input, or inputs of both kinds (while planning)
//   ShapeError   inputs are not real, or differ in axes, shape or dtype; real and imaginary part
//                differ in unit; a phase has another unit than rad or 1 (while planning)
//
// Cost      memory: none beyond the result, of magnitude and phase twice an input.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Complex final : public Stage {
 public:
  static constexpr In<Tensor> real{"real", "the real part", optional};
  static constexpr In<Tensor> imaginary{"imaginary", "the imaginary part", optional};
  static constexpr In<Tensor> magnitude{"magnitude", "the magnitude", optional};
  static constexpr In<Tensor> phase{"phase", "the phase, in radians", optional};
  static constexpr Out<Tensor> x{"x", "the complex values"};
  static const Ports& ports() {
    static const Ports all{real, imaginary, magnitude, phase, x};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override {
    const bool cartesian = in.has(real) || in.has(imaginary);
    const bool polar = in.has(magnitude) || in.has(phase);
    if (cartesian == polar)
      throw ConfigError(
          "complex values are made of 'real' and 'imaginary', or of 'magnitude' and 'phase', or of "
          "one of them; got " +
          std::string(polar ? "inputs of both kinds" : "no input"));
    const In<Tensor>&a = cartesian ? real : magnitude, &b = cartesian ? imaginary : phase;
    if (in.has(phase)) require_angle(in.spec(phase));
    Spec made = in.has(a) ? in.spec(a) : in.spec(b);
    if (in.has(a) && in.has(b)) made = both(a, in.spec(a), b, in.spec(b));
    require_real(made);
    if (polar && !in.has(magnitude)) made.unit = "1";
    made.dtype = c10::toComplexType(made.dtype);
    out[x] = made;
  }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    if (in.has(real) && in.has(imaginary)) {
      const auto parts = at::broadcast_tensors({in[real], in[imaginary]});
      out[x] = at::complex(parts[0], parts[1]);
    } else if (in.has(real)) {
      out[x] = at::complex(in[real], at::zeros_like(in[real]));
    } else if (in.has(imaginary)) {
      out[x] = at::complex(at::zeros_like(in[imaginary]), in[imaginary]);
    } else if (in.has(magnitude) && in.has(phase)) {
      const auto parts = at::broadcast_tensors({in[magnitude], in[phase]});
      out[x] = at::polar(parts[0], parts[1]);
    } else if (in.has(magnitude)) {
      out[x] = at::complex(in[magnitude], at::zeros_like(in[magnitude]));
    } else {
      out[x] = at::polar(at::ones_like(in[phase]), in[phase]);
    }
  }

  std::optional<std::vector<std::int64_t>> halo(const Inputs& in) const override {
    return std::vector<std::int64_t>(in.edges().empty() ? 0 : first(in).shape.size(), 0);
  }

  std::int64_t working_bytes(const Inputs& in) const override { return 2 * first(in).bytes(); }

 private:
  static const Spec& first(const Inputs& in) {
    for (const In<Tensor>* port : {&real, &imaginary, &magnitude, &phase})
      if (in.has(*port)) return in.spec(*port);
    throw ConfigError("complex values need an input");
  }

  static void require_angle(const Spec& angle) {
    if (!angle.unit.empty() && angle.unit != "1" && angle.unit != "rad")
      throw ShapeError("a phase must have the unit [rad] or [1], got " + angle.text());
  }

  /// Two inputs of one shape, of as many items as the one that has more.
  static Spec both(const In<Tensor>& a, const Spec& a_spec, const In<Tensor>& b,
                   const Spec& b_spec) {
    Spec other = b_spec;
    if (&a == &magnitude) other.unit = a_spec.unit;
    require_same(a_spec, a.name, other, b.name);
    Spec made = a_spec;
    made.items = std::max(a_spec.items, b_spec.items);
    return made;
  }
};

}  // namespace

PELLUCID_COMPONENT(Complex, "Complex values from real and imaginary part, or magnitude and phase");

}  // namespace pellucid
