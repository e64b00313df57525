// Whether every position that reading gave lies inside the text that it names.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "pipeline/document.h"
#include "pipeline/source.h"

namespace pellucid::testing {

class PositionCheck {
 public:
  explicit PositionCheck(const std::vector<SourceText>& sources) {
    for (const SourceText& source : sources) texts_.emplace(source.name, lines_of(source.text));
  }

  void check(const SourceLocation& where, const std::string& what) {
    if (!where.file || where.line == 0) return;
    const auto text = texts_.find(*where.file);
    const bool inside = text != texts_.end() && where.line >= 1 && where.column >= 1 &&
                        where.line <= static_cast<int>(text->second.size()) &&
                        where.column <= text->second[where.line - 1] + 1;
    if (!inside) outside_ += where.text() + " of " + what + "\n";
  }

  void check(const Value& value) {
    check(value.where(), "a value");
    for (const Value& item : value.items()) check(item);
    for (const Value::Entry& entry : value.entries()) {
      check(entry.where, "a key");
      check(entry.value);
    }
  }

  const std::string& outside() const { return outside_; }

 private:
  /// Lengths of lines in characters; bytes that are none count as one each.
  static std::vector<int> lines_of(const std::string& text) {
    std::vector<int> lengths{0};
    for (std::size_t at = 0; at < text.size();) {
      if (text[at] == '\n') {
        lengths.push_back(0);
      } else {
        ++lengths.back();
      }
      at += std::max<std::size_t>(1, character_length(text, at));
    }
    return lengths;
  }

  std::map<std::string, std::vector<int>> texts_;
  std::string outside_;
};

/// The positions of problems, nodes, references and values that lie outside; empty: none.
inline std::string positions_outside(const Documents& documents) {
  PositionCheck positions(documents.sources);
  for (const Problem& problem : documents.problems)
    positions.check(problem.where, "'" + problem.sentence + "'");
  for (const Document& point : documents.points) {
    for (const auto& [key, where] : point.settings.where) positions.check(where, key);
    for (const Reference& reference : point.keep) positions.check(reference.where, "keep");
    for (const NodeText& node : point.nodes) {
      positions.check(node.where, "a node");
      positions.check(node.use_where, "use");
      for (const auto& [port, reference] : node.in) positions.check(reference.where, port);
      for (const SourceLocation& where : node.in_where) positions.check(where, "a port");
      positions.check(node.with);
    }
  }
  return positions.outside();
}

}  // namespace pellucid::testing
