// ContiguousFile: an HDF5 file of contiguous datasets, created whole and then written past HDF5.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <pellucid/spec.h>

#include "buffers/array_layout.h"
#include "buffers/file.h"

namespace pellucid {

/// HDF5 makes the file, at its final size and in its earliest format, and closes it; it never opens
/// it for writing again. From then on any thread writes and reads at the datasets' offsets, outside
/// HDF5's global lock, and the file can be read by any program whatever kills this process.
///
/// Arrays are counted in the order of the list they were created from. Elements never written are
/// zero.
class ContiguousFile {
 public:
  enum class Space {
    reserved,  ///< the disk is known to have room for all of it
    sparse,    ///< takes what is written; a full disk shows while writing
  };

  ContiguousFile() = default;
  /// Makes the file under its name only when it is whole; replaces an old one. Throws Error where
  /// it cannot be made or the disk has not the room.
  static ContiguousFile create(const std::filesystem::path& path, std::vector<ArrayLayout> arrays,
                               const Attributes& attributes = {}, Space space = Space::reserved);
  /// Goes on in an existing file. Throws Error where its arrays differ from these.
  static ContiguousFile open(const std::filesystem::path& path, std::vector<ArrayLayout> arrays,
                             File::Mode mode = File::Mode::update);
  /// An existing file as it is. Throws Error where a dataset is not contiguous.
  static ContiguousFile open(const std::filesystem::path& path, File::Mode mode = File::Mode::read);

  const std::filesystem::path& path() const { return file_.path(); }
  const std::vector<ArrayLayout>& arrays() const { return arrays_; }
  /// Position of an array in the list; throws Error for an unknown path.
  std::size_t index_of(const std::string& array) const;
  /// Where the array starts in the file; -1 where it is empty.
  std::int64_t offset(std::size_t array) const { return offsets_[array]; }

  /// Rows first .. of an array, along its first axis. The tensor has the array's dtype and shape.
  void write(std::size_t array, std::int64_t first, const Tensor& rows) const;
  /// A region of one row; the values are (size...) or (1, size...).
  void write(std::size_t array, std::int64_t row, const Region& region, const Tensor& values) const;
  Tensor read(std::size_t array, std::int64_t first, std::int64_t count) const;
  Tensor read(std::size_t array, std::int64_t row, const Region& region) const;

  /// Any rectangular part of an array, one number an axis.
  void write_slab(std::size_t array, at::IntArrayRef offset, const Tensor& values) const;
  Tensor read_slab(std::size_t array, at::IntArrayRef offset, at::IntArrayRef size) const;

  /// Elements first .. first + count - 1 as bytes.
  void write_bytes(std::size_t array, std::int64_t first, std::int64_t count,
                   const void* bytes) const;
  void read_bytes(std::size_t array, std::int64_t first, std::int64_t count, void* bytes) const;

  /// All that was written is on the disk when this returns.
  void sync() const { file_.sync(); }

 private:
  std::int64_t place(std::size_t array, std::int64_t first, std::int64_t count) const;

  File file_;
  std::vector<ArrayLayout> arrays_;
  std::vector<std::int64_t> offsets_;
};

}  // namespace pellucid
