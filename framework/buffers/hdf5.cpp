#include "buffers/hdf5.h"

#include <algorithm>
#include <array>
#include <utility>

#include <c10/core/ScalarType.h>

#include <pellucid/error.h>

#include "buffers/file.h"

namespace pellucid::hdf5 {
namespace {

std::recursive_mutex& session_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

/// HDF5's errors come outermost first; the innermost says what was wrong.
std::string hdf5_reason() {
  std::string reason;
  const auto keep_last = [](unsigned, const H5E_error2_t* error, void* text) -> herr_t {
    if (error->desc != nullptr) *static_cast<std::string*>(text) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_last, &reason);
  return reason.empty() ? "HDF5 gives no reason" : reason;
}

/// For calls that fail only where memory is short.
hid_t sure(hid_t id) {
  if (id < 0) throw Error("HDF5 is out of memory or identifiers: " + hdf5_reason());
  return id;
}

Id copy_of(hid_t type) { return {sure(H5Tcopy(type)), H5Tclose}; }

Id property_list(hid_t kind) { return {sure(H5Pcreate(kind)), H5Pclose}; }

Id file_access() {
  Id access = property_list(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
  // Pellucid locks run folders itself; on cluster file systems HDF5's locks are a common failure.
  H5Pset_file_locking(access, false, true);
  return access;
}

/// A little-endian float of 16 bits; HDF5 reads and converts any such layout.
Id small_float(std::size_t exponent_bits) {
  const std::size_t mantissa_bits = 15 - exponent_bits;
  Id type = copy_of(H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, mantissa_bits, exponent_bits, 0, mantissa_bits);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, (std::size_t{1} << (exponent_bits - 1)) - 1);
  return type;
}

/// As h5py stores numpy's bool.
Id truth_type() {
  Id type(sure(H5Tenum_create(H5T_STD_I8LE)), H5Tclose);
  signed char value = 0;
  H5Tenum_insert(type, "FALSE", &value);
  value = 1;
  H5Tenum_insert(type, "TRUE", &value);
  return type;
}

/// As h5py stores numpy's complex numbers.
Id complex_type(hid_t part, const std::string& real, const std::string& imaginary) {
  const std::size_t size = H5Tget_size(part);
  Id type(sure(H5Tcreate(H5T_COMPOUND, 2 * size)), H5Tclose);
  H5Tinsert(type, real.c_str(), 0, part);
  H5Tinsert(type, imaginary.c_str(), size, part);
  return type;
}

Id text_type(std::int64_t width) {
  Id type = copy_of(H5T_C_S1);
  H5Tset_size(type, static_cast<std::size_t>(width));
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

bool same(hid_t a, hid_t b) { return H5Tequal(a, b) > 0; }

ReadAs numbers(at::ScalarType dtype, Id memory, hid_t stored) {
  const bool as_stored = same(memory, stored);
  return {dtype, std::move(memory), as_stored};
}

std::optional<ReadAs> read_integer_as(hid_t stored) {
  const bool is_signed = H5Tget_sign(stored) == H5T_SGN_2;
  switch (H5Tget_size(stored)) {
    case 1:
      return is_signed ? numbers(at::kChar, copy_of(H5T_NATIVE_INT8), stored)
                       : numbers(at::kByte, copy_of(H5T_NATIVE_UINT8), stored);
    case 2:
      return is_signed ? numbers(at::kShort, copy_of(H5T_NATIVE_INT16), stored)
                       : numbers(at::kInt, copy_of(H5T_NATIVE_INT32), stored);
    case 4:
      return is_signed ? numbers(at::kInt, copy_of(H5T_NATIVE_INT32), stored)
                       : numbers(at::kLong, copy_of(H5T_NATIVE_INT64), stored);
    case 8:
      return is_signed ? numbers(at::kLong, copy_of(H5T_NATIVE_INT64), stored)
                       : numbers(at::kLong, copy_of(H5T_NATIVE_UINT64), stored);
    default:
      return {};
  }
}

std::optional<ReadAs> read_float_as(hid_t stored) {
  switch (H5Tget_size(stored)) {
    case 2: {
      Id brain = small_float(8);
      if (same(brain, stored)) return numbers(at::kBFloat16, std::move(brain), stored);
      return numbers(at::kHalf, small_float(5), stored);
    }
    case 4:
      return numbers(at::kFloat, copy_of(H5T_NATIVE_FLOAT), stored);
    default:
      return numbers(at::kDouble, copy_of(H5T_NATIVE_DOUBLE), stored);
  }
}

std::optional<ReadAs> read_enumeration_as(hid_t stored) {
  if (same(stored, truth_type())) return numbers(at::kBool, truth_type(), stored);
  const Id base(sure(H5Tget_super(stored)), H5Tclose);
  auto as = read_integer_as(base);
  // Values of an enumeration convert to no other type, so only those stored natively can be read.
  if (!as || !as->as_stored) return {};
  as->memory = copy_of(stored);
  return as;
}

std::string member_name(hid_t compound, unsigned index) {
  char* name = H5Tget_member_name(compound, index);
  std::string text = name == nullptr ? "" : name;
  H5free_memory(name);
  return text;
}

std::optional<ReadAs> read_compound_as(hid_t stored) {
  if (H5Tget_nmembers(stored) != 2) return {};
  const std::string real = member_name(stored, 0);
  const std::string imaginary = member_name(stored, 1);
  const bool named = (real == "r" && imaginary == "i") || (real == "re" && imaginary == "im") ||
                     (real == "real" && imaginary == "imag");
  const Id part(sure(H5Tget_member_type(stored, 0)), H5Tclose);
  const Id other(sure(H5Tget_member_type(stored, 1)), H5Tclose);
  if (!named || !same(part, other) || H5Tget_class(part) != H5T_FLOAT) return {};
  const bool is_double = H5Tget_size(part) > 4;
  return numbers(is_double ? at::kComplexDouble : at::kComplexFloat,
                 complex_type(is_double ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT, real, imaginary),
                 stored);
}

Id number_type(at::ScalarType dtype) {
  switch (dtype) {
    case at::kBool:
      return truth_type();
    case at::kByte:
      return copy_of(H5T_STD_U8LE);
    case at::kChar:
      return copy_of(H5T_STD_I8LE);
    case at::kShort:
      return copy_of(H5T_STD_I16LE);
    case at::kInt:
      return copy_of(H5T_STD_I32LE);
    case at::kLong:
      return copy_of(H5T_STD_I64LE);
    case at::kUInt16:
      return copy_of(H5T_STD_U16LE);
    case at::kUInt32:
      return copy_of(H5T_STD_U32LE);
    case at::kUInt64:
      return copy_of(H5T_STD_U64LE);
    case at::kHalf:
      return small_float(5);
    case at::kBFloat16:
      return small_float(8);
    case at::kFloat:
      return copy_of(H5T_IEEE_F32LE);
    case at::kDouble:
      return copy_of(H5T_IEEE_F64LE);
    case at::kComplexFloat:
      return complex_type(H5T_IEEE_F32LE, "r", "i");
    case at::kComplexDouble:
      return complex_type(H5T_IEEE_F64LE, "r", "i");
    default:
      throw Error("values of type " + dtype_name(dtype) +
                  " cannot be stored in HDF5; convert them to float32 or another common type");
  }
}

std::string text_attribute(hid_t attribute, hid_t type) {
  if (H5Tis_variable_str(type) > 0) {
    Id memory = copy_of(H5T_C_S1);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    char* text = nullptr;
    if (H5Aread(attribute, memory, &text) < 0 || text == nullptr) return "";
    const std::string copy = text;
    H5free_memory(text);
    return copy;
  }
  std::string text(H5Tget_size(type), '\0');
  H5Aread(attribute, type, text.data());
  text.resize(std::min(text.find('\0'), text.size()));
  if (H5Tget_strpad(type) == H5T_STR_SPACEPAD) text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::optional<Attribute> attribute_value(hid_t attribute) {
  const Id type(sure(H5Aget_type(attribute)), H5Tclose);
  const Id space(sure(H5Aget_space(attribute)), H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  const bool scalar = H5Sget_simple_extent_type(space) == H5S_SCALAR;
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_STRING && count == 1) return text_attribute(attribute, type);
  if (kind == H5T_INTEGER && scalar) {
    std::int64_t value = 0;
    H5Aread(attribute, H5T_NATIVE_INT64, &value);
    return value;
  }
  if ((kind == H5T_INTEGER || kind == H5T_FLOAT) && count > 0 && count <= 1'000'000) {
    std::vector<double> values(static_cast<std::size_t>(count));
    H5Aread(attribute, H5T_NATIVE_DOUBLE, values.data());
    return values;
  }
  return {};
}

void write_attribute(hid_t object, const std::string& name, const Attribute& value,
                     const std::filesystem::path& file) {
  const std::string act = "write the attribute '" + name + "'";
  const auto write = [&](hid_t type, hid_t space, const void* bytes) {
    const Id attribute(
        checked(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), act, file),
        H5Aclose);
    checked(H5Awrite(attribute, type, bytes), act, file);
  };
  if (const auto* text = std::get_if<std::string>(&value)) {
    Id type = copy_of(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    const char* bytes = text->c_str();
    write(type, simple_space({}), &bytes);
  } else if (const auto* reals = std::get_if<std::vector<double>>(&value)) {
    const auto count = static_cast<std::int64_t>(reals->size());
    write(H5T_IEEE_F64LE, simple_space({count}), reals->data());
  } else {
    write(H5T_STD_I64LE, simple_space({}), &std::get<std::int64_t>(value));
  }
}

bool exists(hid_t file, const std::string& path) {
  // H5Lexists fails, rather than say no, where a group on the way is missing.
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    if (H5Lexists(file, path.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
  return path == "/" || H5Oexists_by_name(file, path.c_str(), H5P_DEFAULT) > 0;
}

[[noreturn]] void no_dataset(hid_t file, const std::string& path,
                             const std::filesystem::path& name) {
  const std::vector<std::string> known = dataset_paths(file);
  std::string message = "'" + name.string() + "' has no dataset '" + path + "'";
  if (known.size() <= 8) {
    message += "; it has " + listed(known);
  } else {
    const std::string nearest = nearest_name(path, known);
    message += nearest.empty() ? "; it has " + std::to_string(known.size()) +
                                     " others, the first of them '" + known.front() + "'"
                               : "; did you mean '" + nearest + "'?";
  }
  throw Error(message);
}

}  // namespace

Session::Session() : lock_(session_mutex()) { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }
Session::~Session() { H5Eclear2(H5E_DEFAULT); }

Id::Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}

Id& Id::operator=(Id&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(close_, other.close_);
  return *this;
}

Id::~Id() {
  if (id_ >= 0) close_(id_);
}

template <class Result>
Result checked(Result result, const std::string& act, const std::filesystem::path& file) {
  if (result < 0) throw Error("cannot " + act + " in '" + file.string() + "': " + hdf5_reason());
  return result;
}
template hid_t checked(hid_t, const std::string&, const std::filesystem::path&);
template herr_t checked(herr_t, const std::string&, const std::filesystem::path&);

Id create_file(const std::filesystem::path& path) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, file_access());
  if (file < 0) throw Error("cannot create '" + path.string() + "': " + hdf5_reason());
  return {file, H5Fclose};
}

Id open_file(const std::filesystem::path& path) {
  const File readable(path, File::Mode::read);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, file_access());
  if (file >= 0) return {file, H5Fclose};
  const std::string why = hdf5_reason();
  if (H5Fis_hdf5(path.c_str()) > 0)
    throw Error("'" + path.string() + "' is damaged or truncated: " + why);
  throw Error("'" + path.string() + "' is not an HDF5 file");
}

Id stored_type(const ElementType& element) {
  return element.is_text() ? text_type(element.text_width) : number_type(element.dtype);
}

std::optional<ReadAs> read_as(hid_t stored) {
  switch (H5Tget_class(stored)) {
    case H5T_INTEGER:
      return read_integer_as(stored);
    case H5T_FLOAT:
      return read_float_as(stored);
    case H5T_ENUM:
      return read_enumeration_as(stored);
    case H5T_COMPOUND:
      return read_compound_as(stored);
    default:
      return {};
  }
}

std::optional<ElementType> element_type(hid_t stored) {
  if (H5Tget_class(stored) == H5T_STRING && H5Tis_variable_str(stored) == 0)
    return ElementType::text(static_cast<std::int64_t>(H5Tget_size(stored)));
  const std::array wide{at::kUInt16, at::kUInt32, at::kUInt64};
  for (const at::ScalarType dtype : wide)
    if (same(number_type(dtype), stored)) return ElementType(dtype);
  const auto as = read_as(stored);
  if (!as) return {};
  return ElementType(as->dtype);
}

std::string type_text(hid_t stored) {
  switch (H5Tget_class(stored)) {
    case H5T_STRING:
      return "texts";
    case H5T_COMPOUND:
      return "compounds";
    case H5T_REFERENCE:
      return "references";
    case H5T_OPAQUE:
      return "opaque bytes";
    case H5T_VLEN:
      return "lists of varying length";
    case H5T_ARRAY:
      return "small arrays";
    case H5T_ENUM:
      return "names of an enumeration";
    default:
      return "elements of an unusual type";
  }
}

Id simple_space(at::IntArrayRef shape) {
  if (shape.empty()) return {sure(H5Screate(H5S_SCALAR)), H5Sclose};
  const std::vector<hsize_t> sizes(shape.begin(), shape.end());
  return {sure(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr)), H5Sclose};
}

