#include "buffers/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include <c10/core/ScalarType.h>

#include "base/bytes.h"

namespace pellucid {
namespace {

constexpr std::string_view kMagic("\x93NUMPY");
constexpr std::int64_t kLongestHeader = 1 << 20;

/// The dictionary in the header: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
class DictionaryReader {
 public:
  explicit DictionaryReader(std::string_view text) : rest_(text) {}

  /// Everything after this returned false is meaningless.
  bool read() {
    if (!take('{')) return false;
    while (!take('}')) {
      const auto key = string();
      if (!key || !take(':') || !value(*key)) return false;
      take(',');
    }
    return has_descr_ && has_order_ && has_shape_;
  }

  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;

 private:
  bool take(char wanted) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n"), rest_.size()));
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<std::string> string() {
    const char quote = take('\'') ? '\'' : '"';
    if (quote == '"' && !take('"')) return {};
    const std::size_t end = rest_.find(quote);
    if (end == std::string_view::npos) return {};
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }

  bool value(const std::string& key) {
    if (key == "descr") return read_descr();
    if (key == "fortran_order") return read_order();
    return key == "shape" && read_shape();
  }

  bool read_descr() {
    const auto text = string();
    if (!text) return false;
    descr = *text;
    return has_descr_ = true;
  }

  bool read_order() {
    take(' ');
    fortran_order = rest_.starts_with("True");
    if (!fortran_order && !rest_.starts_with("False")) return false;
    rest_.remove_prefix(fortran_order ? 4 : 5);
    return has_order_ = true;
  }

  bool read_shape() {
    if (!take('(')) return false;
    while (!take(')')) {
      rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n"), rest_.size()));
      std::int64_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc() || size < 0 || shape.size() == 64) return false;
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      shape.push_back(size);
      take(',');
    }
    return has_shape_ = true;
  }

  std::string_view rest_;
  bool has_descr_ = false;
  bool has_order_ = false;
  bool has_shape_ = false;
};

std::string quoted(const File& file) { return "the file '" + file.path().string() + "'"; }

/// Text of the header's dictionary, and where the data start.
std::pair<std::string, std::int64_t> header_text(const File& file) {
  std::string start(12, '\0');
  const std::int64_t size = file.size();
  if (size < 12) throw Error(quoted(file) + " is not NPY: it is shorter than the format's header");
  file.read(start.data(), 12, 0);
  if (!start.starts_with(kMagic)) throw Error(quoted(file) + " is not NPY");
  const int version = start[6];
  if (version < 1 || version > 3)
    throw Error(quoted(file) + " has version " + std::to_string(version) +
                " of NPY; versions 1 to 3 can be read");
  const std::int64_t length_bytes = version == 1 ? 2 : 4;
  std::int64_t length = 0;
  for (std::int64_t i = length_bytes; i-- > 0;)
    length = length * 256 + static_cast<unsigned char>(start[static_cast<std::size_t>(8 + i)]);
  const std::int64_t offset = 8 + length_bytes;
  if (length > kLongestHeader || offset + length > size)
    throw Error(quoted(file) + " is damaged: its NPY header says it has " + std::to_string(length) +
                " bytes");
  std::string text(static_cast<std::size_t>(length), '\0');
  file.read(text.data(), length, offset);
  return {text, offset + length};
}

bool known_number(char kind, std::int64_t bytes) {
  switch (kind) {
    case 'b':
      return bytes == 1;
    case 'i':
    case 'u':
      return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
    case 'f':
      return bytes == 2 || bytes == 4 || bytes == 8;
    case 'c':
      return bytes == 8 || bytes == 16;
    default:
      return false;
  }
}

void parse_descr(const std::string& descr, const File& file, NpyHeader& header) {
  const bool has_order = !descr.empty() && std::strchr("<>=|", descr.front()) != nullptr;
  const std::string_view rest = std::string_view(descr).substr(has_order ? 1 : 0);
  std::int64_t bytes = 0;
  if (rest.size() > 1) std::from_chars(rest.data() + 1, rest.data() + rest.size(), bytes);
  if (rest.empty() || !known_number(rest.front(), bytes))
    throw Error(
        quoted(file) + " holds elements of NumPy type '" + descr +
        "'; truth values, integers, floats of 2 to 8 bytes and complex numbers can be read");
  header.kind = rest.front();
  header.element_bytes = bytes;
  header.big_endian = descr.front() == '>';
}

std::string descr_of(at::ScalarType dtype) {
  switch (dtype) {
    case at::kBool:
      return "|b1";
    case at::kByte:
      return "|u1";
    case at::kChar:
      return "|i1";
    case at::kUInt16:
      return "<u2";
    case at::kUInt32:
      return "<u4";
    case at::kUInt64:
      return "<u8";
    case at::kShort:
      return "<i2";
    case at::kInt:
      return "<i4";
    case at::kLong:
      return "<i8";
    case at::kHalf:
      return "<f2";
    case at::kFloat:
      return "<f4";
    case at::kDouble:
      return "<f8";
    case at::kComplexFloat:
      return "<c8";
    case at::kComplexDouble:
      return "<c16";
    default:
      throw Error("values of type " + dtype_name(dtype) +
                  " cannot be stored in NPY; convert them to float32 or write HDF5");
  }
}

template <class Stored, class Decoded>
void widen(const char* stored, std::int64_t count, void* decoded) {
  auto* to = static_cast<Decoded*>(decoded);
  for (std::int64_t i = 0; i < count; ++i) {
    Stored value;
    std::memcpy(&value, stored + i * static_cast<std::int64_t>(sizeof value), sizeof value);
    to[i] = static_cast<Decoded>(value);
  }
}

}  // namespace

