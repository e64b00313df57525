// energy: g(x) = weight / 2 |x|^2, with its gradient and prox.
//
// Settings (keys in a pipeline file)
//   weight   of the penalty, >= 0                                                 default 1

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "fault.h"

namespace pellucid {
namespace {

class Energy final : public Functional {
 public:
  struct Settings {
    double weight = 1;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"weight", &Settings::weight, "", "of the penalty", at_least(0)}};
    return rows;
  }

  explicit Energy(Settings settings) : settings_(settings) {}

  bool has_gradient() const override { return true; }
  bool has_prox() const override { return true; }
  Tensor value(const Tensor& x) const override {
    return x.square().flatten(1).sum(1) * (settings_.weight / 2);
  }
  Tensor gradient(const Tensor& x) const override {
    Tensor slope = x * settings_.weight;
    if (has_fault("gradient_last_row")) slope.select(1, 0).mul_(1.01);
    return slope;
  }
  Tensor prox(const Tensor& x, double step) const override {
    if (has_fault("prox_of_another_step")) step *= 1.1;
    if (has_fault("prox_shifted")) return x / (1 + step * settings_.weight) + 0.01;
    return x / (1 + step * settings_.weight);
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Energy, "Half the squared length");

}  // namespace pellucid
