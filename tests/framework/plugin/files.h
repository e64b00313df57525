// Files that a test puts into a folder of its own.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/temporary_folder.h"

namespace pellucid::testing {

/// Copies a file into the folder, under its own or another name.
inline std::filesystem::path take(const TemporaryFolder& folder, const std::filesystem::path& file,
                                  const std::string& name = {}) {
  const std::filesystem::path copy = folder / (name.empty() ? file.filename().string() : name);
  std::filesystem::copy_file(file, copy);
  return copy;
}

inline std::filesystem::path write(const TemporaryFolder& folder, const std::string& name,
                                   const std::string& bytes) {
  std::ofstream(folder / name, std::ios::binary) << bytes;
  return folder / name;
}

inline std::string bytes_of(const std::filesystem::path& file) {
  std::ostringstream bytes;
  bytes << std::ifstream(file, std::ios::binary).rdbuf();
  return bytes.str();
}

}  // namespace pellucid::testing
