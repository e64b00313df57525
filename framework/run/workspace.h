// Workspace: the folder of a run, made complete under a temporary name, locked by one process.
//
//   plan.json    what the run is: key, resolved pipelines, W, T, versions
//   choices/     FFT plans
//   journal      what is stored
//   buffers.h5   buffers between streams and states of reducers
//   result.h5    results (points/LABEL/result.h5 for each point of a sweep)
//   nodes/       checkpoints of procedures
//   run.json     how it went
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "buffers/file_lock.h"
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
};

/// The record of a folder; empty where it is not the folder of a run.
std::optional<RecordedPlan> recorded_plan(const std::filesystem::path& folder);

class Workspace {
 public:
  /// Makes the folder, or opens that of the same plan. Throws Error where it holds another run or
  /// something else (and `overwrite` is false), where it is locked, where it cannot be written.
  Workspace(const std::filesystem::path& folder, const Plan& plan,
            const std::filesystem::path& scratch, const std::filesystem::path& choices,
            bool overwrite);
  ~Workspace();

  const std::filesystem::path& folder() const { return folder_; }
  /// The run was finished before.
  bool finished() const { return finished_; }
  /// An earlier process began it.
  bool resumed() const { return resumed_; }
  Journal& journal() { return *journal_; }

  /// Where a point's results and its sinks' relative files go.
  std::filesystem::path point_folder(const Plan& plan, std::size_t point) const;
  std::filesystem::path buffers_file() const { return scratch_ / "buffers.h5"; }
  std::filesystem::path node_scratch() const { return scratch_ / "nodes"; }
  std::filesystem::path run_record() const { return folder_ / "run.json"; }

  /// Buffers and checkpoints are no longer needed.
  void remove_intermediates() const;

 private:
  std::filesystem::path folder_;
  std::filesystem::path scratch_;
  std::optional<FolderLock> lock_;
  std::unique_ptr<Journal> journal_;
  bool finished_ = false;
  bool resumed_ = false;
};

/// The settings of a sink with every output path absolute, relative ones starting from `folder`.
Value with_output_paths(const Value& settings, const std::vector<Field>& fields,
                        const std::filesystem::path& folder);

}  // namespace pellucid
