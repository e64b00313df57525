// provenance: what a run was made of and how it went, as JSON in its results and in run.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "run/executor.h"

namespace pellucid {

/// Room that the provenance of this plan's results surely fits in.
std::int64_t provenance_bytes(const Plan& plan);

/// Resolved pipeline, inputs, plugins, seed, versions, choices, time and checksums of every node.
/// `status`: "finished", "interrupted", "failed". Of the items that were skipped it lists as many as
/// `most_bytes` have room for.
std::string provenance_json(const Plan& plan, const Executor& executor, const std::string& status,
                            const std::string& started,
                            std::int64_t most_bytes = std::numeric_limits<std::int64_t>::max());

/// The file is a complete result of the run with this id.
bool is_result_of(const std::string& run, const std::filesystem::path& file);

/// Now, as "2026-03-01T12:00:00Z".
std::string time_text();

/// What `replay` needs of a provenance text.
struct Replayable {
  std::string pipeline;  ///< canonical YAML
  int workers = 1;
  int threads = 1;
  std::string folder;  ///< of the run, for its FFT plans
  std::optional<std::pair<std::int64_t, std::int64_t>> items;
  std::string until;
  std::vector<std::pair<std::string, std::string>> checksums;  ///< "node.port", in graph order
};
/// Throws Error for a text that is no provenance.
Replayable replayable(const std::string& provenance, const std::string& point);

}  // namespace pellucid
