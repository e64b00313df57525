// FolderLock: one process at a time works in a folder.
#pragma once

#include <filesystem>
#include <optional>

namespace pellucid {

/// Holds `FOLDER/lock` exclusively until it is destroyed or the process ends, however it ends. The
/// file says who holds it.
class FolderLock {
 public:
  /// Throws Error that names the process and host that hold the folder.
  explicit FolderLock(const std::filesystem::path& folder);
  /// Waits for its turn; empty where the folder cannot be locked.
  static std::optional<FolderLock> wait(const std::filesystem::path& folder);

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor);
  void sign() const;
  void unsign() const;

  int descriptor_;
};

}  // namespace pellucid
