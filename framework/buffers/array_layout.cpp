#include "buffers/array_layout.h"

#include <c10/core/ScalarType.h>

namespace pellucid {

ElementType ElementType::text(std::int64_t width) {
  ElementType element(at::kChar);
  element.text_width = std::max<std::int64_t>(width, 1);
  return element;
}

std::int64_t ElementType::bytes() const {
  return is_text() ? text_width : static_cast<std::int64_t>(c10::elementSize(dtype));
}

std::string ElementType::text() const {
  return is_text() ? "text of " + std::to_string(text_width) + " bytes" : dtype_name(dtype);
}

std::int64_t ArrayLayout::numel() const {
  std::int64_t count = 1;
  for (const std::int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(count, size, &count))
      throw ShapeError("the array '" + path + "' cannot have the shape " + shape_text(shape));
  return count;
}

Attributes attributes_of(const Spec& spec) {
  Attributes attributes;
  if (!spec.axes.empty()) attributes["axes"] = spec.axes;
  if (!spec.unit.empty()) attributes["unit"] = spec.unit;
  if (!spec.spacing.empty()) attributes["spacing"] = spec.spacing;
  if (!spec.spacing_unit.empty()) attributes["spacing_unit"] = spec.spacing_unit;
  return attributes;
}

ArrayLayout array_of(const std::string& path, const Spec& spec) {
  ArrayLayout array{path, spec.dtype, {spec.items}, attributes_of(spec)};
  array.shape.insert(array.shape.end(), spec.shape.begin(), spec.shape.end());
  return array;
}

}  // namespace pellucid
