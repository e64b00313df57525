// noise: y = x + a standard normal draw for every sample.
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Noise final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "items"};
  static constexpr Out<Tensor> y{"y", "items with noise"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override { out[y] = in.spec(x); }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    out[y] = in[x] + context.random("noise").normal(in[x].sizes().slice(1));
  }

  std::int64_t working_bytes(const Inputs& in) const override { return in.spec(x).bytes(); }

  std::optional<std::vector<std::int64_t>> halo(const Inputs& in) const override {
    return std::vector<std::int64_t>(in.spec(x).shape.size(), 0);
  }
};

}  // namespace

PELLUCID_COMPONENT(Noise, "Adds standard normal noise");

}  // namespace pellucid
