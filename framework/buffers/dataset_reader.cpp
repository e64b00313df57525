// DatasetReader: arrays read past HDF5 where their bytes stand in one stretch, else through it.

#include <pellucid/dataset.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include <ATen/ops/empty.h>

#include "base/bytes.h"
#include "buffers/file.h"
#include "buffers/hdf5.h"
#include "buffers/npy.h"
#include "buffers/slab.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

/// Chunks that a read touches again for the next rows stay decompressed.
constexpr std::size_t kLargestChunkCache = std::size_t{64} << 20;

std::string quoted(const DatasetAddress& address) {
  std::string text("'");
  text += address.file.string();
  if (!address.dataset.empty()) text += ":" + address.dataset;
  return text += "'";
}

/// HDF5 gives fill values in silence where the source of a virtual dataset is missing.
void require_virtual_sources(hid_t creation, const DatasetAddress& address) {
  std::size_t count = 0;
  hdf5::checked(H5Pget_virtual_count(creation, &count), "list the sources", address.file);
  for (std::size_t index = 0; index < count; ++index) {
    std::string name(static_cast<std::size_t>(std::max<ssize_t>(
                         H5Pget_virtual_filename(creation, index, nullptr, 0), 0)),
                     '\0');
    H5Pget_virtual_filename(creation, index, name.data(), name.size() + 1);
    std::string dataset(static_cast<std::size_t>(std::max<ssize_t>(
                            H5Pget_virtual_dsetname(creation, index, nullptr, 0), 0)),
                        '\0');
    H5Pget_virtual_dsetname(creation, index, dataset.data(), dataset.size() + 1);
    if (name.find('%') != std::string::npos) continue;  // a pattern of names, not a name
    const fs::path source = name == "." ? address.file : address.file.parent_path() / name;
    if (!fs::exists(source))
      throw Error(quoted(address) + " is joined from several files, and '" + source.string() +
                  "' is missing");
    hdf5::open_dataset(hdf5::open_file(source), dataset, source);
  }
}

}  // namespace

DatasetAddress DatasetAddress::parse(const fs::path& text) {
  const std::string whole = text.string();
  const std::size_t colon = whole.rfind(":/");
  if (colon == std::string::npos) return {text, ""};
  return {whole.substr(0, colon), whole.substr(colon + 1)};
}

/// One of three ways to the numbers: bytes at an offset (NPY, contiguous HDF5), or HDF5 itself.
struct DatasetReader::Impl {
  explicit Impl(const DatasetAddress& place) : address(place) {
    if (fs::is_directory(address.file))
      throw Error("'" + address.file.string() + "' is a folder, not a file with an array");
    if (address.file.extension() == ".npy") open_npy();
    else open_hdf5();
    if (shape.empty())
      throw Error(quoted(address) + " is a single number; an array of items has at least one axis");
    if (c10::multiply_integers(shape) == 0)
      throw Error(quoted(address) + " is empty: its shape is " + shape_text(shape));
  }

  ~Impl() {
    if (dataset < 0) return;
    const hdf5::Session session;
    memory_type = {};
    dataset = {};
    hdf5_file = {};
  }

  void open_npy() {
    if (!address.dataset.empty())
      throw Error("'" + address.file.string() +
                  "' is NPY, which holds one array without a name; "
                  "leave '" +
                  address.dataset + "' away");
    bytes = File(address.file, File::Mode::read);
    npy = read_npy_header(bytes);
    shape = npy.shape;
    dtype = npy.dtype();
    data_offset = npy.data_offset;
    is_npy = true;
    unsigned_64 = npy.kind == 'u' && npy.element_bytes == 8;
  }

  void open_hdf5() {
    const hdf5::Session session;
    hdf5::Id file = hdf5::open_file(address.file);
    hdf5::Id set = hdf5::open_dataset(file, address.dataset, address.file);
    const hdf5::Id type(H5Dget_type(set), H5Tclose);
    auto as = hdf5::read_as(type);
    if (!as) throw Error(quoted(address) + " holds " + hdf5::type_text(type) + ", not numbers");
    shape = hdf5::shape_of(set);
    dtype = as->dtype;
    unsigned_64 = H5Tget_class(as->memory) == H5T_INTEGER && H5Tget_size(as->memory) == 8 &&
                  H5Tget_sign(as->memory) == H5T_SGN_NONE;
    read_attributes(set);

    const auto offset = hdf5::contiguous_offset(set);
    if (as->as_stored && offset) {
      data_offset = *offset;
      bytes = File(address.file, File::Mode::read);
      require_whole();
      return;
    }
    memory_type = std::move(as->memory);
    hdf5_file = std::move(file);
    dataset = with_chunk_cache(std::move(set));
  }

  void require_whole() const {
    const auto element = static_cast<std::int64_t>(c10::elementSize(dtype));
    const std::int64_t end = data_offset + c10::multiply_integers(shape) * element;
    if (bytes.size() < end)
      throw Error(quoted(address) + " is truncated: the array ends at " + bytes_text(end) +
                  ", the file at " + bytes_text(bytes.size()));
  }

