// crash: leaves x as it is; the environment can make it crash or hang for images of one pixel.
//
// Inputs
//   x   items
// Outputs
//   y   the same

#include <signal.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include <pellucid/plugin.h>

#include "fault.h"

namespace pellucid {
namespace {

class Crash final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "items"};
  static constexpr Out<Tensor> y{"y", "the same"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override { out[y] = in.spec(x); }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    const bool pixel = in[x].dim() > 0 && in[x].size(-1) == 1;
    if (pixel && has_fault("crash")) ::raise(SIGSEGV);
    if (pixel && has_fault("hang"))
      for (;;) std::this_thread::sleep_for(std::chrono::seconds(1));
    if (has_fault("chatter")) std::printf("it prints without an end of line");
    if (pixel && has_fault("prattle"))
      for (;; std::this_thread::sleep_for(std::chrono::milliseconds(10))) {
        std::printf("it prints and prints\n");
        std::fflush(stdout);
      }
    out[y] = in[x];
  }
};

}  // namespace

PELLUCID_COMPONENT(Crash, "Leaves items as they are, or crashes");

}  // namespace pellucid
