// sum: linear operators of the same x and the same y, added up with weights.
//
//   forward   y = sum_i w_i A_i(x)       A_1: A, A_2: B, ...
//   adjoint   x = sum_i w_i A_i*(y)
//
// Inputs
//   A   the first operator
//   B   the second
//   C   optional: a third
//   D   optional: a fourth
// Settings (keys in a pipeline file)
//   weights [1]   w, a number for each operator; by default 1 each
//
// Errors
//   ConfigError  there are not as many weights as operators (while planning)
//   ShapeError   an operator does not take x, or gives another y than the first (while planning)
//
// Accuracy  that of all.
// Cost      that of all, one after the other; memory: two results more.

#include <algorithm>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "combination.h"

namespace pellucid {
namespace {

class Sum final : public Combination {
 public:
  struct Settings {
    std::optional<std::vector<double>> weights;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"weights", &Settings::weights, "1", "a number for each operator; by default 1 each",
         count(2, 4)},
    };
    return rows;
  }

  explicit Sum(Settings settings) : settings_(std::move(settings)) {}

  void bind(const Inputs& in) override {
    Combination::bind(in);
    weights_ = settings_.weights.value_or(std::vector<double>(parts().size(), 1.0));
    require_one_each("weights", weights_.size());
  }

  Spec range(const Spec& x) const override {
    const Spec y = parts().front().a->range(x);
    for (const Part& part : parts())
      require_same(y, parts().front().name + " x", part.a->range(x), part.name + " x");
    return y;
  }

  Spec domain(const Spec& y) const override {
    return common_domain([&y](std::size_t) { return y; });
  }

  Tensor forward(const Tensor& x) const override {
    return added([&x](const LinearOperator& a) { return a.forward(x); });
  }
  Tensor adjoint(const Tensor& y) const override {
    return added([&y](const LinearOperator& a) { return a.adjoint(y); });
  }

  /// A sample is left out where all leave it out.
  Tensor masked(const Tensor& y) const override {
    Tensor left_out = y;
    for (const Part& part : parts()) left_out = left_out - masked_by(*part.a, left_out);
    return y - left_out;
  }

  std::int64_t working_bytes(const Spec& x) const override {
    return Combination::working_bytes(x) + 2 * std::max(x.bytes(), range(x).bytes());
  }

 private:
  template <class Apply>
  Tensor added(Apply apply) const {
    Tensor sum = apply(*parts().front().a) * weights_.front();
    for (std::size_t i = 1; i < parts().size(); ++i) sum.add_(apply(*parts()[i].a), weights_[i]);
    return sum;
  }

  Settings settings_;
  std::vector<double> weights_;
};

}  // namespace

PELLUCID_COMPONENT(Sum, "Linear operators added up with weights");

}  // namespace pellucid
