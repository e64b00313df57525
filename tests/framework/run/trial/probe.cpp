// probe: what a model gives for two variants of each item, one behind the other.
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Probe final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "items"};
  static constexpr In<Model> f{"f", "the model"};
  static constexpr Out<Tensor> y{"y", "f(x) + f(2 x)"};
  static const Ports& ports() {
    static const Ports all{x, f, y};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override {
    out[y] = in[f].range(in.spec(x));
    out[y].items = in.spec(x).items;
  }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    std::vector<Tensor> sums;
    for (std::int64_t row = 0; row < in[x].size(0); ++row) {
      const Tensor one = in[x].narrow(0, row, 1);
      sums.push_back(in[f](at::cat({one, one * 2}), in.item(row)).sum(0, /*keepdim=*/true));
    }
    out[y] = at::cat(sums);
  }
};

}  // namespace

PELLUCID_COMPONENT(Probe, "What a model gives for variants of each item");

}  // namespace pellucid
