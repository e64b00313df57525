// stage: y = 2 x, or a fault.
//
// Settings (keys in a pipeline file)
//   fault          what it does                                               default none
//   moment         when it does it                                            default compute
//   item     [1]   the item for which it does it                              default 0
//   cure           a file; where it is there, nothing happens                 default ""
#include <fstream>

#include "fault.h"

namespace pellucid {
namespace {

/// Tells which processes have loaded this plugin.
const bool told = [] {
  if (const char* file = std::getenv("PELLUCID_TEST_LOADED"))
    std::ofstream(file, std::ios::app) << std::ifstream("/proc/self/cmdline").rdbuf() << "\n";
  return true;
}();

class Doubling final : public Stage {
 public:
  using Settings = FaultSettings;
  static const Schema<Settings>& schema() { return Settings::schema(); }

  static constexpr In<Tensor> x{"x", "items"};
  static constexpr In<LinearOperator> A{"A", "applied before", optional};
  static constexpr Out<Tensor> y{"y", "2 x"};
  static const Ports& ports() {
    static const Ports all{x, A, y};
    return all;
  }

  explicit Doubling(Settings settings) : settings_(std::move(settings)) {
    settings_.meet(Moment::make);
  }

  void infer(const Inputs& in, Specs& out) const override {
    settings_.meet(Moment::infer);
    out[y] = in.spec(x);
  }

  void prepare(const Inputs&, Context&) override { settings_.meet(Moment::prepare); }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    if (told) context.log(Context::Level::debug, "it computes");
    settings_.meet(Moment::compute, in.block().first, in.block().count, &context);
    out[y] = 2 * (in.has(A) ? in[A].apply(in[x]) : in[x]);
  }

  std::int64_t working_bytes(const Inputs& in) const override { return in.spec(x).bytes(); }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Doubling, "Doubles, or does what it should not");

}  // namespace pellucid
