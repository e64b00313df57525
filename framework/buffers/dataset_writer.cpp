// DatasetWriter: HDF5 and NPY files written in place under a temporary name.

#include <pellucid/dataset.h>

#include <variant>

#include <ATen/ops/empty.h>

#include "buffers/contiguous_file.h"
#include "buffers/npy.h"
#include "buffers/provenance.h"
#include "buffers/slab.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

/// One array in a file of its own, behind a header.
class NpyFile {
 public:
  NpyFile(const fs::path& part, ArrayLayout array, bool resume) : array_(std::move(array)) {
    const std::string header = npy_header(array_.element.dtype, array_.shape);
    start_ = static_cast<std::int64_t>(header.size());
    if (!resume || !fs::exists(part)) make(part, header);
    file_ = File(part, File::Mode::update);
    std::string found(header.size(), '\0');
    if (file_.size() == start_ + array_.bytes()) file_.read(found.data(), start_, 0);
    if (found != header)
      throw Error("'" + part.string() +
                  "' was made by another run: it has another type or shape; "
                  "choose another name, or replace it with --overwrite");
  }

  void write(std::int64_t first, std::int64_t count, const void* bytes) const {
    const std::int64_t element = array_.element.bytes();
    if (count > 0) file_.write(bytes, count * element, start_ + first * element);
  }
  void read(std::int64_t first, std::int64_t count, void* bytes) const {
    const std::int64_t element = array_.element.bytes();
    if (count > 0) file_.read(bytes, count * element, start_ + first * element);
  }
  void sync() const { file_.sync(); }

 private:
  void make(const fs::path& part, const std::string& header) const {
    const fs::path fresh = part.string() + ".new";
    std::error_code ignored;
    fs::remove(fresh, ignored);
    try {
      const File file(fresh, File::Mode::create);
      file.reserve(start_ + array_.bytes());
      file.write(header.data(), start_, 0);
      file.sync();
      replace_file(fresh, part);
    } catch (...) {
      fs::remove(fresh, ignored);
      throw;
    }
  }

  ArrayLayout array_;
  std::int64_t start_ = 0;
  File file_;
};

std::vector<ArrayLayout> arrays_of(const fs::path& file, const std::vector<DatasetSpec>& datasets,
                                   std::int64_t provenance_bytes) {
  std::vector<ArrayLayout> arrays;
  for (const DatasetSpec& dataset : datasets)
    arrays.push_back(array_of(dataset.path, dataset.spec));
  if (provenance_bytes > 0 && file.extension() != ".npy")
    arrays.push_back(provenance_array(provenance_bytes));
  return arrays;
}

std::variant<ContiguousFile, NpyFile> open_part(const fs::path& file, const fs::path& part,
                                                std::vector<ArrayLayout> arrays, bool resume) {
  if (file.extension() != ".npy") {
    if (resume && fs::exists(part)) return ContiguousFile::open(part, std::move(arrays));
    return ContiguousFile::create(part, std::move(arrays), result_attributes());
  }
  if (arrays.size() != 1)
    throw Error("'" + file.string() + "' is NPY, which holds one array, and there are " +
                std::to_string(arrays.size()) + " to write; use a name that ends in .h5");
  return NpyFile(part, std::move(arrays.front()), resume);
}

}  // namespace

struct DatasetWriter::Impl {
  Impl(const fs::path& name, std::vector<DatasetSpec> datasets, bool resume,
       std::int64_t provenance_bytes)
      : file(name),
        part(name.string() + ".part"),
        specs(std::move(datasets)),
        has_provenance(provenance_bytes > 0),
        place(open_part(file, part, arrays_of(file, specs, provenance_bytes), resume)) {}

  const Spec& spec(std::size_t dataset) const { return specs.at(dataset).spec; }

  void require(std::size_t dataset, const Tensor& tensor, at::IntArrayRef shape) const {
    if (tensor.scalar_type() != spec(dataset).dtype || tensor.sizes() != shape)
      throw ShapeError("'" + file.string() + "' takes " + dtype_name(spec(dataset).dtype) +
                       " of shape " + shape_text(shape) + ", got " +
                       dtype_name(tensor.scalar_type()) + " of " + shape_text(tensor.sizes()));
  }

