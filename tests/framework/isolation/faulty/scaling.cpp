// scaling: y = 3 x as an operator, or a fault.
//
// Settings (keys in a pipeline file)
//   fault          what it does                                               default none
//   moment         when it does it                                            default compute
//   item     [1]   the item for which it does it                              default 0
//   cure           a file; where it is there, nothing happens                 default ""
#include "fault.h"

namespace pellucid {
namespace {

class Scaling final : public LinearOperator {
 public:
  using Settings = FaultSettings;
  static const Schema<Settings>& schema() { return Settings::schema(); }

  static constexpr In<Tensor> by{"by", "another factor", optional};
  static const Ports& ports() {
    static const Ports all{by};
    return all;
  }

  explicit Scaling(Settings settings) : settings_(std::move(settings)) {
    settings_.meet(Moment::make);
  }

  void bind(const Inputs&) override { settings_.meet(Moment::bind); }
  void prepare(const Inputs& in, Context&) override {
    settings_.meet(Moment::prepare);
    factor_ = in.has(by) ? 3 * in[by] : at::full({1}, 3.0);
  }
  Spec range(const Spec& x) const override { return x; }
  Tensor forward(const Tensor& x) const override { return x * factor_.to(x.scalar_type()); }
  Tensor adjoint(const Tensor& y) const override { return forward(y); }

 private:
  Settings settings_;
  Tensor factor_;
};

}  // namespace

PELLUCID_COMPONENT(Scaling, "Triples, or does what it should not");

}  // namespace pellucid
