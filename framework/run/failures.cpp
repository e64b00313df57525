#include "run/failures.h"

#include <sstream>

#include "buffers/journal.h"

namespace pellucid {

// A note is: NODE PORT ITEM ITEM...
Failures::Failures(Journal& journal) : journal_(journal) {
  for (const Journal::Note& note : journal.notes("failed")) {
    std::istringstream text(note.text);
    std::size_t node = 0;
    std::string port;
    std::int64_t item = 0;
    text >> node >> port;
    while (text >> item) items_[{node, port}].insert(item);
  }
}

void Failures::mark(std::size_t node, const std::string& port, const Block& block,
                    const std::vector<char>& failed) {
  std::string fresh;
  const std::lock_guard lock(mutex_);
  for (std::size_t row = 0; row < failed.size(); ++row) {
    const std::int64_t item = block.first + static_cast<std::int64_t>(row);
    if (failed[row] && items_[{node, port}].insert(item).second)
      fresh += " " + std::to_string(item);
  }
  if (!fresh.empty()) journal_.note("failed", std::to_string(node) + " " + port + fresh);
}

std::vector<char> Failures::among(std::size_t node, const std::string& port, std::int64_t first,
                                  std::int64_t count) const {
  const std::lock_guard lock(mutex_);
  const auto found = items_.find({node, port});
  if (found == items_.end()) return {};
  const auto begin = found->second.lower_bound(first);
  const auto end = found->second.lower_bound(first + count);
  if (begin == end) return {};
  std::vector<char> flags(static_cast<std::size_t>(count), 0);
  for (auto item = begin; item != end; ++item) flags[static_cast<std::size_t>(*item - first)] = 1;
  return flags;
}

}  // namespace pellucid
