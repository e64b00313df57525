// File: POSIX files read and written whole ranges at a time, and what else a run asks of a disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace pellucid {

/// An open file. Reads and writes of different ranges may come from any thread at once.
///
/// Everything throws Error with the file's name, the reason, and what to do about it.
class File {
 public:
  enum class Mode {
    read,    ///< it exists
    update,  ///< it exists; reads and writes
    append,  ///< made where missing; reads, and writes at its end
    create,  ///< it must not exist yet; reads and writes
  };

  File() = default;
  File(std::filesystem::path path, Mode mode);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  const std::filesystem::path& path() const { return path_; }
  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  std::int64_t size() const;

  /// Reads exactly `count` bytes; a file that ends before is an Error that says so.
  void read(void* bytes, std::int64_t count, std::int64_t offset) const;
  void write(const void* bytes, std::int64_t count, std::int64_t offset) const;
  /// One write(2) at the end of a file opened with `append`. Where it fails nothing is left behind.
  void append(const std::string& bytes) const;
  void resize(std::int64_t bytes) const;
  /// Makes the file at least `bytes` long and its space certain. Where the file system cannot
  /// reserve, free space is compared instead.
  void reserve(std::int64_t bytes) const;
  /// Contents are on the disk when this returns.
  void sync() const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Names made in or removed from this folder are on the disk when this returns.
void sync_folder(const std::filesystem::path& folder);

/// Renames a synced file over another name in the same folder, durably.
void replace_file(const std::filesystem::path& from, const std::filesystem::path& to);

std::string read_text(const std::filesystem::path& path);

/// The file has the old or the new contents at every moment, whatever kills the process.
void write_text(const std::filesystem::path& path, const std::string& text);

}  // namespace pellucid
