// json_schema: the pipeline language and the settings of all plugins, for editors and validators.
#pragma once

#include <string>

#include "plugin/registry.h"

namespace pellucid {

/// A JSON Schema (draft 2020-12) of pipeline files. It knows keys, types, ranges and shapes; names
/// of nodes and what flows between them only `pellucid check` knows.
std::string json_schema(const Registry& registry);

}  // namespace pellucid