at::ScalarType NpyHeader::dtype() const {
  const bool is_signed = kind == 'i';
  switch (kind) {
    case 'b':
      return at::kBool;
    case 'f':
      return element_bytes == 2 ? at::kHalf : element_bytes == 4 ? at::kFloat : at::kDouble;
    case 'c':
      return element_bytes == 8 ? at::kComplexFloat : at::kComplexDouble;
    default:
      break;
  }
  switch (element_bytes) {
    case 1:
      return is_signed ? at::kChar : at::kByte;
    case 2:
      return is_signed ? at::kShort : at::kInt;
    case 4:
      return is_signed ? at::kInt : at::kLong;
    default:
      return at::kLong;
  }
}

NpyHeader read_npy_header(const File& file) {
  const auto [text, data_offset] = header_text(file);
  DictionaryReader dictionary(text);
  if (!dictionary.read())
    throw Error(quoted(file) +
                " has no NPY header that could be read as numbers: " + text.substr(0, 80));
  if (dictionary.fortran_order)
    throw Error(quoted(file) +
                " is in Fortran order; save it again with "
                "numpy.save(name, numpy.ascontiguousarray(array))");
  NpyHeader header;
  header.shape = std::move(dictionary.shape);
  header.data_offset = data_offset;
  parse_descr(dictionary.descr, file, header);

  std::int64_t bytes = header.element_bytes;
  bool overflow = false;
  for (const std::int64_t size : header.shape)
    overflow = overflow || __builtin_mul_overflow(bytes, size, &bytes);
  if (overflow || bytes > file.size() - data_offset)
    throw Error(quoted(file) + " is truncated: an array of shape " + shape_text(header.shape) +
                " does not fit into the " + bytes_text(file.size() - data_offset) +
                " after its header");
  return header;
}

std::string npy_header(at::ScalarType dtype, at::IntArrayRef shape) {
  std::string text = "{'descr': '" + descr_of(dtype) + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t size : shape) text += std::to_string(size) + ", ";
  // "(3,)" and "(3, 4)", as Python writes tuples.
  if (!shape.empty()) text.erase(text.size() - (shape.size() > 1 ? 2 : 1));
  text += "), }";
  // Magic, version, length and text fill whole blocks of 64 bytes; the text ends in a line end.
  const std::size_t length = (10 + text.size() + 1 + 63) / 64 * 64 - 10;
  text.resize(length - 1, ' ');
  std::string header(kMagic);
  header += {'\1', '\0', static_cast<char>(length % 256), static_cast<char>(length / 256)};
  return header + text + "\n";
}

void decode_npy(const NpyHeader& header, const char* stored, std::int64_t count, void* decoded) {
  std::string swapped;
  if (header.big_endian) {
    const auto part = static_cast<std::size_t>(header.kind == 'c' ? header.element_bytes / 2
                                                                  : header.element_bytes);
    swapped.assign(stored, static_cast<std::size_t>(count * header.element_bytes));
    for (auto at = swapped.begin(); at != swapped.end(); at += static_cast<std::ptrdiff_t>(part))
      std::reverse(at, at + static_cast<std::ptrdiff_t>(part));
    stored = swapped.data();
  }
  if (header.kind == 'u' && header.element_bytes == 2)
    return widen<std::uint16_t, std::int32_t>(stored, count, decoded);
  if (header.kind == 'u' && header.element_bytes == 4)
    return widen<std::uint32_t, std::int64_t>(stored, count, decoded);
  std::memcpy(decoded, stored, static_cast<std::size_t>(count * header.element_bytes));
}

}  // namespace pellucid
