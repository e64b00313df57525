// Spec: names of dtypes, texts for messages, and the checks that components begin with.
#include <pellucid/spec.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <sstream>
#include <utility>

#include <c10/core/ScalarType.h>

namespace pellucid {
namespace {

using NamedType = std::pair<at::ScalarType, const char*>;

constexpr std::array<NamedType, 16> kTypes{{
    {at::kBool, "bool"},
    {at::kByte, "uint8"},
    {at::kChar, "int8"},
    {at::kShort, "int16"},
    {at::kUInt16, "uint16"},
    {at::kInt, "int32"},
    {at::kUInt32, "uint32"},
    {at::kLong, "int64"},
    {at::kUInt64, "uint64"},
    {at::kHalf, "float16"},
    {at::kBFloat16, "bfloat16"},
    {at::kFloat, "float32"},
    {at::kDouble, "float64"},
    {at::kComplexHalf, "complex32"},
    {at::kComplexFloat, "complex64"},
    {at::kComplexDouble, "complex128"},
}};

void disagree(const char* what, const std::string& a_name, const std::string& a,
              const std::string& b_name, const std::string& b) {
  throw ShapeError("'" + a_name + "' and '" + b_name + "' must have the same " + what + ", got " +
                   a + " and " + b);
}

}  // namespace

std::int64_t Spec::item_numel() const {
  std::int64_t product = 1;
  for (const std::int64_t length : shape) product *= length;
  return product;
}

std::int64_t Spec::item_bytes() const {
  return item_numel() * static_cast<std::int64_t>(c10::elementSize(dtype));
}

std::int64_t Spec::size(char axis) const {
  const auto found = axes.find(axis);
  if (found == std::string::npos || found >= shape.size())
    throw ShapeError(std::string("there must be an axis '") + axis + "', got the axes '" + axes +
                     "'");
  return shape[found];
}

std::string Spec::text() const {
  std::ostringstream text;
  text << items << " x " << dtype_name(dtype);
  if (!axes.empty()) text << ' ' << axes << ' ' << shape_text(shape);
  if (!unit.empty()) text << " [" << unit << ']';
  return text.str();
}

bool Spec::same_item(const Spec& other) const {
  Spec same = other;
  same.items = items;
  return *this == same;
}

std::string dtype_name(at::ScalarType dtype) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [dtype](const NamedType& t) { return t.first == dtype; });
  return found == kTypes.end() ? c10::toString(dtype) : found->second;
}

std::optional<at::ScalarType> dtype_of_name(const std::string& name) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&name](const NamedType& t) { return t.second == name; });
  if (found == kTypes.end()) return std::nullopt;
  return found->first;
}

std::string shape_text(at::IntArrayRef shape) {
  if (shape.empty()) return "scalar";
  std::ostringstream text;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) text << (axis ? "x" : "") << shape[axis];
  return text.str();
}

std::vector<std::int64_t> last_sizes(at::IntArrayRef shape, std::size_t count) {
  return shape.slice(shape.size() - count).vec();
}

std::vector<std::int64_t> last_axes(std::size_t count) {
  std::vector<std::int64_t> axes(count);
  std::iota(axes.begin(), axes.end(), -static_cast<std::int64_t>(count));
  return axes;
}

Spec spec_of(const Tensor& tensor, const std::string& axes) {
  if (tensor.dim() != static_cast<std::int64_t>(axes.size()) + 1)
    throw ShapeError("a tensor of items with the axes '" + axes + "' must have " +
                     std::to_string(axes.size() + 1) + " dimensions, got " +
                     shape_text(tensor.sizes()));
  Spec spec;
  spec.items = tensor.size(0);
  spec.dtype = tensor.scalar_type();
  spec.axes = axes;
  spec.shape = tensor.sizes().slice(1).vec();
  return spec;
}

void require_axes(const Spec& spec, const std::string& axes) {
  if (!spec.axes.ends_with(axes))
    throw ShapeError("the last axes must be '" + axes + "', got '" + spec.axes + "' (" +
                     spec.text() + ")");
}

void require_spatial(const Spec& spec, std::int64_t dimensions) {
  const std::array<const char*, 2> names =
      dimensions == 2 ? std::array{"hw", "yx"} : std::array{"zyx", "zhw"};
  if (!spec.axes.ends_with(names[0]) && !spec.axes.ends_with(names[1]))
    throw ShapeError(std::string("the last axes must be '") + names[0] + "' or '" + names[1] +
                     "', got '" + spec.axes + "' (" + spec.text() + ")");
  for (const std::int64_t size : last_sizes(spec.shape, static_cast<std::size_t>(dimensions)))
    if (size == 0) throw ShapeError("the last axes must have samples, got " + spec.text());
}

void require_real(const Spec& spec) {
  if (spec.dtype != at::kFloat && spec.dtype != at::kDouble)
    throw ShapeError("values must be float32 or float64, got " + dtype_name(spec.dtype) + " (" +
                     spec.text() + ")");
}

void require_floating(const Spec& spec) {
  if (spec.dtype != at::kComplexFloat && spec.dtype != at::kComplexDouble &&
      spec.dtype != at::kFloat && spec.dtype != at::kDouble)
    throw ShapeError("values must be float32, float64, complex64 or complex128, got " +
                     dtype_name(spec.dtype) + " (" + spec.text() + ")");
}

void require_same(const Spec& a, const std::string& a_name, const Spec& b,
                  const std::string& b_name) {
  if (a.axes != b.axes) disagree("axes", a_name, "'" + a.axes + "'", b_name, "'" + b.axes + "'");
  if (a.shape != b.shape)
    disagree("shape", a_name, shape_text(a.shape), b_name, shape_text(b.shape));
  if (a.dtype != b.dtype)
    disagree("dtype", a_name, dtype_name(a.dtype), b_name, dtype_name(b.dtype));
  require_same_unit(a, a_name, b, b_name);
}

void require_same_unit(const Spec& a, const std::string& a_name, const Spec& b,
                       const std::string& b_name) {
  if (!a.unit.empty() && !b.unit.empty() && a.unit != b.unit)
    disagree("unit", a_name, "[" + a.unit + "]", b_name, "[" + b.unit + "]");
}

}  // namespace pellucid
