// ZipReader: the entries of a zip archive that are stored as they are, as PyTorch writes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "buffers/file.h"

namespace pellucid {

class ZipReader {
 public:
  /// Reads the directory. Throws Error: no zip, truncated, compressed entries.
  explicit ZipReader(const std::filesystem::path& path);

  struct Entry {
    std::int64_t bytes = 0;
    std::int64_t header = 0;  ///< offset of the entry's own header
  };
  const std::map<std::string, Entry>& entries() const { return entries_; }
  bool has(const std::string& name) const { return entries_.count(name) > 0; }
  std::int64_t bytes(const std::string& name) const { return entry(name).bytes; }

  std::string read(const std::string& name) const;
  /// A part of an entry.
  void read(const std::string& name, void* to, std::int64_t count, std::int64_t offset) const;

 private:
  const Entry& entry(const std::string& name) const;
  std::int64_t data_offset(const Entry& entry) const;

  File file_;
  std::map<std::string, Entry> entries_;
};

}  // namespace pellucid
