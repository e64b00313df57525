// scale: a linear operator times a number.
//
//   forward   y = factor A(x)
//   adjoint   x = factor A*(y)
//
// Inputs
//   A   the operator
// Settings (keys in a pipeline file)
//   factor [1]   what results are multiplied with                              required
//
// Errors
//   ShapeError   A does not take x (while planning)
//
// Accuracy  that of A. Norm |factor| times A's; the normal equations are those of A with
//           weight / factor^2.
// Cost      that of A, and one product a sample.

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "combination.h"

namespace pellucid {
namespace {

class Scale final : public LinearOperator, public Masking {
 public:
  struct Settings {
    double factor = 1;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"factor", &Settings::factor, "1", "what results are multiplied with", required()},
    };
    return rows;
  }

  static constexpr In<LinearOperator> A{"A", "the operator"};
  static const Ports& ports() {
    static const Ports all{A};
    return all;
  }

  explicit Scale(Settings settings) : factor_(settings.factor) {}

  void bind(const Inputs& in) override { a_ = held(in, A); }
  void prepare(const Inputs& in, Context&) override { bind(in); }

  Spec range(const Spec& x) const override { return a_->range(x); }
  Spec domain(const Spec& y) const override { return a_->domain(y); }
  Tensor forward(const Tensor& x) const override { return a_->forward(x) * factor_; }
  Tensor adjoint(const Tensor& y) const override { return a_->adjoint(y) * factor_; }

  bool leaves_samples_out() const override { return pellucid::leaves_samples_out(*a_); }
  Tensor masked(const Tensor& y) const override { return masked_by(*a_, y); }

  std::optional<std::vector<std::int64_t>> halo(const Spec& x) const override {
    return a_->halo(x);
  }
  std::int64_t working_bytes(const Spec& x) const override {
    return a_->working_bytes(x) + std::max(x.bytes(), a_->range(x).bytes());
  }

  double norm(const Spec& x) const override { return std::abs(factor_) * a_->norm(x); }

  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override {
    if (factor_ == 0) return LinearOperator::solve_normal(b, weight, how);
    const double square = factor_ * factor_;
    return a_->solve_normal(b / square, weight / square, how);
  }

 private:
  double factor_;
  Held a_;
};

}  // namespace

PELLUCID_COMPONENT(Scale, "A linear operator times a number");

}  // namespace pellucid
