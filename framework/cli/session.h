// session: what several commands make of the same options.
#pragma once

#include "base/log.h"
#include "cli/arguments.h"
#include "pipeline/document.h"
#include "plan/plan.h"
#include "plugin/registry.h"

namespace pellucid {

/// FILE with `--set`.
Documents documents_of(const Arguments& arguments);

/// `--plugin-path` before all other folders.
Registry registry_of(const Arguments& arguments);

/// `--items`, `--until`, `--run` and `--scratch`.
PlanOptions plan_options_of(const Arguments& arguments, const Documents& documents);

/// `--quiet`, `--verbose` and `--log`.
void start_logging_of(const Arguments& arguments);

}  // namespace pellucid
