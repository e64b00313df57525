// Demand: which blocks of which nodes a run still has to compute, worked back from what is not yet
// stored.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "run/pass.h"

namespace pellucid {

/// Sinks of the run, and how far each has come.
struct SinkProgress {
  bool at_end = false;  ///< written at the end, from buffers (a format that cannot be cut back)
  bool closed = false;
  std::size_t written = 0;  ///< units; always a prefix
};

class Demand {
 public:
  Demand(const Plan& plan, const std::vector<StreamShape>& shapes, const Store& store,
         const std::map<std::size_t, SinkProgress>& sinks);

  /// Nodes (by position) that a unit of a stream needs; empty where it needs none.
  std::vector<char> unit(std::size_t stream, std::size_t unit) const;
  /// A Procedure must run, or a Reducer must finish, because an output of it is wanted and not
  /// held.
  bool outputs_missing(std::size_t node) const;
  /// How many units of a stream have something to do.
  std::size_t units_due(std::size_t stream) const;
  /// Somebody behind the stream will read this port from the store.
  bool wanted(std::size_t node, const std::string& port, std::size_t unit) const;

 private:
  using Place = std::pair<std::size_t, std::string>;

  void want_inputs(std::size_t node, const StreamShape* shape, const Block* block);
  void want(std::size_t node, const std::string& port, std::int64_t first, std::int64_t count);

  const Plan& plan_;
  const std::vector<StreamShape>& shapes_;
  const Store& store_;
  const std::map<std::size_t, SinkProgress>& sinks_;
  std::map<Place, std::vector<char>> wanted_;
  std::set<std::size_t> wanted_objects_;  // by nodes of later streams
  std::vector<std::size_t> due_;
};

}  // namespace pellucid
