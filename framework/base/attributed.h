// attributed: calls into a component and names it in whatever error comes out.
#pragma once

#include <functional>
#include <string>

#include <pellucid/error.h>

namespace pellucid {

/// Runs `action`. An Error leaves with place, node and component filled in; Cancelled leaves as it
/// is; anything else (libtorch, the standard library, a foreign type) leaves nested in an Error that
/// carries the first line of its message, the rest goes to the log.
void attributed(const SourceLocation& where, const std::string& node, const std::string& component,
                const std::function<void()>& action);

}  // namespace pellucid
