#include "buffers/slab.h"

#include <algorithm>
#include <vector>

namespace pellucid {

void for_each_stretch(at::IntArrayRef shape, at::IntArrayRef offset, at::IntArrayRef size,
                      const std::function<void(std::int64_t, std::int64_t)>& visit) {
  if (std::find(size.begin(), size.end(), 0) != size.end()) return;
  std::int64_t inner = 1;
  std::size_t axes = shape.size();
  while (axes > 0 && size[axes - 1] == shape[axes - 1]) inner *= shape[--axes];
  if (axes == 0) return visit(0, inner);

  // The last cut axis still gives one stretch; those before it are counted through.
  const std::size_t cut = axes - 1;
  std::vector<std::int64_t> stride(axes, inner);
  for (std::size_t axis = cut; axis-- > 0;) stride[axis] = stride[axis + 1] * shape[axis + 1];
  std::int64_t first = 0;
  for (std::size_t axis = 0; axis < axes; ++axis) first += offset[axis] * stride[axis];

  std::vector<std::int64_t> index(cut, 0);
  while (true) {
    visit(first, size[cut] * inner);
    std::size_t axis = cut;
    while (axis > 0) {
      --axis;
      first += stride[axis];
      if (++index[axis] < size[axis]) break;
      first -= size[axis] * stride[axis];
      index[axis] = 0;
      if (axis == 0) return;
    }
    if (cut == 0) return;
  }
}

void require_slab(at::IntArrayRef shape, at::IntArrayRef offset, at::IntArrayRef size,
                  const std::string& name) {
  bool inside = offset.size() == shape.size() && size.size() == shape.size();
  for (std::size_t axis = 0; inside && axis < shape.size(); ++axis)
    inside = offset[axis] >= 0 && size[axis] >= 0 && size[axis] <= shape[axis] &&
             offset[axis] <= shape[axis] - size[axis];
  if (!inside)
    throw ShapeError("the slab " + shape_text(size) + " at " + shape_text(offset) +
                     " does not lie within " + name + " of shape " + shape_text(shape));
}

Tensor region_values(const Region& region, const Tensor& values) {
  const auto sizes = values.sizes();
  const bool has_item_axis = values.dim() == static_cast<std::int64_t>(region.size.size()) + 1;
  if ((has_item_axis ? sizes.slice(1) : sizes) != at::IntArrayRef(region.size) ||
      (has_item_axis && sizes[0] != 1))
    throw ShapeError("a region of size " + shape_text(region.size) +
                     " takes values of that shape, got " + shape_text(sizes));
  return values.contiguous().view(region.size);
}

}  // namespace pellucid
