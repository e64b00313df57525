// memory_function: the nodes between two ports of a pipeline as a function of tensors in memory,
// for programs that embed Pellucid.
#pragma once

#include <memory>
#include <string>

#include <pellucid/model.h>

#include "pipeline/document.h"
#include "plugin/registry.h"

namespace pellucid {

/// The function from port `argument` to port `value` of a pipeline without a sweep. Tensors and
/// tables that the nodes between need from elsewhere are computed here, by a run in a temporary
/// folder; nothing else is. Throws PipelineErrors, or Error where that run fails.
std::shared_ptr<const Model> memory_function(const Documents& documents,
                                             std::shared_ptr<const Registry> registry,
                                             const std::string& argument, const std::string& value);

}  // namespace pellucid
