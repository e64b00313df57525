// save: writes tensors and tables to files, block by block as they are computed.
//
//   .h5, .hdf5   every input as the dataset /NAME (items, shape...) with axes, unit and spacing; a
//                table as the group /NAME with a dataset for each column, `item` first (-1: no
//                row); the run's provenance as /provenance
//   .npy         one tensor (items, shape...)
//   .tif, .tiff  one file an input, an item a page (volumes: its slices one after the other)
//   .png         one file an item and input
//
// Inputs
//   any name   what to save, in the order of the pipeline file; tables stand in .h5 files, and
//              beside files of other formats as STEM_NAME.csv
// Settings (keys in a pipeline file)
//   to    file to write; relative ones start from the folder of the run          required
//   png   write each item as PNG as well                                         default false
//
// File names
//   of PNG files STEM/NAME_ITEM.png, beside `to`; `to` itself where it ends in .png and there is
//   one picture only. Of TIFF files `to`, or STEM_NAME.tif where several inputs are saved.
//
// Errors
//   ConfigError  another suffix; a dtype or channels that the format cannot hold; .npy with several
//                inputs (while planning)
//   Error        a finished file stands there and --overwrite was not given; the disk is full; what
//                an earlier process wrote is gone
//
// Accuracy  PNG has 8 bits: values of unit [1] are clipped to [0, 1]; others are scaled from each
//           item's smallest to its largest value. Of a volume it shows the middle slice.
//           Not-a-number is 0.
// Cost      memory: one item. Only .h5 and .npy can be written region by region in a tiled run, and
//           TIFF files are written at the end of the run.

#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <map>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>
#include <pellucid/plugin.h>

#include "picture.h"
#include "table_files.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

enum class Format { hdf5, npy, tiff, png };

Format format_of(const fs::path& file) {
  static const std::map<std::string, Format> known{{".h5", Format::hdf5},   {".hdf5", Format::hdf5},
                                                   {".npy", Format::npy},   {".tif", Format::tiff},
                                                   {".tiff", Format::tiff}, {".png", Format::png}};
  const auto found = known.find(file.extension().string());
  if (found == known.end())
    throw ConfigError("'to' must end in .h5, .hdf5, .npy, .tif, .tiff or .png, got '" +
                      file.string() + "'");
  return found->second;
}

void sync_file(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) throw Error("'" + file.string() + "' cannot be written to the disk");
}

fs::path part_of(const fs::path& file) { return file.string() + ".part"; }

/// (pages, channels, height, width) of an item, or what of it is missing.
Tensor as_pages(const Tensor& item, const std::string& axes) {
  Tensor planes = item;
  if (axes.empty() || axes[0] != 'c') planes = planes.unsqueeze(0);
  while (planes.dim() < 3) planes = planes.unsqueeze(1);
  return planes.reshape({planes.size(0), -1, planes.size(-2), planes.size(-1)}).transpose(0, 1);
}

std::int64_t channels_of(const Spec& spec) {
  return !spec.axes.empty() && spec.axes[0] == 'c' ? spec.shape[0] : 1;
}

SampleType sample_type(at::ScalarType dtype) {
  switch (dtype) {
    case at::kByte:
      return SampleType::uint8;
    case at::kFloat:
      return SampleType::float32;
    case at::kDouble:
      return SampleType::float64;
    default:
      throw ConfigError("TIFF files hold uint8, float32 or float64, got " + dtype_name(dtype) +
                        "; save to .h5 instead");
  }
}

/// 8 bits, (height, width, channels).
Tensor as_bytes(const Tensor& item, const Spec& spec) {
  const Tensor pages = as_pages(item, spec.axes);
  Tensor picture = pages[pages.size(0) / 2];
  if (picture.scalar_type() != at::kByte) {
    picture = picture.to(at::kDouble).nan_to_num(0);
    if (spec.unit != "1") {
      const Tensor least = picture.min(), most = picture.max();
      picture = (picture - least) / (most - least).clamp_min(1e-300);
    }
    picture = picture.clamp(0, 1).mul(255).round().to(at::kByte);
  }
  return picture.permute({1, 2, 0}).contiguous();
}

