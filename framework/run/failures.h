// Failures: which items of which outputs could not be computed (`on_item_error: skip`).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/spec.h>

namespace pellucid {

class Journal;

/// Any number of threads may call it. Items are counted from the first item of the run.
class Failures {
 public:
  /// Begins with what earlier processes journalled.
  explicit Failures(Journal& journal);

  /// Marks the rows of a block whose flag is set; `failed` is empty or has one flag an item.
  void mark(std::size_t node, const std::string& port, const Block& block,
            const std::vector<char>& failed);
  /// One flag for each item first .. first + count - 1; empty where none of them failed.
  std::vector<char> among(std::size_t node, const std::string& port, std::int64_t first,
                          std::int64_t count) const;

 private:
  Journal& journal_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::size_t, std::string>, std::set<std::int64_t>> items_;
};

}  // namespace pellucid
