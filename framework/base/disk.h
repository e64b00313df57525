// disk: how much room there is.
#pragma once

#include <cstdint>
#include <filesystem>

namespace pellucid {

/// Bytes that an ordinary user may still write on the disk of `path` (or of its nearest parent that
/// exists); the largest number where the system does not say, so that nothing is refused for it.
std::int64_t free_disk(const std::filesystem::path& path);

}  // namespace pellucid
