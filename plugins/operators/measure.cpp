// measure: simulates a measurement, y = A x disturbed by noise.
//
//   none              y = m, where m = A x
//   gaussian          y = m + sigma e,   e standard normal and independent for every sample (for
//                     complex y, real and imaginary part have variance 1/2 each)
//   poisson           y = n / photons,   n Poisson of mean photons m; variance m / photons
//   poisson_gaussian  y = n / photons + sigma e
//   speckle           y = m g,   g gamma of mean 1 and variance 1 / looks
//   salt_pepper       y = low or high with probability fraction / 2 each, else m
//   quantization      y = peak round(m L / peak) / L within [0, peak],   L = 2^bits - 1
//   Samples that A leaves out (operators/inpainting and mri, also within compose, scale, sum and
//   stack) stay 0 in y: they hold no noise. It is A that says so, not the value 0.
//
// Inputs
//   x   what is measured
//   A   optional: the operator that measures; without it m = x
// Outputs
//   y   spec of A x, unit of A x
// Settings (keys in a pipeline file)
//   noise   none: y = A x
//           gaussian: sigma, standard deviation in the unit of y, >= 0, default 0
//           poisson: photons, mean count where A x is 1, > 0, default 1000
//           poisson_gaussian: photons, mean count where A x is 1, > 0, default 1000; sigma, standard
//           deviation of the read-out in the unit of y, >= 0, default 0
//           speckle: looks, how many intensities are averaged, > 0, default 1
//           salt_pepper: fraction, share of the samples that are lost, in [0, 1], default 0.05;
//           low, pepper, in the unit of y, default 0; high, salt, in the unit of y, default 1
//           quantization: bits, of a sample, in [1, 24], default 8; peak, value of the highest
//           level, in the unit of y, > 0, default 1                              default none
// Errors
//   ShapeError   A does not take x; y is not of a floating type, or complex where the noise is not
//                gaussian (while planning)
//   Error        photons are to be counted of values below 0 by more than half a photon,
//                which counts as none
//
// Accuracy  draws depend on the run's seed, the node (or `seed_as`), the item and the place in it
//           alone, never on blocks, tiles or threads. Counts and speckle are the inverse of their
//           distribution at one uniform draw of 53 bits: exact, without approximations for bright
//           images. Not differentiable but for gaussian.
// Cost      that of A, and of one draw a sample; of counts about 0.2 us a sample up to 64 photons,
//           3 us above (one thread).

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "masking.h"
#include "noise.h"

namespace pellucid {
namespace {

class Measure final : public Stage {
 public:
  struct Settings {
    Noise noise;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"noise", &Settings::noise, "", "what disturbs the measurement"},
    };
    return rows;
  }

  static constexpr In<Tensor> x{"x", "what is measured"};
  static constexpr In<Operator> A{"A", "the operator that measures; the identity without it",
                                  optional};
  static constexpr Out<Tensor> y{"y", "the measurement, unit of A x"};
  static const Ports& ports() {
    static const Ports all{x, A, y};
    return all;
  }

  explicit Measure(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec measured = in.has(A) ? in[A].range(in.spec(x)) : in.spec(x);
    require_fit(settings_.noise, measured);
    out[y] = measured;
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Tensor clean = in.has(A) ? in[A].apply(in[x]) : in[x];
    const Tensor noisy = disturbed(settings_.noise, clean, context);
    out[y] = in.has(A) ? masked_by(in[A], noisy) : noisy;
  }

  std::optional<std::vector<std::int64_t>> halo(const Inputs& in) const override {
    if (in.has(A)) return in[A].halo(in.spec(x));
    return std::vector<std::int64_t>(in.spec(x).shape.size(), 0);
  }

  // A x, the same with noise, and draws and means in double precision.
  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec measured = in.has(A) ? in[A].range(in.spec(x)) : in.spec(x);
    const std::int64_t samples =
        measured.bytes() / static_cast<std::int64_t>(at::elementSize(measured.dtype));
    return (in.has(A) ? in[A].working_bytes(in.spec(x)) + 2 * measured.bytes() : 0) +
           (needs_real(settings_.noise) ? 2 * 8 * samples + measured.bytes() : 0);
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Measure, "Simulates a measurement: y = A x with noise");

}  // namespace pellucid
