// compose: one linear operator after another, such as a blur and then a coarser grid.
//
//   forward   y = O(I(x))       O: outer, I: inner
//   adjoint   x = I*(O*(y))
//
// Inputs
//   outer   the operator that is applied last, to what `inner` gives
//   inner   the operator that is applied first, to x
//
// Errors
//   ShapeError   `inner` does not take x, or `outer` does not take what `inner` gives (while
//                planning)
//
// Accuracy  that of both. An operator of three or more is a composition of compositions.
// Cost      that of both; memory: also what `inner` gives. Where items are cut into tiles, both
//           reach beyond their places, so halos add.

#include <algorithm>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "combination.h"

namespace pellucid {
namespace {

class Compose final : public LinearOperator, public Masking {
 public:
  static constexpr In<LinearOperator> outer_input{"outer", "the operator that is applied last"};
  static constexpr In<LinearOperator> inner_input{"inner", "the operator that is applied first"};
  static const Ports& ports() {
    static const Ports all{outer_input, inner_input};
    return all;
  }

  void bind(const Inputs& in) override {
    outer_ = held(in, outer_input);
    inner_ = held(in, inner_input);
  }
  void prepare(const Inputs& in, Context&) override { bind(in); }

  Spec range(const Spec& x) const override {
    const Spec between = inner_->range(x);
    try {
      return outer_->range(between);
    } catch (const ShapeError& error) {
      throw ShapeError("'outer' cannot be applied to what 'inner' gives (" + between.text() +
                       "): " + error.sentence());
    }
  }
  Spec domain(const Spec& y) const override { return inner_->domain(outer_->domain(y)); }

  Tensor forward(const Tensor& x) const override { return outer_->forward(inner_->forward(x)); }
  Tensor adjoint(const Tensor& y) const override { return inner_->adjoint(outer_->adjoint(y)); }

  Tensor masked(const Tensor& y) const override { return masked_by(*outer_, y); }

  std::optional<std::vector<std::int64_t>> halo(const Spec& x) const override {
    auto reach = inner_->halo(x);
    const auto more = outer_->halo(inner_->range(x));
    if (!reach || !more || reach->size() != more->size()) return std::nullopt;
    for (std::size_t axis = 0; axis < reach->size(); ++axis) (*reach)[axis] += (*more)[axis];
    return reach;
  }

  std::int64_t working_bytes(const Spec& x) const override {
    const Spec between = inner_->range(x);
    return between.bytes() + std::max(inner_->working_bytes(x), outer_->working_bytes(between));
  }

 private:
  Held outer_, inner_;
};

}  // namespace

PELLUCID_COMPONENT(Compose, "One linear operator after another");

}  // namespace pellucid