std::vector<std::int64_t> shape_of(hid_t dataset) {
  const Id space(sure(H5Dget_space(dataset)), H5Sclose);
  const int axes = std::max(H5Sget_simple_extent_ndims(space), 0);
  std::vector<hsize_t> sizes(static_cast<std::size_t>(axes));
  if (axes > 0) H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
  if (H5Sget_simple_extent_type(space) == H5S_NULL) return {0};
  return {sizes.begin(), sizes.end()};
}

void write_attributes(hid_t object, const Attributes& attributes,
                      const std::filesystem::path& file) {
  for (const auto& [name, value] : attributes) write_attribute(object, name, value, file);
}

Attributes read_attributes(hid_t object, const std::filesystem::path& file) {
  Attributes attributes;
  H5O_info_t info{};
  checked(H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS), "read the attributes", file);
  for (hsize_t index = 0; index < info.num_attrs; ++index) {
    const Id attribute(checked(H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, index,
                                              H5P_DEFAULT, H5P_DEFAULT),
                               "read an attribute", file),
                       H5Aclose);
    std::string name(
        static_cast<std::size_t>(std::max<ssize_t>(H5Aget_name(attribute, 0, nullptr), 0)), '\0');
    H5Aget_name(attribute, name.size() + 1, name.data());
    if (auto value = attribute_value(attribute)) attributes[name] = std::move(*value);
  }
  return attributes;
}

