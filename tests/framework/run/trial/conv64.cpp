// conv64: 64 filters of 5 x 5, then their mean: much working memory for each sample.
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Conv64 final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "items (1, h, w)"};
  static constexpr Out<Tensor> y{"y", "mean of the 64 channels"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override { out[y] = in.spec(x); }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    const Tensor kernel = at::full({64, 1, 5, 5}, 1.0 / 25);
    out[y] = at::conv2d(in[x], kernel, {}, 1, 2).mean(1, /*keepdim=*/true);
  }

  /// The 64 channels, and once more in the order that the convolution computes them in.
  std::int64_t working_bytes(const Inputs& in) const override { return 128 * in.spec(x).bytes(); }
};

}  // namespace

PELLUCID_COMPONENT(Conv64, "The mean of 64 filtered images");

}  // namespace pellucid
