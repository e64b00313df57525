// Dag: the shape of a pipeline, as Boost.Graph sees it.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace pellucid {

/// A directed graph of numbered vertices; an edge leads from a producer to a consumer.
class Dag {
 public:
  explicit Dag(std::size_t vertices);
  Dag(const Dag&) = delete;
  Dag& operator=(const Dag&) = delete;
  ~Dag();

  void add_edge(std::size_t producer, std::size_t consumer);

  /// The vertices of one cycle for each knot of vertices that feed each other, in the direction of
  /// the edges, beginning with the smallest number; empty where there is none.
  std::vector<std::vector<std::size_t>> cycles() const;

  /// Every vertex after all that it depends on, otherwise as near to the order of the numbers as
  /// that allows. There must be no cycle.
  std::vector<std::size_t> order() const;

  /// Marks of the vertices that can be reached from these along the edges, these included.
  std::vector<bool> downstream_of(const std::vector<std::size_t>& vertices) const;
  /// Marks of the vertices from which these can be reached, these included.
  std::vector<bool> upstream_of(const std::vector<std::size_t>& vertices) const;

  /// Number of the connected part, whatever the direction of the edges, that each vertex is in.
  std::vector<std::size_t> parts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pellucid
