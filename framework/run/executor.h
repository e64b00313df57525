// Executor: streams the blocks of a plan through its nodes.
//
// In each stream one thread runs the sources ahead, W workers take a block each through the rest of
// the nodes, and the calling thread writes: results to their files, blocks to sinks in order,
// entries to the journal.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "buffers/memory.h"
#include "plan/edges.h"
#include "plan/memory.h"
#include "run/demand.h"
#include "run/progress.h"
#include "run/workspace.h"

namespace pellucid {

/// What a run learnt about its nodes, for its record.
struct NodeRecord {
  double seconds = 0;
  std::int64_t blocks = 0;  ///< computed by this process
};

struct ExecutorOptions {
  bool overwrite = false;
  /// Raised by a signal: finish the blocks in flight, then stop.
  const std::atomic<bool>* interrupt = nullptr;
};

class Executor {
 public:
  Executor(const Plan& plan, Workspace& workspace, Progress& progress,
           const ExecutorOptions& options);
  ~Executor();

  /// True where all is computed and written; false where it was interrupted. Throws Error where a
  /// node or the disk failed; what stood complete before is kept.
  bool run();
  /// Gives all files their final names.
  void finish(const std::string& provenance);

  const std::filesystem::path& folder() const { return workspace_.folder(); }
  const std::string& run_id() const { return workspace_.id(); }
  const std::vector<NodeRecord>& records() const { return records_; }
  /// Item and reason of everything that was skipped, by this process or an earlier one.
  std::vector<std::string> failures() const;
  /// One checksum for everything a port gave, in block order: "node.port" -> checksum.
  std::map<std::string, std::uint64_t> checksums() const;
  std::vector<std::filesystem::path> files() const;

 private:
  bool run_stream(std::size_t stream);
  bool run_procedure(std::size_t stream);
  void finish_reducers(std::size_t stream);
  void prepare(std::size_t stream);
  bool works_on_tiles(std::size_t node) const;
  void prepare_once(std::size_t node);
  Inputs whole_inputs(std::size_t node, const FillEdge& fill = {}) const;
  void write(const StreamShape& shape, Pass& pass);
  void make_durable();
  void put_whole(std::size_t node, const Outputs& outputs);
  void note_seen(std::size_t node, const std::string& port, std::size_t unit,
                 std::uint64_t checksum);
  void require_unchanged_files() const;
  bool interrupted() const;

  const Plan& plan_;
  Workspace& workspace_;
  Progress& progress_;
  ExecutorOptions options_;
  std::atomic<bool> abort_{false};
  RunEnvironment environment_;
  Journal& journal_;
  std::vector<Crossing> crossings_;
  MemoryBudget budget_;
  std::vector<StreamShape> shapes_;
  Store store_;
  Sinks sinks_;
  Demand demand_;
  SharedObjects objects_;
  std::vector<char> prepared_;
  std::vector<NodeRecord> records_;
  std::map<std::string, std::map<std::size_t, std::uint64_t>> seen_;
  std::chrono::steady_clock::time_point last_mark_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point next_look_at_files_ = last_mark_;
};

}  // namespace pellucid
