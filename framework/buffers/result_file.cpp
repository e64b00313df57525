#include "buffers/result_file.h"

#include <algorithm>

#include "buffers/hdf5.h"
#include "buffers/provenance.h"
#include "buffers/table_layout.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBytesAtOnce = std::int64_t{8} << 20;
constexpr std::int64_t kChunkBytes = std::int64_t{1} << 20;

std::int64_t numel_of(const std::vector<std::int64_t>& shape) {
  return c10::multiply_integers(shape);
}

/// Whole trailing axes as far as they fit into a chunk, then a part of one, then single elements.
std::vector<hsize_t> chunk_of(const std::vector<std::int64_t>& shape, std::int64_t element) {
  std::vector<hsize_t> chunk(shape.size(), 1);
  std::int64_t room = std::max<std::int64_t>(kChunkBytes / element, 1);
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const std::int64_t part = std::clamp<std::int64_t>(shape[axis], 1, room);
    chunk[axis] = static_cast<hsize_t>(part);
    room /= part;
  }
  return chunk;
}

/// Copies a dataset in slabs along its first axis.
void copy_dataset(hid_t from, hid_t to, hid_t type, const std::vector<std::int64_t>& shape,
                  const fs::path& path) {
  const std::int64_t element = static_cast<std::int64_t>(H5Tget_size(type));
  const std::int64_t row =
      shape.empty() ? 1 : std::max<std::int64_t>(numel_of(shape) / shape[0], 1);
  const std::int64_t rows = shape.empty() ? 1 : shape[0];
  const std::int64_t piece = std::clamp<std::int64_t>(kBytesAtOnce / (row * element), 1, rows);
  std::string bytes(static_cast<std::size_t>(piece * row * element), '\0');
  for (std::int64_t first = 0; first < rows; first += piece) {
    std::vector<std::int64_t> size = shape;
    const hdf5::Id space = hdf5::simple_space(shape);
    if (!shape.empty()) {
      size[0] = std::min(piece, rows - first);
      std::vector<hsize_t> offset(shape.size(), 0);
      offset[0] = static_cast<hsize_t>(first);
      const std::vector<hsize_t> count(size.begin(), size.end());
      H5Sselect_hyperslab(space, H5S_SELECT_SET, offset.data(), nullptr, count.data(), nullptr);
    }
    const hdf5::Id memory = hdf5::simple_space(size);
    hdf5::checked(H5Dread(from, type, memory, space, H5P_DEFAULT, bytes.data()), "read", path);
    hdf5::checked(H5Dwrite(to, type, memory, space, H5P_DEFAULT, bytes.data()), "write", path);
  }
}

void compress_dataset(hid_t from_file, hid_t to_file, const std::string& name, int level,
                      const fs::path& path) {
  const hdf5::Id from = hdf5::open_dataset(from_file, name, path);
  const hdf5::Id type(H5Dget_type(from), H5Tclose);
  const std::vector<std::int64_t> shape = hdf5::shape_of(from);
  const bool empty = numel_of(shape) == 0;
  const hdf5::Id creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  if (!shape.empty() && !empty) {
    const auto chunk = chunk_of(shape, static_cast<std::int64_t>(H5Tget_size(type)));
    H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_shuffle(creation);
    H5Pset_deflate(creation, static_cast<unsigned>(std::clamp(level, 1, 9)));
  }
  const hdf5::Id to =
      hdf5::create_dataset(to_file, name, type, hdf5::simple_space(shape), creation, path);
  hdf5::write_attributes(to, hdf5::read_attributes(from, path), path);
  if (!empty) copy_dataset(from, to, type, shape, path);
}

}  // namespace

std::vector<ArrayLayout> ResultLayout::arrays() const {
  std::vector<ArrayLayout> arrays;
  for (const TensorPart& tensor : tensors) arrays.push_back(array_of(tensor.path, tensor.spec));
  for (const TablePart& table : tables)
    for (ArrayLayout& column : table_arrays(table.path, table.columns, table.rows))
      arrays.push_back(std::move(column));
  arrays.push_back(provenance_array(provenance_bytes));
  return arrays;
}

std::size_t ResultLayout::table_array(std::size_t table) const {
  std::size_t array = tensors.size();
  for (std::size_t before = 0; before < table; ++before) array += tables[before].columns.size() + 1;
  return array;
}

ResultFile::ResultFile(ResultLayout layout, ContiguousFile file)
    : layout_(std::move(layout)), file_(std::make_shared<ContiguousFile>(std::move(file))) {}

ResultFile ResultFile::create(const fs::path& path, ResultLayout layout) {
  auto file = ContiguousFile::create(path, layout.arrays(), result_attributes());
  return {std::move(layout), std::move(file)};
}

ResultFile ResultFile::open(const fs::path& path, ResultLayout layout) {
  auto file = ContiguousFile::open(path, layout.arrays());
  return {std::move(layout), std::move(file)};
}

void ResultFile::write_rows(std::size_t table, std::int64_t row, const Table& rows) const {
  pellucid::write_rows(*file_, layout_.table_array(table), row, rows);
}

void ResultFile::finish(const fs::path& to, const std::vector<std::int64_t>& rows,
                        const std::string& provenance, bool overwrite) const {
  ResultLayout exact = layout_;
  for (std::size_t table = 0; table < exact.tables.size(); ++table)
    exact.tables[table].rows = rows.at(table);
  finish_file(*file_, exact.arrays(), to, provenance, overwrite);
}

void compress_result(const fs::path& path, int level) {
  const fs::path part = path.string() + ".compressed";
  std::error_code ignored;
  fs::remove(part, ignored);
  try {
    {
      const File writable(part, File::Mode::create);
      const hdf5::Session session;
      const hdf5::Id from = hdf5::open_file(path);
      const hdf5::Id to = hdf5::create_file(part);
      hdf5::write_attributes(to, hdf5::read_attributes(from, path), path);
      for (const std::string& name : hdf5::dataset_paths(from))
        compress_dataset(from, to, name, level, path);
      hdf5::checked(H5Fflush(to, H5F_SCOPE_LOCAL), "write", part);
    }
    File(part, File::Mode::update).sync();
    replace_file(part, path);
  } catch (...) {
    fs::remove(part, ignored);
    throw;
  }
}

}  // namespace pellucid
