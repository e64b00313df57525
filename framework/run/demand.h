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
#include "run/sinks.h"

namespace pellucid {

class Demand {
 public:
  Demand(const Plan& plan, const std::vector<StreamShape>& shapes, const Store& store,
         const Sinks& sinks);

  /// Nodes (by position) that a unit of a stream needs; empty where it needs none.
  std::vector<char> unit(std::size_t stream, std::size_t unit) const;
  /// A Procedure must run, or a Reducer must finish, because an output of it is wanted and not
  /// held.
  bool outputs_missing(std::size_t node) const;
  /// Units of a stream that had something to do when the run began.
  const std::vector<std::size_t>& due(std::size_t stream) const { return due_[stream]; }
  /// Somebody behind the stream will read this port from the store.
  bool wanted(std::size_t node, const std::string& port, std::size_t unit) const;

 private:
  using Place = std::pair<std::size_t, std::string>;

  void want_inputs(std::size_t node, const StreamShape* shape, const Block* block);
  void want(std::size_t node, const std::string& port, std::int64_t first, std::int64_t count);

  const Plan& plan_;
  const std::vector<StreamShape>& shapes_;
  const Store& store_;
  const Sinks& sinks_;
  std::map<Place, std::vector<char>> wanted_;
  std::set<std::size_t> wanted_objects_;  // by nodes of later streams
  std::vector<std::vector<std::size_t>> due_;
};

}  // namespace pellucid
