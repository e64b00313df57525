// Pipeline: read, check and run a pipeline from another program.
//
//   const Pipeline pipeline = Pipeline::read("deblur.yaml", {"blur.kernel.gaussian.std=2"});
//   const RunSummary done = pipeline.run({.folder = "runs/deblur"});
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pellucid/model.h>
#include <pellucid/spec.h>

namespace pellucid {

/// How a run ends; the numbers are the exit codes of the command line.
enum class RunStatus { done = 0, failed = 1, wrong = 2, plugin = 3, interrupted = 4 };

struct RunOptions {
  std::filesystem::path folder;   ///< of the run; empty: runs/NAME of the pipeline
  std::filesystem::path scratch;  ///< where intermediate buffers go; empty: the folder
  bool overwrite = false;         ///< replace finished results and another run's folder
  std::optional<std::pair<std::int64_t, std::int64_t>> items;  ///< [first, last) of the items only
  std::string until;              ///< compute up to this node only, and keep its outputs
  std::filesystem::path choices;  ///< take FFT plans from this run's folder
  /// Called about ten times a second: done and total blocks of a node.
  std::function<void(const std::string& node, std::int64_t done, std::int64_t total)> progress;
  /// Polled between blocks; true stops the run cleanly (RunStatus::interrupted).
  std::function<bool()> cancelled;
};

struct RunSummary {
  RunStatus status = RunStatus::done;
  bool up_to_date = false;  ///< it was finished before; nothing was computed
  std::filesystem::path folder;
  std::vector<std::filesystem::path> results;
  std::int64_t skipped_items = 0;  ///< with `on_item_error: skip`
};

class PELLUCID_EXPORT Pipeline {
 public:
  /// Reads and checks a file: all that `pellucid check` does. Throws PipelineErrors.
  static Pipeline read(const std::filesystem::path& file,
                       const std::vector<std::string>& overrides = {});
  /// The same from text; relative paths start from `folder`.
  static Pipeline parse(const std::string& text, const std::filesystem::path& folder = ".",
                        const std::vector<std::string>& overrides = {});
  Pipeline(Pipeline&&) noexcept;
  Pipeline& operator=(Pipeline&&) noexcept;
  ~Pipeline();

  /// The plan as JSON, as `pellucid check --json` prints it.
  std::string plan_json() const;
  /// Spec of what a port carries, e.g. "restore.mean".
  Spec spec(const std::string& port) const;

  /// Throws Error where a node fails.
  RunSummary run(const RunOptions& options = {}) const;

  /// The nodes between two ports as a function of tensors in memory.
  std::shared_ptr<const Model> function(const std::string& argument,
                                        const std::string& value) const;

 private:
  struct Impl;
  explicit Pipeline(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pellucid
