// difference: differences of neighbouring samples along the rows of an image.
//
//   forward   y[i, j] = gain (x[i, j + 1] - x[i, j]),  0 in the last column
//   adjoint   its transpose
//
// Settings (keys in a pipeline file)
//   gain [1]   factor                                                             default 1
//
// Errors
//   ShapeError  the last axes are not those of an image, or x is not real (while planning)

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "fault.h"

namespace pellucid {
namespace {

class Difference final : public LinearOperator {
 public:
  struct Settings {
    double gain = 1;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{{"gain", &Settings::gain, "1", "factor"}};
    return rows;
  }

  explicit Difference(Settings settings) : settings_(settings) {}

  Spec range(const Spec& x) const override {
    require_spatial(x, 2);
    require_real(x);
    return x;
  }

  Spec domain(const Spec& y) const override {
    Spec x = y;
    if (has_fault("specs_domain_of_another_size")) x.shape.back() += 1;
    return x;
  }

  Tensor forward(const Tensor& x) const override {
    const std::int64_t pairs = x.size(-1) - 1;
    Tensor y = at::zeros_like(x);
    y.narrow(-1, 0, pairs).copy_(x.narrow(-1, 1, pairs) - x.narrow(-1, 0, pairs));
    y.mul_(settings_.gain);
    if (has_fault("linearity_offset")) y.add_(1e-3);
    if (has_fault("linearity_clipped")) y.clamp_(-2, 2);
    if (has_fault("linearity_clipped_in_float32") && is_single(x)) y.clamp_(-2, 2);
    return y;
  }

  Tensor adjoint(const Tensor& y) const override {
    const std::int64_t pairs = y.size(-1) - 1;
    const Tensor differences = y.narrow(-1, 0, pairs) * settings_.gain;
    Tensor x = at::zeros_like(y);
    x.narrow(-1, 1, pairs).add_(differences);
    x.narrow(-1, 0, pairs).sub_(differences);
    if (has_fault("adjoint_border_pixel")) x.select(-1, 0).select(-1, 0).mul_(1 + 1e-3);
    if (has_fault("adjoint_border_in_float32") && is_single(y))
      x.select(-1, 0).select(-1, 0).mul_(1 + 5e-4);
    if (has_fault("adjoint_of_another_gain")) x.mul_(1 + 1e-4);
    return x;
  }

  std::optional<std::vector<std::int64_t>> halo(const Spec& x) const override {
    std::vector<std::int64_t> reach(x.shape.size(), 0);
    reach.back() = has_fault("tiles_operator_without_halo") ? 0 : 1;
    return reach;
  }

  std::int64_t working_bytes(const Spec& x) const override { return 2 * x.bytes(); }

  double norm(const Spec& x) const override {
    const double found = LinearOperator::norm(x);
    if (has_fault("norm_squared")) return found * found;
    return has_fault("norm_too_small") ? found / 2 : found;
  }

  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override {
    if (has_fault("solve_weight_forgotten"))
      return LinearOperator::solve_normal(b, 0.9 * weight, how);
    Solve few = how;
    if (has_fault("solve_gives_up")) few.iterations = 2;
    return LinearOperator::solve_normal(b, weight, few);
  }

 private:
  static bool is_single(const Tensor& x) { return x.scalar_type() == at::kFloat; }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Difference, "Differences of neighbouring samples along rows");

}  // namespace pellucid
