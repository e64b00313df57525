#include "base/disk.h"

#include <sys/statvfs.h>

#include <limits>
#include <system_error>

namespace pellucid {

namespace fs = std::filesystem;

std::int64_t free_disk(const fs::path& path) {
  std::error_code ignored;
  fs::path there = fs::absolute(path.empty() ? fs::path(".") : path, ignored);
  while (!fs::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
  struct statvfs status {};
  if (::statvfs(there.c_str(), &status) != 0) return std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(status.f_bavail) * static_cast<std::int64_t>(status.f_frsize);
}

}  // namespace pellucid
