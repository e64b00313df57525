// compose: one linear operator after another, such as a blur and then a coarser grid.
//
//   forward   y = O(I(x))       O: outer, I: inner
//   adjoint   x = I*(O*(y))
//
//   What `outer` leaves out is left out, and so is what it makes of nothing but samples that `inner`
//   leaves out, such as a masked pixel on a coarser grid: operators/measure adds no noise there.
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
#include <pellucid/random.h>

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

  bool leaves_samples_out() const override {
    return pellucid::leaves_samples_out(*outer_) || pellucid::leaves_samples_out(*inner_);
  }

  Tensor masked(const Tensor& y) const override {
    const Tensor seen = masked_by(*outer_, y);
    return pellucid::leaves_samples_out(*inner_) ? seen.masked_fill(lost_before(y), 0) : seen;
  }

  std::optional<std::vector<std::int64_t>> halo(const Spec& x) const override {
    auto reach = inner_->halo(x);
    const auto more = outer_->halo(inner_->range(x));
    if (!reach || !more || reach->size() != more->size()) return std::nullopt;
    for (std::size_t axis = 0; axis < reach->size(); ++axis) (*reach)[axis] += (*more)[axis];
    return reach;
  }

  std::int64_t working_bytes(const Spec& x) const override {
    const Spec between = inner_->range(x);
    const std::int64_t applied =
        between.bytes() + std::max(inner_->working_bytes(x), outer_->working_bytes(between));
    if (!pellucid::leaves_samples_out(*inner_)) return applied;
    // Two probes and four results of them, in double precision.
    const std::int64_t asked = 2 * (2 * between.bytes() + 4 * outer_->range(between).bytes() +
                                    outer_->working_bytes(between));
    return std::max(applied, asked);
  }

 private:
  /// True where `outer` makes a sample of nothing but what `inner` leaves out. Random numbers tell:
  /// sums of them are 0 only where there is nothing to be summed.
  Tensor lost_before(const Tensor& y) const {
    constexpr double kRounding = 1e-10;  // of Fourier transforms, relative to the largest sample
    const auto exact = y.is_complex() ? at::kComplexDouble : at::kDouble;
    const Tensor between = outer_->adjoint(at::zeros_like(y, y.options().dtype(exact)));
    // The same for every item.
    const std::vector<std::int64_t> alike(static_cast<std::size_t>(y.size(0)), 0);
    const Tensor probe = Random(0, "compose", "probe", alike)
                             .normal(between.sizes().slice(1), between.scalar_type())
                             .to(y.device());
    const Tensor all = outer_->forward(probe).abs();
    const Tensor rest = outer_->forward(masked_by(*inner_, probe)).abs();
    if (all.numel() == 0) return at::zeros_like(all, at::kBool);
    const auto axes = last_axes(static_cast<std::size_t>(all.dim() - 1));
    const Tensor nothing = all.amax(axes, /*keepdim=*/true) * kRounding;
    return (rest <= nothing).logical_and_(all > nothing);
  }

  Held outer_, inner_;
};

}  // namespace

PELLUCID_COMPONENT(Compose, "One linear operator after another");

}  // namespace pellucid