  hdf5::Id with_chunk_cache(hdf5::Id set) const {
    const hdf5::Id creation(H5Dget_create_plist(set), H5Pclose);
    if (H5Pget_layout(creation) == H5D_VIRTUAL) require_virtual_sources(creation, address);
    if (H5Pget_layout(creation) != H5D_CHUNKED) return set;
    std::vector<hsize_t> chunk(shape.size(), 1);
    H5Pget_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    // One row of chunks across the array.
    std::size_t row = c10::elementSize(dtype) * chunk[0];
    for (std::size_t axis = 1; axis < shape.size(); ++axis)
      row *= std::max<std::size_t>(static_cast<std::size_t>(shape[axis]), chunk[axis]);
    const hdf5::Id access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
    H5Pset_chunk_cache(access, 12421, std::clamp(2 * row, std::size_t{1} << 20, kLargestChunkCache),
                       H5D_CHUNK_CACHE_W0_DEFAULT);
    return {hdf5::checked(H5Dopen2(hdf5_file, address.dataset.c_str(), access),
                          "open '" + address.dataset + "'", address.file),
            H5Dclose};
  }

  void read_attributes(hid_t set) {
    const Attributes attributes = hdf5::read_attributes(set, address.file);
    const auto text = [&](const char* name, std::string& value) {
      const auto found = attributes.find(name);
      if (found == attributes.end()) return;
      if (const auto* stored = std::get_if<std::string>(&found->second)) value = *stored;
    };
    text("axes", axes);
    text("unit", unit);
    text("spacing_unit", spacing_unit);
    const auto found = attributes.find("spacing");
    if (found == attributes.end()) return;
    if (const auto* stored = std::get_if<std::vector<double>>(&found->second)) spacing = *stored;
  }

  void read_stretches(at::IntArrayRef offset, at::IntArrayRef size, char* to) const {
    const auto stored_bytes =
        is_npy ? npy.element_bytes : static_cast<std::int64_t>(c10::elementSize(dtype));
    const bool decode = is_npy && (npy.big_endian || npy.kind == 'u');
    std::vector<char> stored;
    for_each_stretch(shape, offset, size, [&](std::int64_t first, std::int64_t count) {
      const std::int64_t place = data_offset + first * stored_bytes;
      if (decode) {
        stored.resize(static_cast<std::size_t>(count * stored_bytes));
        bytes.read(stored.data(), count * stored_bytes, place);
        decode_npy(npy, stored.data(), count, to);
      } else {
        bytes.read(to, count * stored_bytes, place);
      }
      to += count * static_cast<std::int64_t>(c10::elementSize(dtype));
    });
  }

  void read_with_hdf5(at::IntArrayRef offset, at::IntArrayRef size, void* to) const {
    const hdf5::Session session;
    const std::string act = "read '" + address.dataset + "'";
    const hdf5::Id file_space(hdf5::checked(H5Dget_space(dataset), act, address.file), H5Sclose);
    const std::vector<hsize_t> start(offset.begin(), offset.end());
    const std::vector<hsize_t> count(size.begin(), size.end());
    hdf5::checked(H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start.data(), nullptr,
                                      count.data(), nullptr),
                  act, address.file);
    const hdf5::Id memory_space = hdf5::simple_space(size);
    hdf5::checked(H5Dread(dataset, memory_type, memory_space, file_space, H5P_DEFAULT, to), act,
                  address.file);
  }

  DatasetAddress address;
  at::ScalarType dtype = at::kFloat;
  bool unsigned_64 = false;
  std::vector<std::int64_t> shape;
  std::string axes;
  std::string unit;
  std::vector<double> spacing;
  std::string spacing_unit;

  File bytes;
  std::int64_t data_offset = 0;
  bool is_npy = false;
  NpyHeader npy;

  hdf5::Id hdf5_file;
  hdf5::Id dataset;
  hdf5::Id memory_type;
};

DatasetReader::DatasetReader(const DatasetAddress& address)
    : impl_(std::make_unique<Impl>(address)) {}
DatasetReader::~DatasetReader() = default;

const DatasetAddress& DatasetReader::address() const { return impl_->address; }
at::ScalarType DatasetReader::dtype() const { return impl_->dtype; }
const std::vector<std::int64_t>& DatasetReader::shape() const { return impl_->shape; }
const std::string& DatasetReader::axes() const { return impl_->axes; }
const std::string& DatasetReader::unit() const { return impl_->unit; }
const std::vector<double>& DatasetReader::spacing() const { return impl_->spacing; }
const std::string& DatasetReader::spacing_unit() const { return impl_->spacing_unit; }

Tensor DatasetReader::read(at::IntArrayRef offset, at::IntArrayRef size) const {
  require_slab(impl_->shape, offset, size, quoted(impl_->address));
  const Tensor slab = at::empty(size, at::TensorOptions(impl_->dtype));
  if (slab.numel() == 0) return slab;
  if (impl_->bytes.is_open())
    impl_->read_stretches(offset, size, static_cast<char*>(slab.mutable_data_ptr()));
  else impl_->read_with_hdf5(offset, size, slab.mutable_data_ptr());
  if (impl_->unsigned_64) {
    const auto* values = static_cast<const std::int64_t*>(slab.const_data_ptr());
    if (std::any_of(values, values + slab.numel(), [](std::int64_t value) { return value < 0; }))
      throw Error(
          quoted(impl_->address) +
          " holds unsigned integers above 9223372036854775807, which do not fit into int64");
  }
  return slab;
}

}  // namespace pellucid
