// identity: gives back what it is given, as where a camera does nothing but add noise.
//
//   forward   y = x         x, y: any axes, float32, float64, complex64 or complex128, one unit
//   adjoint   equal to forward
//
// Errors
//   ShapeError   x is not of a floating type (while planning)
//
// Accuracy  exact. Norm 1; the normal equations are solved by a division.
// Cost      none: results share the memory of what they are made from, which nobody may write to.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Identity final : public LinearOperator {
 public:
  Spec range(const Spec& x) const override {
    require_floating(x);
    return x;
  }

  Tensor forward(const Tensor& x) const override { return x; }
  Tensor adjoint(const Tensor& y) const override { return y; }

  std::optional<std::vector<std::int64_t>> halo(const Spec& x) const override {
    return std::vector<std::int64_t>(x.shape.size(), 0);
  }

  double norm(const Spec& x) const override {
    require_floating(x);
    return 1;
  }

  Tensor solve_normal(const Tensor& b, double weight, const Solve&) const override {
    return b / (1 + weight);
  }
};

}  // namespace

PELLUCID_COMPONENT(Identity, "Gives back what it is given");

}  // namespace pellucid
