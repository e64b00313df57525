#include "pair.h"

#include <ATen/ATen.h>

namespace pellucid {

void require_pair(const Spec& x, const Spec& reference, std::int64_t dimensions) {
  if (x.axes != reference.axes || x.shape != reference.shape)
    throw ShapeError("'x' and 'reference' must agree in axes and shape, got " + x.axes + " " +
                     shape_text(x.shape) + " and " + reference.axes + " " +
                     shape_text(reference.shape));
  require_same_unit(x, "x", reference, "reference");
  if (x.item_numel() == 0)
    throw ShapeError("images must have at least one sample, got " + x.axes + " " +
                     shape_text(x.shape));
  require_spatial(x, dimensions);
}

void require_room(const Spec& x, std::int64_t dimensions, std::int64_t least, std::int64_t border,
                  const std::string& why) {
  const std::int64_t needed = least + 2 * border;
  for (const std::int64_t n : last_sizes(x.shape, static_cast<std::size_t>(dimensions)))
    if (n < needed)
      throw ShapeError("images must be at least " + std::to_string(needed) + " pixels wide" +
                       (dimensions == 2 ? " and high, " : ", high and deep, ") + why +
                       " inside a border of " + std::to_string(border) + ", got " +
                       shape_text(x.shape));
}

std::int64_t paired_items(std::int64_t x, std::int64_t reference) { return x == 1 ? reference : x; }

Tensor item_of(const Tensor& images, std::int64_t item) {
  return images[images.size(0) == 1 ? 0 : item];
}

Tensor inside(const Tensor& image, std::int64_t border, std::int64_t dimensions) {
  Tensor inner = image;
  for (std::int64_t axis = -dimensions; axis < 0; ++axis)
    inner = inner.narrow(axis, border, inner.size(axis) - 2 * border);
  return inner;
}

}  // namespace pellucid
