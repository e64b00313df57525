#include "buffers/contiguous_file.h"

#include <algorithm>

#include <ATen/ops/empty.h>

#include "base/bytes.h"
#include "buffers/hdf5.h"
#include "buffers/slab.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

/// More than HDF5 takes for a file, and for each of its datasets with its attributes.
constexpr std::int64_t kHeaders = 16 << 10;
constexpr std::int64_t kHeader = 2 << 10;

/// Makes all datasets and closes the file.
void make_with_hdf5(const fs::path& path, const std::vector<ArrayLayout>& arrays,
                    const Attributes& attributes) {
  const hdf5::Session session;
  const hdf5::Id file = hdf5::create_file(path);
  hdf5::write_attributes(file, attributes, path);
  const hdf5::Id creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_layout(creation, H5D_CONTIGUOUS);
  H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  for (const ArrayLayout& array : arrays) {
    const hdf5::Id dataset =
        hdf5::create_dataset(file, array.path, hdf5::stored_type(array.element),
                             hdf5::simple_space(array.shape), creation, path);
    hdf5::write_attributes(dataset, array.attributes, path);
  }
  hdf5::checked(H5Fflush(file, H5F_SCOPE_LOCAL), "write the headers", path);
}

ArrayLayout layout_of(hid_t dataset, const std::string& path, const fs::path& name) {
  const hdf5::Id type(H5Dget_type(dataset), H5Tclose);
  const auto element = hdf5::element_type(type);
  if (!element)
    throw Error("the dataset '" + path + "' of '" + name.string() + "' holds " +
                hdf5::type_text(type) + ", which no file of Pellucid's does");
  return {path, *element, hdf5::shape_of(dataset), hdf5::read_attributes(dataset, name)};
}

std::int64_t offset_of(hid_t dataset, const ArrayLayout& array, const File& file) {
  if (array.bytes() == 0) return -1;
  const auto offset = hdf5::contiguous_offset(dataset);
  if (!offset)
    throw Error("the dataset '" + array.path + "' of '" + file.path().string() +
                "' is not contiguous, so it cannot be written in place");
  if (*offset + array.bytes() > file.size())
    throw Error("'" + file.path().string() + "' is truncated: it has " + bytes_text(file.size()) +
                ", and its dataset '" + array.path + "' ends at " +
                bytes_text(*offset + array.bytes()));
  return *offset;
}

/// A region of one row as a slab of the whole array.
std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>> slab_of(std::int64_t row,
                                                                        const Region& region) {
  std::vector<std::int64_t> offset{row};
  std::vector<std::int64_t> size{1};
  offset.insert(offset.end(), region.offset.begin(), region.offset.end());
  size.insert(size.end(), region.size.begin(), region.size.end());
  return {offset, size};
}

std::string what_differs(const ArrayLayout& found, const ArrayLayout& wanted) {
  if (found.element != wanted.element)
    return "holds " + found.element.text() + " instead of " + wanted.element.text();
  if (found.shape != wanted.shape)
    return "has the shape " + shape_text(found.shape) + " instead of " + shape_text(wanted.shape);
  return "has other attributes than expected";
}

}  // namespace

ContiguousFile ContiguousFile::create(const fs::path& path, std::vector<ArrayLayout> arrays,
                                      const Attributes& attributes, Space space) {
  const fs::path part = path.string() + ".new";
  std::error_code ignored;
  fs::remove(part, ignored);
  try {
    {
      const File writable(part, File::Mode::create);
      // Says better than HDF5 why there can be no such file; and where HDF5 cannot write its headers,
      // it crashes when the process ends.
      std::int64_t bytes = 0;
      for (const ArrayLayout& array : arrays) bytes += array.bytes();
      writable.reserve(kHeaders + kHeader * std::ssize(arrays));
      writable.resize(bytes);
      make_with_hdf5(part, arrays, attributes);
    }
    const File made(part, File::Mode::update);
    std::int64_t end = made.size();
    {
      const hdf5::Session session;
      const hdf5::Id file = hdf5::open_file(part);
      for (const ArrayLayout& array : arrays) {
        const hdf5::Id dataset = hdf5::open_dataset(file, array.path, part);
        const auto offset = hdf5::contiguous_offset(dataset);
        if (offset) end = std::max(end, *offset + array.bytes());
      }
    }
    if (space == Space::reserved) made.reserve(end);
    else made.resize(end);
    made.sync();
    replace_file(part, path);
  } catch (...) {
    fs::remove(part, ignored);
    throw;
  }
  return open(path, std::move(arrays));
}

