#include "cli/item_range.h"

#include <charconv>

#include "cli/arguments.h"

namespace pellucid {
namespace {

std::optional<std::int64_t> whole_number(const char* begin, const char* end) {
  std::int64_t number = 0;
  const auto [stop, failed] = std::from_chars(begin, end, number);
  if (failed != std::errc() || stop != end || number < 0) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::pair<std::int64_t, std::int64_t>> item_range(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const std::size_t colon = text.find(':');
  if (colon != std::string::npos) {
    const auto first = whole_number(text.data(), text.data() + colon);
    const auto last = whole_number(text.data() + colon + 1, text.data() + text.size());
    if (first && last && *first < *last) return std::pair{*first, *last};
  }
  throw UsageError("--items needs two whole numbers A:B with A below B, as in 0:4; found '" + text +
                   "'");
}

}  // namespace pellucid
