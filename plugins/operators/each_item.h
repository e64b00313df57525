// each_item: tensors of items made one item after the other.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <pellucid/spec.h>

namespace pellucid {

/// (items, shape...) from `map(item)`, a tensor of as many numbers. One call works on one item, so
/// that an item has the same bits whatever batch it is part of.
template <class Map>
Tensor each_item(std::int64_t items, at::IntArrayRef shape, const at::TensorOptions& options,
                 Map map) {
  std::vector<std::int64_t> sizes{items};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  Tensor out = at::empty(sizes, options);
  for (std::int64_t item = 0; item < items; ++item) {
    const Tensor made = map(item);
    out[item].copy_(made.reshape(shape));
  }
  return out;
}

/// Of a tensor with as many items as there are, or with one for all.
inline Tensor of_item(const Tensor& all, std::int64_t item) {
  return all[all.size(0) == 1 ? 0 : item];
}

}  // namespace pellucid
