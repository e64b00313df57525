// edge_taper: images made to suit a circular blur: towards their borders they go over into their
// own circular blur, which goes on at the other side without a step.
//
//   x = w y + (1 - w) (k * y)                  k the kernel divided by its sum, * circular
//   w[i, j] = v_1[i] v_2[j]                    a factor for each axis that A convolves
//   v[i] = 1 - (r[i] + r[n - 1 - i]) / r[0]    within [0, 1]; n samples along the axis
//   r[i] = sum over m of p[m] p[m + i]         p the kernel summed over all other axes
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//
//   w is 0 at the borders and 1 farther from them than the kernel is wide. Deconvolve x with the
//   same circular A.
//
// Inputs
//   y   blurred images that are not circular
//   A   the blur, circular
// Outputs
//   x   the same, tapered, spec of y
//
// Errors
//   ShapeError    y is not real, or does not have the axes that A convolves; the kernel is larger
//                 than y (while planning)
//   ConfigError   the boundary of A is not circular (while planning)
//   Error         y or a kernel is not finite, a kernel sums to 0
//
// Cost      A once. Source: S. J. Reeves, "Fast image restoration without boundary artifacts", IEEE
//           Trans. Image Process. 14(10):1448-1453, 2005, doi:10.1109/TIP.2005.854474, section I.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "frame.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

/// v of one axis, (channels, size), for p (channels, taps).
Tensor falloff(const Tensor& p, std::int64_t size) {
  const std::int64_t taps = p.size(1);
  const Tensor r = at::zeros({p.size(0), size}, p.options());
  for (std::int64_t i = 0; i < std::min(taps, size); ++i)
    r.select(1, i).copy_((p.narrow(1, 0, taps - i) * p.narrow(1, i, taps - i)).sum(1));
  return (1 - (r + r.flip({1})) / r.narrow(1, 0, 1)).clamp_(0, 1);
}

class EdgeTaper final : public Stage {
 public:
  static constexpr In<Tensor> y{"y", "blurred images that are not circular"};
  static constexpr In<ConvolutionOperator> A{"A", "the blur, circular"};
  static constexpr Out<Tensor> x{"x", "the same, tapered"};
  static const Ports& ports() {
    static const Ports all{y, A, x};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override {
    require_boundary(in[A], Boundary::circular);
    const Frame frame(in[A], in.spec(y));
    out[x] = in.spec(y);
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Tensor blurred = in[A].forward(in[y]);
    const Tensor tapered = at::empty_like(blurred);
    const Tensor& kernels = in[A].kernel();
    const auto axes = static_cast<std::int64_t>(in[A].kernel_size().size());
    for (std::int64_t row = 0; row < blurred.size(0) && blurred.numel() > 0; ++row) {
      context.stop_if_cancelled();
      const Tensor kernel = kernels[kernels.size(0) == 1 ? 0 : row];
      require_usable(in[y][row], kernel, in.item(row));
      const Tensor sum = kernel.flatten(1).sum(1);
      if ((sum == 0).any().item<bool>())
        throw Error("the kernel of item " + std::to_string(in.item(row)) +
                    " sums to 0, so its blur cannot stand in for 'y'; give another kernel to 'A'");
      const Tensor weight =
          weights(kernel, last_sizes(in[y].sizes(), std::size_t(axes))).to(in[y].options());
      const Tensor scale = over_grid(1 / sum, axes).to(in[y].options());
      const Tensor beyond = blurred[row] * (scale.size(0) == 1 ? scale[0] : scale);
      tapered[row].copy_(beyond +
                         (in[y][row] - beyond) * (weight.size(0) == 1 ? weight[0] : weight));
    }
    out[x] = tapered;
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& spec = in.spec(y);
    return in[A].working_bytes(spec) + spec.bytes() + 4 * spec.item_bytes();
  }

 private:
  /// w, (channels or 1, sizes...).
  static Tensor weights(const Tensor& kernel, const Sizes& sizes) {
    Tensor weight = at::ones({kernel.size(0)}, kernel.options());
    for (std::int64_t a = 0; a < std::int64_t(sizes.size()); ++a) {
      const Tensor p = kernel.movedim(a + 1, 1).flatten(2).sum(-1);
      Tensor v = falloff(p, sizes[std::size_t(a)]);
      for (std::int64_t before = 0; before < a; ++before) v = v.unsqueeze(1);
      weight = weight.unsqueeze(-1) * v;
    }
    return weight;
  }
};

}  // namespace

PELLUCID_COMPONENT(EdgeTaper, "Borders that go on at the other side");

}  // namespace pellucid
