// fault: the one thing that is wrong with the components of this library, named by the environment,
// so that no setting shows it.
#pragma once

#include <cstdlib>
#include <string>

namespace pellucid {

/// Whether PELLUCID_MUTANT names this fault.
inline bool has_fault(const char* name) {
  const char* const chosen = std::getenv("PELLUCID_MUTANT");
  return chosen != nullptr && std::string(chosen) == name;
}

}  // namespace pellucid
