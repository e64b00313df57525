// bytes: sizes as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace pellucid {

inline constexpr std::int64_t kMiB = std::int64_t{1} << 20;

/// "512 B", "1.5 GiB": three digits at most where a unit is taken.
std::string bytes_text(std::int64_t bytes);

}  // namespace pellucid
