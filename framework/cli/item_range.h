// item_range: `--items A:B`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace pellucid {

/// [A, B) of "A:B"; empty for an empty text. Throws UsageError.
std::optional<std::pair<std::int64_t, std::int64_t>> item_range(const std::string& text);

}  // namespace pellucid
