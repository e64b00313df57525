#include "direct_convolution.h"

#include <ATen/ATen.h>

#include <pellucid/numerics/border.h>

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

/// What x is extended by: in front as far as the kernel reaches behind its centre.
struct Reach {
  explicit Reach(const Tensor& kernel) {
    for (const std::int64_t n : kernel.sizes().slice(1)) {
      before.push_back(n - 1 - n / 2);
      after.push_back(n / 2);
    }
  }
  Sizes before, after;
};

/// Calls `visit(window, weight)` for every tap: the part of the extended image that it weighs, and
/// its weight for each channel.
template <class Visit>
void each_tap(const Tensor& grid, at::IntArrayRef sizes, const Tensor& kernel, Visit visit) {
  Sizes tap(sizes.size(), 0);
  const Tensor weights = kernel.flatten(1);  // (channels, taps)
  for (std::int64_t i = 0; i < weights.size(1); ++i) {
    Tensor window = grid;
    for (std::size_t a = 0; a < sizes.size(); ++a)
      window = window.narrow(static_cast<std::int64_t>(a) + 2,
                             kernel.size(static_cast<std::int64_t>(a) + 1) - 1 - tap[a], sizes[a]);
    visit(window, weights.select(1, i));
    for (std::size_t a = sizes.size(); a-- > 0;) {
      if (++tap[a] < kernel.size(static_cast<std::int64_t>(a) + 1)) break;
      tap[a] = 0;
    }
  }
}

void add_weighted(const Tensor& sum, const Tensor& values, const Tensor& weight) {
  if (weight.numel() == 1) {
    const double w = weight.item<double>();
    if (w != 0) sum.add_(values, w);
  } else {
    Sizes shape(static_cast<std::size_t>(values.dim() - 1), 1);
    shape[0] = weight.numel();
    sum.addcmul_(values, weight.to(values.options()).view(shape));
  }
}

}  // namespace

Tensor convolved(const Tensor& x, const Tensor& kernel, Boundary boundary) {
  const Reach reach(kernel);
  const Tensor grid = extended(x, reach.before, reach.after, boundary);
  Tensor y = at::zeros_like(x, at::MemoryFormat::Contiguous);
  each_tap(grid, x.sizes().slice(2), kernel,
           [&](const Tensor& window, const Tensor& weight) { add_weighted(y, window, weight); });
  return y;
}

Tensor correlated(const Tensor& y, const Tensor& kernel, Boundary boundary) {
  const Reach reach(kernel);
  Sizes shape = y.sizes().vec();
  for (std::size_t a = 0; a < reach.before.size(); ++a)
    shape[a + 2] += reach.before[a] + reach.after[a];
  Tensor grid = at::zeros(shape, y.options());
  each_tap(grid, y.sizes().slice(2), kernel,
           [&](const Tensor& window, const Tensor& weight) { add_weighted(window, y, weight); });
  return folded(std::move(grid), reach.before, reach.after, boundary);
}

}  // namespace pellucid