// The part of an input that a region stands for, whose leading axes may be those of another input:
// along the axes that differ all of it.
Region region_of(const Region& region, const Spec& spec) {
  Region part{std::vector<std::int64_t>(spec.shape.size(), 0), spec.shape, spec.shape};
  const std::size_t shared = std::min(region.whole.size(), spec.shape.size());
  for (std::size_t back = 1; back <= shared; ++back) {
    const std::size_t from = region.whole.size() - back;
    const std::size_t to = spec.shape.size() - back;
    if (region.whole[from] != spec.shape[to]) break;
    part.offset[to] = region.offset[from];
    part.size[to] = region.size[from];
  }
  return part;
}

class Save final : public Sink {
 public:
  struct Settings {
    OutputPath to;
    bool png = false;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"to", &Settings::to, "", "file to write", required()},
        {"png", &Settings::png, "", "write each item as PNG as well"},
    };
    return rows;
  }

  static constexpr AnyIn inputs{"*", "what to save"};
  static const Ports& ports() {
    static const Ports all{inputs};
    return all;
  }

  explicit Save(Settings settings)
      : settings_(std::move(settings)), to_(settings_.to.path), format_(format_of(to_)) {}

  std::int64_t check(const Inputs& in) const override {
    std::int64_t bytes = 0;
    std::size_t tensors = 0;
    for (const auto& [name, value] : in.specs(inputs)) {
      if (const auto* table = std::get_if<TableSpec>(&value)) {
        bytes += table->items * table->rows_per_item * (table->row_bytes() + 8);
        continue;
      }
      const Spec& spec = std::get<Spec>(value);
      ++tensors;
      bytes += format_ == Format::png ? 0 : spec.bytes();
      if (format_ == Format::tiff) {
        sample_type(spec.dtype);
        require_picture(name, spec);
      }
      if (pictures()) {
        require_picture(name, spec);
        const std::int64_t channels = channels_of(spec);
        if ((channels != 1 && channels != 3) || at::isComplexType(spec.dtype))
          throw ConfigError("PNG files are grey or RGB: '" + name + "' must be real with 1 or 3 " +
                            "channels, got " + spec.text());
        bytes += spec.items * channels * spec.shape.end()[-1] * spec.shape.end()[-2];
      }
    }
    if (format_ == Format::npy && tensors != 1)
      throw ConfigError("an .npy file holds one tensor, got " + std::to_string(tensors) +
                        "; save to .h5 instead");
    return bytes;
  }

  bool incremental() const override { return format_ != Format::tiff; }
  bool takes_regions() const override {
    return (format_ == Format::hdf5 || format_ == Format::npy) && !pictures();
  }

  void open(const Inputs& in, const SinkStart& start, Context&) override {
    start_ = start;
    first_ = in.block().first;
    fs::create_directories(to_.parent_path().empty() ? "." : to_.parent_path());
    std::vector<DatasetSpec> datasets;
    const auto specs = in.specs(inputs);
    for (const auto& [name, value] : specs)
      if (const auto* spec = std::get_if<Spec>(&value)) {
        tensors_.push_back({name, *spec});
        datasets.push_back({"/" + name, *spec});
      }
    for (const auto& [name, value] : specs)
      if (const auto* table = std::get_if<TableSpec>(&value)) {
        tables_.push_back({name, *table, datasets.size()});
        if (format_ == Format::hdf5)
          for (DatasetSpec& column : column_datasets(name, *table))
            datasets.push_back(std::move(column));
      }
    name_files();
    require_free_names();
    require_parts();
    if (format_ == Format::hdf5 || format_ == Format::npy) open_dataset(std::move(datasets));
    if (format_ == Format::tiff)
      for (const TensorInput& input : tensors_)
        tiffs_.push_back(std::make_unique<TiffWriter>(part_of(input.file), input.spec.bytes()));
    if (format_ != Format::hdf5)
      for (const TableInput& input : tables_)
        if (start.first_item == 0 || !is_named(input.file))
          csvs_.emplace_back(input.file, input.spec, first_ + start.first_item, start.resumed);
    if (pictures()) fs::create_directories(picture_folder());
  }

  void write(const Inputs& in, Context&) override {
    const Block& block = in.block();
    std::size_t tensor = 0, table = 0;
    for (const auto& [name, value] : in[inputs]) {
      if (const auto* rows = std::get_if<Table>(&value)) {
        if (format_ == Format::hdf5) write_columns(tables_[table], *rows, block);
        else csvs_[table].write(*rows);
        ++table;
      } else {
        write_tensor(tensor++, std::get<Tensor>(value), block);
      }
    }
  }

  void sync() override {
    if (dataset_) dataset_->sync();
    for (const fs::path& file : unsynced_) sync_file(file);
    for (const CsvFile& csv : csvs_) sync_file(csv.part());
    unsynced_.clear();
  }

  void close(const std::string& provenance) override {
    for (const auto& tiff : tiffs_) tiff->close();
    sync();
    if (dataset_) dataset_->close(start_.overwrite, provenance);
    for (const fs::path& file : files_) {
      const bool by_dataset = dataset_ && file == to_;
      if (!by_dataset && fs::exists(part_of(file))) fs::rename(part_of(file), file);
    }
  }

  std::vector<Tensor> stored(const Block& block) const override {
    std::vector<Tensor> found;
    if (!dataset_) return found;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const bool one = tensors_[i].spec.items == 1;
      Tensor items = dataset_->read(i, one ? 0 : block.first - first_, one ? 1 : block.count);
      if (block.region) {
        const Region region = region_of(*block.region, tensors_[i].spec);
        for (std::size_t a = 0; a < region.size.size(); ++a)
          items = items.narrow(std::int64_t(a) + 1, region.offset[a], region.size[a]);
      }
      found.push_back(items.contiguous());
    }
    return found;
  }

  std::vector<std::string> files() const override { return {files_.begin(), files_.end()}; }

 private:
  struct TensorInput {
    std::string name;
    Spec spec;
    fs::path file = {};  // of a TIFF
  };
  struct TableInput {
    std::string name;
    TableSpec spec;
    std::size_t dataset;  // of its first column
    fs::path file = {};   // of a CSV
  };

  bool pictures() const { return settings_.png || format_ == Format::png; }

  static void require_picture(const std::string& name, const Spec& spec) {
    if (spec.shape.size() < 2)
      throw ConfigError("'" + name + "' is no picture: it has the axes '" + spec.axes + "'");
    if (spec.item_numel() == 0)
      throw ConfigError("'" + name + "' is no picture: it has no samples (" + spec.text() + ")");
  }

  fs::path picture_folder() const {
    return lone_picture() ? to_.parent_path() : to_.parent_path() / to_.stem();
  }
  bool lone_picture() const {
    return format_ == Format::png && tensors_.size() == 1 && tensors_[0].spec.items == 1;
  }
  fs::path picture_file(const TensorInput& input, std::int64_t item) const {
    if (lone_picture()) return to_;
    std::string number = std::to_string(item);
    number.insert(0, number.size() < 4 ? 4 - number.size() : 0, '0');
    return picture_folder() / (input.name + "_" + number + ".png");
  }
  fs::path named_beside(const std::string& name, const std::string& suffix) const {
    return to_.parent_path() / (to_.stem().string() + "_" + name + suffix);
  }

  void name_files() {
    if (format_ == Format::hdf5 || format_ == Format::npy) files_.push_back(to_);
    for (TensorInput& input : tensors_) {
      input.file = tensors_.size() == 1 ? to_ : named_beside(input.name, to_.extension());
      if (format_ == Format::tiff) files_.push_back(input.file);
      if (pictures())
        for (std::int64_t i = 0; i < input.spec.items; ++i)
          files_.push_back(picture_file(input, first_ + i));
    }
    for (TableInput& input : tables_) {
      input.file = named_beside(input.name, ".csv");
      if (format_ != Format::hdf5) files_.push_back(input.file);
    }
  }

  void require_free_names() const {
    if (start_.overwrite || start_.finishing) return;
    for (const fs::path& file : files_)
      if (fs::exists(file))
        throw Error("'" + file.string() + "' exists already; choose another name, or replace it " +
                    "with --overwrite");
  }

  /// An earlier process gave this file its final name.
  bool is_named(const fs::path& file) const {
    return start_.finishing && fs::exists(file) && !fs::exists(part_of(file));
  }

  /// Where it goes on, what it wrote before must be there: a new part would hold zeros.
  void require_parts() const {
    const bool goes_on = start_.finishing ? start_.first_item > 0 : start_.resumed;
    if (!goes_on || format_ == Format::tiff) return;
    const auto require = [this](const fs::path& file) {
      if (!fs::exists(part_of(file)) && !is_named(file))
        throw Error("'" + part_of(file).string() + "', which this run had begun, is gone");
    };
    if (format_ != Format::png) require(to_);
    if (format_ != Format::hdf5)
      for (const TableInput& input : tables_) require(input.file);
    if (!pictures()) return;
    for (const TensorInput& input : tensors_)
      for (std::int64_t i = 0; i < std::min(start_.first_item, input.spec.items); ++i)
        require(picture_file(input, first_ + i));
  }

  void open_dataset(std::vector<DatasetSpec> datasets) {
    if (is_named(to_) || datasets.empty()) return;
    dataset_ = std::make_unique<DatasetWriter>(to_, std::move(datasets), start_.resumed,
                                               start_.provenance_bytes);
  }

  void write_tensor(std::size_t index, const Tensor& values, const Block& block) {
    const TensorInput& input = tensors_[index];
    const bool one = input.spec.items == 1;
    const std::int64_t first = one ? 0 : block.first - first_;
    if (one && block.first != first_) return;
    const Tensor items = values.to(at::kCPU);
    if (dataset_) {
      if (block.region)
        dataset_->write(index, first, region_of(*block.region, input.spec), items[0]);
      else dataset_->write(index, first, items);
    }
    for (std::int64_t i = 0; i < items.size(0); ++i) {
      if (format_ == Format::tiff) write_tiff(index, items[i]);
      if (pictures()) write_picture(input, first_ + first + i, items[i]);
    }
  }

  void write_tiff(std::size_t index, const Tensor& item) const {
    const Tensor pages = as_pages(item, tensors_[index].spec.axes);
    for (std::int64_t page = 0; page < pages.size(0); ++page) {
      const Tensor pixels = pages[page].permute({1, 2, 0}).contiguous();
      tiffs_[index]->add_page(pixels.size(0), pixels.size(1), pixels.size(2),
                              sample_type(pixels.scalar_type()), pixels.const_data_ptr());
    }
  }

  void write_picture(const TensorInput& input, std::int64_t item, const Tensor& values) {
    const fs::path file = part_of(picture_file(input, item));
    const Tensor pixels = as_bytes(values, input.spec);
    try {
      write_png(file, pixels.size(0), pixels.size(1), pixels.size(2),
                pixels.const_data_ptr<std::uint8_t>());
    } catch (const Error& error) {
      throw Error("'" + file.string() + "' cannot be written: " + error.sentence());
    }
    unsynced_.push_back(file);
  }

  void write_columns(const TableInput& input, const Table& rows, const Block& block) const {
    if (!dataset_) return;
    const bool one = input.spec.items == 1;
    const std::int64_t first = one ? 0 : block.first - first_;
    const auto columns =
        column_values(rows, input.spec, one ? rows_item(rows) : block.first, one ? 1 : block.count);
    for (std::size_t c = 0; c < columns.size(); ++c)
      dataset_->write(input.dataset + c, first * input.spec.rows_per_item, columns[c]);
  }

  static std::int64_t rows_item(const Table& rows) { return rows.rows() > 0 ? rows.item(0) : 0; }

  Settings settings_;
  fs::path to_;
  Format format_;
  SinkStart start_;
  std::int64_t first_ = 0;  // item of the whole pipeline that is the file's first
  std::vector<TensorInput> tensors_;
  std::vector<TableInput> tables_;
  std::vector<fs::path> files_;
  std::unique_ptr<DatasetWriter> dataset_;
  std::vector<std::unique_ptr<TiffWriter>> tiffs_;
  std::vector<CsvFile> csvs_;
  std::vector<fs::path> unsynced_;
};

}  // namespace

PELLUCID_COMPONENT(Save, "Writes tensors and tables to HDF5, NPY, TIFF and PNG files");

}  // namespace pellucid
