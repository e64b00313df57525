// observe: y = A x.
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Observe final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "items"};
  static constexpr In<Operator> A{"A", "the operator"};
  static constexpr Out<Tensor> y{"y", "A x"};
  static const Ports& ports() {
    static const Ports all{x, A, y};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override { out[y] = in[A].range(in.spec(x)); }
  void process(const Inputs& in, Outputs& out, Context&) const override {
    out[y] = in[A].forward(in[x]);
  }
};

}  // namespace

PELLUCID_COMPONENT(Observe, "Applies an operator");

}  // namespace pellucid