std::vector<std::string> dataset_paths(hid_t file) {
  std::vector<std::string> paths;
  const auto keep_datasets = [](hid_t, const char* name, const H5O_info_t* info,
                                void* paths) -> herr_t {
    if (info->type == H5O_TYPE_DATASET)
      static_cast<std::vector<std::string>*>(paths)->push_back(std::string("/") + name);
    return 0;
  };
  H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, keep_datasets, &paths, H5O_INFO_BASIC);
  std::sort(paths.begin(), paths.end());
  return paths;
}

Id open_dataset(hid_t file, const std::string& path, const std::filesystem::path& name) {
  if (path.empty() || !exists(file, path)) no_dataset(file, path, name);
  const Id object(checked(H5Oopen(file, path.c_str(), H5P_DEFAULT), "open '" + path + "'", name),
                  H5Oclose);
  if (H5Iget_type(object) != H5I_DATASET) no_dataset(file, path, name);
  return {checked(H5Dopen2(file, path.c_str(), H5P_DEFAULT), "open '" + path + "'", name),
          H5Dclose};
}

Id create_dataset(hid_t file, const std::string& path, hid_t type, hid_t space, hid_t creation,
                  const std::filesystem::path& name) {
  const Id links = property_list(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  H5Pset_char_encoding(links, H5T_CSET_UTF8);
  return {checked(H5Dcreate2(file, path.c_str(), type, space, links, creation, H5P_DEFAULT),
                  "create the dataset '" + path + "'", name),
          H5Dclose};
}

std::optional<std::int64_t> contiguous_offset(hid_t dataset) {
  const Id creation(sure(H5Dget_create_plist(dataset)), H5Pclose);
  if (H5Pget_layout(creation) != H5D_CONTIGUOUS || H5Pget_external_count(creation) > 0) return {};
  const haddr_t offset = H5Dget_offset(dataset);
  if (offset == HADDR_UNDEF) return {};
  return static_cast<std::int64_t>(offset);
}

}  // namespace pellucid::hdf5
