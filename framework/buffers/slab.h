// Slabs: the contiguous stretches of a rectangular part of an array in row-major order.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <ATen/core/Tensor.h>

#include <pellucid/spec.h>

namespace pellucid {

/// Calls `visit(first, count)` for every contiguous stretch of the slab offset .. offset + size of
/// an array, in elements and in order. Trailing axes that the slab covers whole are merged.
void for_each_stretch(at::IntArrayRef shape, at::IntArrayRef offset, at::IntArrayRef size,
                      const std::function<void(std::int64_t first, std::int64_t count)>& visit);

/// Throws ShapeError where the slab does not lie within the array called `name`.
void require_slab(at::IntArrayRef shape, at::IntArrayRef offset, at::IntArrayRef size,
                  const std::string& name);

/// Values of a region of one item, (1, size...) or (size...), as (size...) and contiguous.
Tensor region_values(const Region& region, const Tensor& values);

}  // namespace pellucid
