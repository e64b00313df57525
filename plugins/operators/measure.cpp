// measure: simulates a measurement, y = A x + noise.
//
//   y = A x + sigma e,   e standard normal and independent for every sample (for complex y, real
//                        and imaginary part have variance 1/2 each)
//
// Inputs
//   x   what is measured
//   A   optional: the operator that measures; without it y = x + noise
// Outputs
//   y   spec of A x, unit of x
// Settings (keys in a pipeline file)
//   noise   none: y = A x
//           gaussian: sigma, standard deviation in the unit of y, >= 0, default 0  default none
// Errors
//   ShapeError   A does not take x; y is not of a floating type (while planning)
//
// Accuracy  draws depend on the run's seed, the node (or `seed_as`), the item and the place in it
//           alone, never on blocks, tiles or threads.
// Cost      that of A, and of one normal draw a sample.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

struct NoNoise {
  static constexpr const char* name = "none";
  static constexpr const char* summary = "y = A x";
};

struct Gaussian {
  static constexpr const char* name = "gaussian";
  static constexpr const char* summary = "additive, of one standard deviation";
  double sigma = 0.0;  // unit of y
  static const Schema<Gaussian>& schema() {
    static const Schema<Gaussian> rows{
        {"sigma", &Gaussian::sigma, "", "standard deviation in the unit of y", at_least(0.0)},
    };
    return rows;
  }
};

class Measure final : public Stage {
 public:
  struct Settings {
    std::variant<NoNoise, Gaussian> noise;
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
  static constexpr Out<Tensor> y{"y", "the measurement, unit of x"};
  static const Ports& ports() {
    static const Ports all{x, A, y};
    return all;
  }

  explicit Measure(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec measured = in.has(A) ? in[A].range(in.spec(x)) : in.spec(x);
    require_floating(measured);
    out[y] = measured;
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Tensor clean = in.has(A) ? in[A].apply(in[x]) : in[x];
    const auto* noise = std::get_if<Gaussian>(&settings_.noise);
    if (!noise || noise->sigma == 0) {
      out[y] = clean;
      return;
    }
    // The draws are drawn on the CPU, and the sum takes their memory.
    Tensor disturbed = context.random("noise")
                           .normal(clean.sizes().slice(1), clean.scalar_type())
                           .to(clean.device());
    out[y] = disturbed.mul_(noise->sigma).add_(clean);
  }

  std::optional<std::vector<std::int64_t>> halo(const Inputs& in) const override {
    if (in.has(A)) return in[A].halo(in.spec(x));
    return std::vector<std::int64_t>(in.spec(x).shape.size(), 0);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    if (!in.has(A)) return 0;
    return in[A].working_bytes(in.spec(x)) + in[A].range(in.spec(x)).bytes();
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Measure, "Simulates a measurement: y = A x + noise");

}  // namespace pellucid
