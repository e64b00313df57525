// memory: how many bytes a stream holds while it runs.
#pragma once

#include <cstdint>
#include <vector>

#include "plan/blocks.h"
#include "plan/plan.h"

namespace pellucid {

/// What a stream holds, by what it is held for.
struct StreamNeed {
  std::int64_t resident = 0;  ///< for the whole stream: edges with one item for all, objects
  std::int64_t block = 0;     ///< by one block in flight, at its worst node
  std::int64_t ahead = 0;     ///< inputs of the next block, read meanwhile
  std::int64_t behind = 0;    ///< results of the block before, written meanwhile
  std::size_t worst = 0;      ///< that node

  /// With so many of `blocks` blocks in flight.
  std::int64_t bytes(int in_flight, std::int64_t blocks) const;
};

StreamNeed need_of(const Plan& plan, std::size_t stream, const Cut& cut);

/// Sets `output_bytes` and `working_bytes` of the nodes of a stream, for one block.
void measure_nodes(Plan& plan, std::size_t stream, const Cut& cut);

/// A tensor or table that one stream makes and a later one, or a sink at the end, needs. Results
/// are not among them: those are read again from their file.
struct Crossing {
  std::size_t node = 0;
  std::string port;
  std::int64_t bytes = 0;
  std::size_t from = 0;  ///< first and last stream that hold it; for sinks at the end one more
  std::size_t to = 0;
  bool whole = false;  ///< one item for all: held in memory while it is used
  bool filed = false;  ///< a table: held in a file, never in memory
};
std::vector<Crossing> crossings_of(const Plan& plan);

/// What the processes of isolated nodes take beside blocks: their libraries' own memory.
std::int64_t bytes_of_processes(const Plan& plan);

/// Bytes of all items of an output.
std::int64_t output_bytes(const Specs::Value& value);

}  // namespace pellucid
