// total: the sum of all items, in double precision.
//
// Inputs
//   x   items
// Outputs
//   sum   one item
//
// Errors
//   ShapeError  x is not real, or there is no item (while planning)

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "fault.h"

namespace pellucid {
namespace {

class Total final : public Reducer {
 public:
  static constexpr In<Tensor> x{"x", "items"};
  static constexpr Out<Tensor> sum{"sum", "of all items"};
  static const Ports& ports() {
    static const Ports all{x, sum};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override {
    require_real(in.spec(x));
    if (in.spec(x).items == 0) throw ShapeError("there must be an item to add up, got none");
    out[sum] = in.spec(x);
    out[sum].items = 1;
    out[sum].dtype = at::kDouble;
  }

  void infer_state(const Inputs& in, Specs& state) const override {
    state[sum] = in.spec(x);
    state[sum].items = 1;
    state[sum].dtype = at::kDouble;
  }

  void reduce(const Inputs& in, Outputs& state, Context&) const override {
    state[sum] = in[x].sum(0, /*keepdim=*/true, at::kDouble);
    if (has_fault("nonfinite_hidden_from_the_sum"))
      state[sum] = in[x].nan_to_num(0, 0, 0).sum(0, /*keepdim=*/true, at::kDouble);
    // A mean that forgets how many items a block had.
    if (has_fault("blocks_mean_of_means")) state[sum] = state[sum] / in[x].size(0);
  }

  void finish(const States& states, Outputs& out, Context&) const override {
    Tensor total = states.at(0)[sum];
    for (std::int64_t block = 1; block < states.count(); ++block)
      total = total + states.at(block)[sum];
    out[sum] = total;
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return 2 * 8 * in.spec(x).items * in.spec(x).item_numel();
  }
};

}  // namespace

PELLUCID_COMPONENT(Total, "The sum of all items");

}  // namespace pellucid
