// column: names of the types that a table's columns have.
#pragma once

#include <pellucid/spec.h>

namespace pellucid {

/// "integer", "real", "text", "truth".
const char* name_of(Column::Type type);

}  // namespace pellucid
