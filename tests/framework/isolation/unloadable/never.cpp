// never: its library ends the process that loads it.
#include <cstdio>
#include <cstdlib>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

const bool loaded = [] {
  std::fputs("giving-up\n", stderr);
  std::abort();
  return true;
}();

class Never final : public Stage {
 public:
  static constexpr Out<Tensor> x{"x", "items"};
  static const Ports& ports() {
    static const Ports all{x};
    return all;
  }
  void infer(const Inputs&, Specs& out) const override { out[x].items = loaded ? 1 : 2; }
  void process(const Inputs&, Outputs&, Context&) const override {}
};

}  // namespace

PELLUCID_COMPONENT(Never, "Cannot be loaded");

}  // namespace pellucid
