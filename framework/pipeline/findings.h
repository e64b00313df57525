// Findings: what is wrong with a pipeline, collected while it is read.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/error.h>

namespace pellucid {

/// Collects problems; a problem met again (in another point of a sweep) counts once.
class Findings {
 public:
  /// Something is wrong at a place, or with what stands beside it.
  void report(const SourceLocation& where, const std::string& sentence) {
    add(where, sentence, false);
  }
  /// What stands at a place cannot be read, so that nobody need complain about it again.
  void unreadable(const SourceLocation& where, const std::string& sentence) {
    add(where, sentence, true);
  }
  /// The sentence and place of an error about the value of `key`.
  void unreadable(const std::string& key, const Error& error) {
    unreadable(error.where(), "'" + key + "': " + error.sentence());
  }

  /// Until the next call, findings concern this node; empty: none.
  void concern(std::string node, std::string component) {
    node_ = std::move(node);
    component_ = std::move(component);
  }

  std::size_t count() const { return problems_.size(); }
  bool empty() const { return problems_.empty(); }
  std::vector<Problem> take() { return std::move(problems_); }

 private:
  void add(const SourceLocation& where, const std::string& sentence, bool unreadable) {
    if (problems_.size() >= kMost) return;
    if (!seen_.insert(where.text() + '\n' + node_ + '\n' + sentence).second) return;
    problems_.push_back({where, node_, component_, sentence, unreadable});
  }

  /// More would help nobody.
  static constexpr std::size_t kMost = 1000;
  std::vector<Problem> problems_;
  std::set<std::string> seen_;
  std::string node_;
  std::string component_;
};

/// "; did you mean 'x'?" or, where nothing is near, "; OWNER has 'a', 'b' and 'c'".
inline std::string suggestion(const std::string& name, const std::vector<std::string>& known,
                              const std::string& owner) {
  const std::string nearest = nearest_name(name, known);
  if (!nearest.empty()) return "; did you mean '" + nearest + "'?";
  return "; " + owner + " has " + listed(known);
}

}  // namespace pellucid
