// Workspace: the folder of a run, made complete under a temporary name, locked by one process.
//
//   plan.json    what the run is: key, resolved pipelines, W, T, versions
//   choices/     FFT plans
//   journal      what is stored
//   buffers.h5   buffers between streams and states of reducers
//   result.h5    results (points/LABEL/result.h5 for each point of a sweep)
//   nodes/       checkpoints of procedures
//   run.json     how it went
//
// With --scratch, buffers.h5 and nodes/ stand in SCRATCH/NAME-ID: the run's own name and number, so
// that runs that share a disk never share a file.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/folder_lock.h"
#include "buffers/journal.h"
#include "plan/plan.h"

namespace pellucid {

/// What `plan.json` of an existing run says.
struct RecordedPlan {
  std::string key;
  int workers = 1;
  int threads = 1;  ///< T, of each worker
  bool finished = false;
  std::vector<std::string> resolved;  ///< one for each point
  std::vector<std::pair<std::string, std::string>> node_keys;
  std::string replays;  ///< the result that it runs again; empty for other runs
};

/// The record of a folder; empty where it is not the folder of a run.
std::optional<RecordedPlan> recorded_plan(const std::filesystem::path& folder);

struct WorkspaceOptions {
  /// Where buffers go; empty: where an earlier process of this run kept them, or the folder.
  std::filesystem::path scratch;
  std::filesystem::path choices;  ///< a run whose FFT plans are taken
  bool overwrite = false;
  /// The result that is run again. An existing folder is then taken only if it says the same.
  std::string replays;
};

class Workspace {
 public:
  /// Makes the folder, or opens that of the same plan. Throws Error where it holds another run or
  /// something else (and `overwrite` is false), where it is locked, where it cannot be written.
  Workspace(const std::filesystem::path& folder, const Plan& plan, const WorkspaceOptions& options);
  ~Workspace();

  const std::filesystem::path& folder() const { return folder_; }
  /// The run was finished before.
  bool finished() const { return finished_; }
  /// An earlier process began it.
  bool resumed() const { return resumed_; }
  Journal& journal() { return *journal_; }
  /// Tells this run, from its first block to its last, from all others; not for a finished one.
  const std::string& id() const { return id_; }
  /// Room for the provenance in every file of this run, the same in all its processes.
  std::int64_t provenance_bytes() const { return provenance_bytes_; }

  /// Where a point's results and its sinks' relative files go.
  std::filesystem::path point_folder(const Plan& plan, std::size_t point) const;
  /// Where a sink of that point writes what its settings call `path`. A replay writes nothing
  /// outside of its folder.
  std::filesystem::path output_file(const Plan& plan, std::size_t point,
                                    const std::filesystem::path& path) const;
  /// The settings of a node with the files that it writes as `output_file` names them.
  Value settings_of(const Plan& plan, const PlannedNode& node) const;
  std::filesystem::path buffers_file() const { return scratch_ / "buffers.h5"; }
  /// The file of buffers there is the one that the journal speaks of, not one that an earlier
  /// process left in this scratch folder before another had to begin anew elsewhere.
  bool has_buffers() const;
  /// Removes what stands there; the file that is made next is the one that the journal speaks of.
  void begin_buffers();
  std::filesystem::path node_scratch() const { return scratch_ / "nodes"; }
  std::filesystem::path run_record() const { return folder_ / "run.json"; }

  /// Buffers and checkpoints are no longer needed.
  void remove_intermediates() const;

 private:
  std::string first_noted(const std::string& topic, const std::string& text);
  void find_scratch(const std::filesystem::path& asked);

  std::filesystem::path folder_;
  std::filesystem::path scratch_;
  std::optional<FolderLock> lock_;
  std::optional<FolderLock> scratch_lock_;
  std::unique_ptr<Journal> journal_;
  std::string id_;
  std::int64_t provenance_bytes_ = 0;
  bool replay_;
  bool finished_ = false;
  bool resumed_ = false;
};

}  // namespace pellucid
