// transmission: what of a beam passes through matter, the law of Beer and Lambert.
//
//   forward    y = exp(-a x)                     x, y: any axes, real; y has the unit "1"
//   gradient   v -> -a exp(-a x) v
//
//   x is a line integral as operators/radon gives it, and 1 in y the open beam. Noise that counts
//   photons is added by operators/measure; operators/absorbance is the way back.
//
// Settings (keys in a pipeline file)
//   attenuation [1/px]   a, of matter that has the value 1, > 0              default 1
//
// Errors
//   ShapeError   x is not real, or its unit is neither px nor 1 nor unknown (while planning)
//
// Cost      one exponential a sample.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Transmission final : public Operator {
 public:
  struct Settings {
    double attenuation = 1;  // 1/px
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"attenuation", &Settings::attenuation, "1/px", "a, of matter that has the value 1",
         positive()},
    };
    return rows;
  }

  explicit Transmission(Settings settings) : settings_(settings) {}

  Spec range(const Spec& x) const override {
    require_real(x);
    if (!x.unit.empty() && x.unit != "px" && x.unit != "1")
      throw ShapeError("line integrals must have the unit px or 1, got " + x.text());
    Spec y = x;
    y.unit = "1";
    return y;
  }

  Spec domain(const Spec& y) const override {
    Spec x = y;
    x.unit = "px";
    return x;
  }

  Tensor forward(const Tensor& x) const override { return x.mul(-settings_.attenuation).exp_(); }

  Tensor vjp(const Tensor& x, const Tensor& v) const override {
    return forward(x).mul_(v).mul_(-settings_.attenuation);
  }

  std::optional<std::vector<std::int64_t>> halo(const Spec& x) const override {
    return std::vector<std::int64_t>(x.shape.size(), 0);
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Transmission, "What of a beam passes through matter: y = exp(-a x)");

}  // namespace pellucid
