// Pipelines written down in tests, and what is read from them.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/document.h"

namespace pellucid::testing {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// Reads a pipeline called "test.yaml" that stands in /somewhere, in an environment of its own.
inline Documents read(const std::string& text, std::vector<std::string> overrides = {},
                      const Environment& environment = {}) {
  ReadOptions options;
  options.overrides = std::move(overrides);
  options.environment = &environment;
  return read_pipeline_text(text, "test.yaml", "/somewhere", options);
}

/// Reads the nodes of a pipeline, and `vars:` before them.
inline Documents read_nodes(const std::string& nodes, const std::string& vars = "{}") {
  return read("pellucid: 1\nvars: " + vars + "\nnodes:\n" + nodes);
}

/// "line:column: node 'n': sentence" of every problem, one a line.
inline std::string problems_of(const Documents& documents) {
  std::string text;
  for (const Problem& problem : documents.problems) {
    text += std::to_string(problem.where.line) + ":" + std::to_string(problem.where.column) + ": ";
    if (!problem.node.empty()) text += "node '" + problem.node + "': ";
    text += problem.sentence + "\n";
  }
  return text;
}

/// The parameter of the first node of the first point.
inline const Value& parameter(const Documents& documents, const std::string& key) {
  static const Value kNothing;
  if (documents.points.empty() || documents.points[0].nodes.empty()) return kNothing;
  const Value* const value = documents.points[0].nodes[0].with.find(key);
  return value ? *value : kNothing;
}

inline void write_file(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace pellucid::testing
