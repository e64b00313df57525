#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Blank final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "items"};
  static constexpr Out<Tensor> y{"y", ""};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override { out[y] = in.spec(x); }
  void process(const Inputs& in, Outputs& out, Context&) const override { out[y] = in[x]; }
};

}  // namespace

PELLUCID_COMPONENT(Blank, "Leaves items as they are");

}  // namespace pellucid