ContiguousFile ContiguousFile::open(const fs::path& path, std::vector<ArrayLayout> arrays,
                                    File::Mode mode) {
  const hdf5::Session session;
  ContiguousFile result;
  const hdf5::Id file = hdf5::open_file(path);
  result.file_ = File(path, mode);
  for (const ArrayLayout& array : arrays) {
    const hdf5::Id dataset = hdf5::open_dataset(file, array.path, path);
    const ArrayLayout found = layout_of(dataset, array.path, path);
    if (found != array)
      throw Error("'" + path.string() + "' was made by another run: its dataset '" + array.path +
                  "' " + what_differs(found, array) +
                  "; choose another name, or replace it with --overwrite");
    result.offsets_.push_back(offset_of(dataset, array, result.file_));
  }
  result.arrays_ = std::move(arrays);
  return result;
}

ContiguousFile ContiguousFile::open(const fs::path& path, File::Mode mode) {
  std::vector<ArrayLayout> arrays;
  {
    const hdf5::Session session;
    const hdf5::Id file = hdf5::open_file(path);
    for (const std::string& array : hdf5::dataset_paths(file))
      arrays.push_back(layout_of(hdf5::open_dataset(file, array, path), array, path));
  }
  return open(path, std::move(arrays), mode);
}

std::size_t ContiguousFile::index_of(const std::string& array) const {
  for (std::size_t index = 0; index < arrays_.size(); ++index)
    if (arrays_[index].path == array) return index;
  std::vector<std::string> known;
  for (const ArrayLayout& layout : arrays_) known.push_back(layout.path);
  throw Error("'" + path().string() + "' has no dataset '" + array + "'; it has " + listed(known));
}

void ContiguousFile::write(std::size_t array, std::int64_t first, const Tensor& rows) const {
  std::vector<std::int64_t> offset(arrays_[array].shape.size(), 0);
  if (!offset.empty()) offset.front() = first;
  write_slab(array, offset, rows);
}

void ContiguousFile::write(std::size_t array, std::int64_t row, const Region& region,
                           const Tensor& values) const {
  const auto [offset, size] = slab_of(row, region);
  write_slab(array, offset, region_values(region, values).view(size));
}

Tensor ContiguousFile::read(std::size_t array, std::int64_t first, std::int64_t count) const {
  std::vector<std::int64_t> offset(arrays_[array].shape.size(), 0);
  std::vector<std::int64_t> size = arrays_[array].shape;
  if (!offset.empty()) offset.front() = first, size.front() = count;
  return read_slab(array, offset, size);
}

Tensor ContiguousFile::read(std::size_t array, std::int64_t row, const Region& region) const {
  const auto [offset, size] = slab_of(row, region);
  return read_slab(array, offset, size).view(region.size);
}

void ContiguousFile::write_slab(std::size_t array, at::IntArrayRef offset,
                                const Tensor& values) const {
  const ArrayLayout& layout = arrays_[array];
  require_slab(layout.shape, offset, values.sizes(), "'" + layout.path + "'");
  if (layout.element.is_text() || values.scalar_type() != layout.element.dtype)
    throw ShapeError("'" + layout.path + "' takes " + layout.element.text() + ", got " +
                     dtype_name(values.scalar_type()));
  const Tensor contiguous = values.contiguous();
  const auto* from = static_cast<const char*>(contiguous.const_data_ptr());
  for_each_stretch(layout.shape, offset, values.sizes(),
                   [&](std::int64_t first, std::int64_t count) {
                     write_bytes(array, first, count, from);
                     from += count * layout.element.bytes();
                   });
}

Tensor ContiguousFile::read_slab(std::size_t array, at::IntArrayRef offset,
                                 at::IntArrayRef size) const {
  const ArrayLayout& layout = arrays_[array];
  require_slab(layout.shape, offset, size, "'" + layout.path + "'");
  const Tensor values = at::empty(size, at::TensorOptions(layout.element.dtype));
  auto* to = static_cast<char*>(values.mutable_data_ptr());
  for_each_stretch(layout.shape, offset, size, [&](std::int64_t first, std::int64_t count) {
    read_bytes(array, first, count, to);
    to += count * layout.element.bytes();
  });
  return values;
}

void ContiguousFile::write_bytes(std::size_t array, std::int64_t first, std::int64_t count,
                                 const void* bytes) const {
  if (count > 0)
    file_.write(bytes, count * arrays_[array].element.bytes(), place(array, first, count));
}

void ContiguousFile::read_bytes(std::size_t array, std::int64_t first, std::int64_t count,
                                void* bytes) const {
  if (count > 0)
    file_.read(bytes, count * arrays_[array].element.bytes(), place(array, first, count));
}

std::int64_t ContiguousFile::place(std::size_t array, std::int64_t first,
                                   std::int64_t count) const {
  const ArrayLayout& layout = arrays_[array];
  if (first < 0 || count > layout.numel() || first > layout.numel() - count)
    throw ShapeError("elements " + std::to_string(first) + " to " + std::to_string(first + count) +
                     " do not lie within '" + layout.path + "' of shape " +
                     shape_text(layout.shape));
  return offsets_[array] + first * layout.element.bytes();
}

}  // namespace pellucid
