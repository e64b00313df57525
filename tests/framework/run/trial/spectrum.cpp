// spectrum: real Fourier transform over all axes of an item and back.
#include <pellucid/numerics/fft.h>
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Spectrum final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "volumes (three axes)"};
  static constexpr Out<Tensor> y{"y", "the same up to rounding"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override { out[y] = in.spec(x); }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    const RealFft fft(in.spec(x).shape, at::kFloat);
    out[y] = fft.inverse_destroying(fft.forward(in[x]));
  }

  // The half spectrum: a last axis of w / 2 + 1 complex numbers.
  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& spec = in.spec(x);
    return spec.bytes() / spec.shape.back() * (spec.shape.back() + 2);
  }
};

}  // namespace

PELLUCID_COMPONENT(Spectrum, "Fourier transform and back");

}  // namespace pellucid
