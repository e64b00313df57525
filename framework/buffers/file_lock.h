// FolderLock: one process at a time works in the folder of a run.
#pragma once

#include <filesystem>

#include "buffers/file.h"

namespace pellucid {

/// Holds `FOLDER/lock` exclusively until it is destroyed or the process ends, however it ends.
class FolderLock {
 public:
  /// Throws Error that names the process and host that hold the folder.
  explicit FolderLock(const std::filesystem::path& folder);
  FolderLock(FolderLock&&) noexcept = default;
  FolderLock& operator=(FolderLock&&) noexcept = default;
  ~FolderLock();

 private:
  File file_;
};

}  // namespace pellucid