  void require_items(std::size_t dataset, std::int64_t first, std::int64_t count) const {
    if (first < 0 || count < 0 || first > spec(dataset).items - count)
      throw ShapeError("'" + file.string() + "' has " + std::to_string(spec(dataset).items) +
                       " items, so " + std::to_string(count) + " items from " +
                       std::to_string(first) + " on do not lie within it");
  }

  fs::path file;
  fs::path part;
  std::vector<DatasetSpec> specs;
  bool has_provenance;
  std::variant<ContiguousFile, NpyFile> place;
};

DatasetWriter::DatasetWriter(const fs::path& file, std::vector<DatasetSpec> datasets, bool resume,
                             std::int64_t provenance_bytes)
    : impl_(std::make_unique<Impl>(file, std::move(datasets), resume, provenance_bytes)) {}
DatasetWriter::~DatasetWriter() = default;

const fs::path& DatasetWriter::part() const { return impl_->part; }

void DatasetWriter::write(std::size_t dataset, std::int64_t first, const Tensor& items) {
  const Spec& spec = impl_->spec(dataset);
  std::vector<std::int64_t> shape{items.dim() > 0 ? items.size(0) : 0};
  shape.insert(shape.end(), spec.shape.begin(), spec.shape.end());
  impl_->require(dataset, items, shape);
  impl_->require_items(dataset, first, shape.front());
  if (const auto* hdf5 = std::get_if<ContiguousFile>(&impl_->place))
    return hdf5->write(dataset, first, items);
  const Tensor contiguous = items.contiguous();
  std::get<NpyFile>(impl_->place)
      .write(first * spec.item_numel(), contiguous.numel(), contiguous.const_data_ptr());
}

void DatasetWriter::write(std::size_t dataset, std::int64_t item, const Region& region,
                          const Tensor& values) {
  const Spec& spec = impl_->spec(dataset);
  const Tensor contiguous = region_values(region, values);
  impl_->require(dataset, contiguous, region.size);
  impl_->require_items(dataset, item, 1);
  if (const auto* hdf5 = std::get_if<ContiguousFile>(&impl_->place))
    return hdf5->write(dataset, item, region, contiguous);
  require_slab(spec.shape, region.offset, region.size, impl_->file.filename().string());
  const auto* from = static_cast<const char*>(contiguous.const_data_ptr());
  const std::int64_t start = item * spec.item_numel();
  for_each_stretch(spec.shape, region.offset, region.size,
                   [&](std::int64_t first, std::int64_t count) {
                     std::get<NpyFile>(impl_->place).write(start + first, count, from);
                     from += count * static_cast<std::int64_t>(values.element_size());
                   });
}

Tensor DatasetWriter::read(std::size_t dataset, std::int64_t first, std::int64_t count) const {
  const Spec& spec = impl_->spec(dataset);
  impl_->require_items(dataset, first, count);
  if (const auto* hdf5 = std::get_if<ContiguousFile>(&impl_->place))
    return hdf5->read(dataset, first, count);
  std::vector<std::int64_t> shape{count};
  shape.insert(shape.end(), spec.shape.begin(), spec.shape.end());
  const Tensor items = at::empty(shape, at::TensorOptions(spec.dtype));
  std::get<NpyFile>(impl_->place)
      .read(first * spec.item_numel(), items.numel(), items.mutable_data_ptr());
  return items;
}

void DatasetWriter::sync() {
  std::visit([](const auto& place) { place.sync(); }, impl_->place);
}

void DatasetWriter::close(bool overwrite, const std::string& provenance) {
  const auto* hdf5 = std::get_if<ContiguousFile>(&impl_->place);
  if (hdf5 != nullptr && impl_->has_provenance)
    return finish_file(*hdf5, hdf5->arrays(), impl_->file, provenance, overwrite);
  sync();
  require_free_name(impl_->file, overwrite);
  replace_file(impl_->part, impl_->file);
}

}  // namespace pellucid
