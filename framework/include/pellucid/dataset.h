// Dataset: slabs of arrays in HDF5 and NPY files, without any file format in sight.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <pellucid/spec.h>

namespace pellucid {

/// Where an array stands: "scan.h5:/entry/data" or "volume.npy".
struct DatasetAddress {
  std::filesystem::path file;
  std::string dataset;  ///< "/entry/data"; empty for NPY

  /// Splits at the last colon that is followed by a slash.
  PELLUCID_EXPORT static DatasetAddress parse(const std::filesystem::path& text);
};

/// An array of a file, opened read-only; any number of threads may read at once.
///
/// HDF5: any layout, filters included (contiguous ones are read past HDF5's global lock).
/// Attributes `axes`, `unit`, `spacing` and `spacing_unit` fill the spec where they are there. NPY:
/// versions 1 to 3, C order. Either byte order; unsigned integers of 16 bits are read as int32, of
/// 32 and 64 bits as int64, because libtorch computes little with its own unsigned types.
class PELLUCID_EXPORT DatasetReader {
 public:
  /// Reads the header. Throws Error: no such file or dataset (with the nearest names), not numbers,
  /// a single number, empty, truncated.
  explicit DatasetReader(const DatasetAddress& address);
  DatasetReader(const DatasetReader&) = delete;
  DatasetReader& operator=(const DatasetReader&) = delete;
  ~DatasetReader();

  const DatasetAddress& address() const;
  at::ScalarType dtype() const;  ///< as `read` gives it, after widening
  const std::vector<std::int64_t>& shape() const;
  /// As in the file's attributes; empty or "" where absent.
  const std::string& axes() const;
  const std::string& unit() const;
  const std::vector<double>& spacing() const;
  const std::string& spacing_unit() const;

  /// The slab offset .. offset + size, one number an axis, contiguous. Compound {r, i} pairs become
  /// complex. Throws Error for a read that fails, with file and place.
  Tensor read(at::IntArrayRef offset, at::IntArrayRef size) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One array of a file to be written.
struct DatasetSpec {
  std::string path;  ///< "/restore/mean"; ignored for NPY
  Spec spec;         ///< written as (items, shape...)
};

/// A file of arrays whose sizes are all known, written as the run's own buffers are: created whole
/// under `NAME.part`, then filled in any order past HDF5's lock, readable whatever kills the
/// process, renamed at the end.
class PELLUCID_EXPORT DatasetWriter {
 public:
  /// HDF5 unless the name ends in ".npy" (then one array). `resume`: goes on in an existing part of
  /// the same layout, throws Error for another one.
  /// `provenance_bytes`: room for the text given to `close`, as the dataset /provenance (HDF5).
  DatasetWriter(const std::filesystem::path& file, std::vector<DatasetSpec> datasets, bool resume,
                std::int64_t provenance_bytes = 0);
  DatasetWriter(const DatasetWriter&) = delete;
  DatasetWriter& operator=(const DatasetWriter&) = delete;
  ~DatasetWriter();

  const std::filesystem::path& part() const;
  /// Items first ..; the tensor is (items, shape...) of the dataset's dtype.
  void write(std::size_t dataset, std::int64_t first, const Tensor& items);
  /// A region of one item.
  void write(std::size_t dataset, std::int64_t item, const Region& region, const Tensor& values);
  /// What stands there now, (count, shape...).
  Tensor read(std::size_t dataset, std::int64_t first, std::int64_t count) const;
  void sync();
  /// Renames the part to its final name; throws Error where a finished file stands there already
  /// and `overwrite` is false.
  void close(bool overwrite, const std::string& provenance = "");

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pellucid
