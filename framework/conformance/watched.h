// watched: a component tested in a process of its own, so that a crash or a hang is one failed
// check and not the end of all.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "conformance/conformance.h"

namespace pellucid::conformance {

/// Starts `program arguments... --component NAME --check ... --json` and reads its findings. A
/// check during which the process dies, or that takes more than `seconds`, fails, and another
/// process goes on behind it.
std::vector<Finding> test_watched(const std::filesystem::path& program,
                                  const std::vector<std::string>& arguments,
                                  const std::string& component,
                                  const std::vector<std::string>& checks, double seconds);

}  // namespace pellucid::conformance
