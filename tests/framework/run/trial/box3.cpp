// box3: mean over 3 x 3 neighbours, zero outside the item; looks one sample beyond its place.
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Box3 final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "items (c, h, w)"};
  static constexpr Out<Tensor> y{"y", "means"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override {
    require_axes(in.spec(x), "hw");
    out[y] = in.spec(x);
  }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    out[y] = at::avg_pool2d(in[x], {3, 3}, {1, 1}, {1, 1});
  }

  std::optional<std::vector<std::int64_t>> halo(const Inputs&) const override {
    return std::vector<std::int64_t>{0, 1, 1};
  }
};

}  // namespace

PELLUCID_COMPONENT(Box3, "Mean over 3 x 3 neighbours");

}  // namespace pellucid
