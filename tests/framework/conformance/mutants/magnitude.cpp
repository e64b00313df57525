// magnitude: y = sqrt(x^2 + floor^2), sample by sample; an operator that is not linear.
//
// Settings (keys in a pipeline file)
//   floor   smallest magnitude, unit of x, > 0                                    default 0.5
//
// Errors
//   ShapeError  x is not real (while planning)

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "fault.h"

namespace pellucid {
namespace {

class Magnitude final : public Operator {
 public:
  struct Settings {
    double floor = 0.5;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"floor", &Settings::floor, "", "smallest magnitude", positive()}};
    return rows;
  }

  explicit Magnitude(Settings settings) : settings_(settings) {}

  Spec range(const Spec& x) const override {
    require_real(x);
    return x;
  }

  Tensor forward(const Tensor& x) const override {
    return (x.square() + settings_.floor * settings_.floor).sqrt();
  }

  Tensor vjp(const Tensor& x, const Tensor& v) const override {
    const Tensor slope = v * x / forward(x);
    return has_fault("gradient_off_by_a_hundredth") ? slope * 1.01 : slope;
  }

  std::int64_t working_bytes(const Spec& x) const override { return 3 * x.bytes(); }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Magnitude, "Smoothed magnitude of each sample");

}  // namespace pellucid
