// ArrayLayout: an array of a file before it is written: its path, type, shape and attributes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <pellucid/spec.h>

namespace pellucid {

using Attribute = std::variant<std::string, std::vector<double>, std::int64_t>;
using Attributes = std::map<std::string, Attribute>;

/// A number of libtorch's, or a text of fixed length (padded with zero bytes).
struct ElementType {
  at::ScalarType dtype = at::kFloat;
  std::int64_t text_width = 0;  ///< above 0: a text of at most so many bytes

  ElementType() = default;
  ElementType(at::ScalarType dtype) : dtype(dtype) {}
  static ElementType text(std::int64_t width);

  bool is_text() const { return text_width > 0; }
  std::int64_t bytes() const;
  std::string text() const;  ///< "float32", "text of 12 bytes"
  bool operator==(const ElementType&) const = default;
};

struct ArrayLayout {
  std::string path;  ///< absolute: "/restore/mean"
  ElementType element;
  std::vector<std::int64_t> shape;  ///< empty: a single element
  Attributes attributes;

  std::int64_t numel() const;
  std::int64_t bytes() const { return numel() * element.bytes(); }
  bool operator==(const ArrayLayout&) const = default;
};

/// (items, shape...) with the attributes axes, unit, spacing and spacing_unit, as DatasetReader
/// reads them.
ArrayLayout array_of(const std::string& path, const Spec& spec);
/// The attributes of an array as far as they say what a Spec says.
Attributes attributes_of(const Spec& spec);

}  // namespace pellucid
