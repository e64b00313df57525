// outcome: how a command ended, as an exit code and in words.
#pragma once

#include <exception>

namespace pellucid {

enum class ExitCode {
  done = 0,
  failed = 1,       ///< while running
  wrong = 2,        ///< the pipeline or the command line
  plugin = 3,       ///< is missing or was refused
  interrupted = 4,  ///< and resumable
};

constexpr int number(ExitCode code) { return static_cast<int>(code); }

/// The exit code that belongs to whatever a command threw. An error that names a node happened
/// while it ran; a pipeline that is wrong before that comes as PipelineErrors.
ExitCode exit_code_of(const std::exception& error);

/// Prints what a command threw on standard error: a report as it is, everything else after "error:
/// ".
void print_error(const std::exception& error);

}  // namespace pellucid
