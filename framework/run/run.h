// run: plans a pipeline, runs it in its folder, and keeps the record.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include <pellucid/pipeline.h>

#include "pipeline/document.h"

namespace pellucid {

class Registry;
struct Plan;

struct RunRequest {
  Documents documents;
  RunOptions options;
  bool show_progress = false;
  /// Raised by a signal: finish the blocks in flight, then stop.
  const std::atomic<bool>* interrupt = nullptr;
  /// The result that this run makes again; empty for other runs.
  std::string replays;
  /// Called before the first block, unless the run is finished: what will run, and whether an
  /// earlier process began it.
  std::function<void(const Plan&, bool resumed)> begins;
};

/// What a run of the command line prints, beside its summary.
struct RunReport {
  RunSummary summary;
  /// Every table among the results, as text with columns aligned, with its name; for people.
  std::vector<std::pair<std::string, std::string>> tables;
  std::vector<std::string> failures;  ///< items that were skipped, with the reason
  std::int64_t peak_bytes = 0;
  std::int64_t predicted_bytes = 0;
};

/// Throws PipelineErrors for a pipeline that is wrong, Error where the run fails; what was complete
/// before stays, and the same request goes on from there.
RunReport run_pipeline(RunRequest request, const Registry& registry);

/// The folder that a run of these documents uses by default: runs/STEM.
std::filesystem::path default_folder(const Documents& documents);

/// Runs again what a result was made from, in a folder of its own, and compares. Nothing outside of
/// that folder is written. Throws Error for a folder that is there already, unless it is an earlier
/// replay of the same result: that is done again, or gone on with where it was interrupted.
struct ReplayReport {
  bool equal = false;
  std::string first_difference;  ///< "node.port", in graph order; empty where equal
  std::size_t compared = 0;
  std::filesystem::path folder;
};
ReplayReport replay(const std::filesystem::path& result, const std::filesystem::path& folder,
                    const Registry& registry, bool show_progress,
                    const std::atomic<bool>* interrupt);

}  // namespace pellucid
