// Override: `path=value` of the command line or of a sweep, set before anything is substituted.
#pragma once

#include <string>
#include <vector>

#include <pellucid/value.h>

#include "pipeline/raw_pipeline.h"
#include "pipeline/substitution.h"

namespace pellucid {

/// "restore.iterations", "vars.sigma", ... and what it becomes.
struct Override {
  std::string path;
  SourceLocation where;  ///< of the path
  Value value;
};

/// Reads the `--set` of a command line; they are lines of a source called "--set".
std::vector<Override> read_overrides(const std::vector<std::string>& arguments, Reading& reading);

/// `vars.NAME...`; these come first, because others may be substituted by them.
bool sets_variable(const Override& override);
bool sets_settings(const Override& override);

void override_variable(const Override& override, RawPipeline& pipeline, Findings& findings);

/// Sets anything but a variable. Where a path goes on inside a substitution, `variables` gives what
/// stands there.
void override_value(const Override& override, RawPipeline& pipeline, Variables& variables,
                    Findings& findings);

}  // namespace pellucid
