// Arrays continued beyond their edges: axis by axis, corners come by themselves.

#include <pellucid/numerics/border.h>

#include <algorithm>

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

namespace pellucid {
namespace {

/// One end of an axis that is continued: positions first .. first+count-1 of the extended axis.
struct End {
  std::int64_t first;
  std::int64_t count;
};

struct Axis {
  std::int64_t dimension;
  std::int64_t before;
  std::int64_t inside;
  std::int64_t after;

  std::array<End, 2> ends() const { return {End{0, before}, End{before + inside, after}}; }
};

/// Where the samples of an end come from, as indices of the extended axis.
Tensor sources(const Axis& axis, const End& end, Boundary boundary, const at::Device& device) {
  std::vector<std::int64_t> from;
  for (std::int64_t i = end.first; i < end.first + end.count; ++i)
    from.push_back(axis.before + source_position(i - axis.before, axis.inside, boundary));
  return at::tensor(from, at::kLong).to(device);
}

}  // namespace

std::int64_t source_position(std::int64_t i, std::int64_t n, Boundary boundary) {
  const auto wrapped = [](std::int64_t value, std::int64_t period) {
    const std::int64_t rest = value % period;
    return rest < 0 ? rest + period : rest;
  };
  if (i >= 0 && i < n) return i;
  switch (boundary) {
    case Boundary::circular:
      return wrapped(i, n);
    case Boundary::reflect: {
      if (n == 1) return 0;
      const std::int64_t there = wrapped(i, 2 * (n - 1));
      return there < n ? there : 2 * (n - 1) - there;
    }
    case Boundary::replicate:
      return std::clamp<std::int64_t>(i, 0, n - 1);
    case Boundary::zero:
    case Boundary::valid:
      break;
  }
  return -1;
}

Tensor extended(const Tensor& x, at::IntArrayRef before, at::IntArrayRef after, Boundary boundary) {
  const auto axes = static_cast<std::int64_t>(before.size());
  std::vector<Axis> continued;
  std::vector<std::int64_t> shape = x.sizes().vec();
  for (std::int64_t a = 0; a < axes; ++a) {
    const std::int64_t dimension = x.dim() - axes + a;
    continued.push_back({dimension, before[a], x.size(dimension), after[a]});
    shape[dimension] += before[a] + after[a];
  }
  const Tensor whole = at::empty(shape, x.options());
  const bool zero = boundary == Boundary::zero;
  if (zero) whole.zero_();
  Tensor inside = whole;
  for (const Axis& axis : continued)
    inside = inside.narrow(axis.dimension, axis.before, axis.inside);
  inside.copy_(x);
  if (zero) return whole;
  // The axes after the current one are still bare, so each works on what is filled so far.
  for (std::size_t a = continued.size(); a-- > 0;) {
    Tensor filled = whole;
    for (std::size_t b = 0; b < a; ++b)
      filled = filled.narrow(continued[b].dimension, continued[b].before, continued[b].inside);
    for (const End& end : continued[a].ends())
      if (end.count > 0)
        filled.narrow(continued[a].dimension, end.first, end.count)
            .copy_(filled.index_select(continued[a].dimension,
                                       sources(continued[a], end, boundary, x.device())));
  }
  return whole;
}

Tensor folded(Tensor&& x, at::IntArrayRef before, at::IntArrayRef after, Boundary boundary) {
  const auto axes = static_cast<std::int64_t>(before.size());
  const bool zero = boundary == Boundary::zero;
  Tensor inside = x;
  for (std::int64_t a = 0; a < axes; ++a) {
    const std::int64_t dimension = x.dim() - axes + a;
    const Axis axis{dimension, before[a], x.size(dimension) - before[a] - after[a], after[a]};
    for (const End& end : axis.ends())
      if (end.count > 0 && !zero)
        inside.index_add_(dimension, sources(axis, end, boundary, x.device()),
                          inside.narrow(dimension, end.first, end.count).clone());
    inside = inside.narrow(dimension, axis.before, axis.inside);
  }
  return inside;
}

}  // namespace pellucid
