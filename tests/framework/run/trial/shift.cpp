// shift: A x = x + s, where s is a tensor of the graph: an object with a tensor input.
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Shift final : public Operator {
 public:
  static constexpr In<Tensor> s{"s", "what is added: one for all items, or one each"};
  static const Ports& ports() {
    static const Ports all{s};
    return all;
  }

  void prepare(const Inputs& in, Context&) override { shift_ = in[s]; }

  Spec range(const Spec& x) const override { return x; }
  Tensor forward(const Tensor& x) const override { return x + shift_; }
  Tensor vjp(const Tensor&, const Tensor& v) const override { return v; }

 private:
  Tensor shift_;
};

}  // namespace

PELLUCID_COMPONENT(Shift, "Adds a tensor of the graph");

}  // namespace pellucid
