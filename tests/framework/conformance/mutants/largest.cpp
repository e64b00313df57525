// largest: the largest sample of all items, which it reads one by one.
//
// Inputs
//   x   items
// Outputs
//   largest   one number
//
// Errors
//   ShapeError  x is not real, or there is no sample (while planning)

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "fault.h"

namespace pellucid {
namespace {

class Largest final : public Procedure {
 public:
  static constexpr In<Tensor> x{"x", "items"};
  static constexpr Out<Tensor> largest{"largest", "one number"};
  static const Ports& ports() {
    static const Ports all{x, largest};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override {
    const Spec& spec = in.spec(x);
    require_floating(spec);
    require_real(spec);
    if (spec.items * spec.item_numel() == 0)
      throw ShapeError("there must be a sample, got " + spec.text());
    out[largest] = {1, spec.dtype, "", {}, spec.unit, {}, {}};
  }

  void run(const Inputs& in, Outputs& out, Context& context) const override {
    Tensor found;
    for (std::int64_t item = 0; item < in.spec(x).items; ++item) {
      context.stop_if_cancelled();
      Tensor samples = in.items(x, item, 1);
      if (has_fault("nonfinite_hidden_by_a_procedure")) samples = samples.nan_to_num(0, 0, 0);
      const Tensor one = samples.max().view({1});
      found = found.defined() ? at::maximum(found, one) : one;
    }
    out[largest] = found;
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return 2 * in.spec(x).item_bytes();
  }
};

}  // namespace

PELLUCID_COMPONENT(Largest, "The largest sample of all items");

}  // namespace pellucid
