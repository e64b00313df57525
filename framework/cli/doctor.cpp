// pellucid doctor: where plugins are looked for, and what became of every file there.

#include <filesystem>
#include <iostream>

#include "base/wrapped.h"
#include "cli/actions.h"
#include "cli/outcome.h"
#include "cli/session.h"
#include "cli/terminal.h"

namespace pellucid {
namespace {

/// Further lines stand below the first.
void print_folders(const Registry& registry) {
  std::cout << "plugins are looked for in\n";
  for (const std::filesystem::path& folder : registry.folders())
    std::cout << "  " << folder.string()
              << (std::filesystem::is_directory(folder) ? "" : "  (there is no such folder)")
              << "\n";
  if (registry.folders().empty()) std::cout << "  no folder\n";
}

}  // namespace

int examine_plugins(const Arguments& arguments) {
  const Registry registry = registry_of(arguments);
  print_folders(registry);
  const std::vector<Candidate> candidates = registry.candidates();
  if (candidates.empty()) {
    std::cout << "\nthere is no plugin in any of them\n";
    return number(ExitCode::done);
  }

  std::cout << "\n";
  std::size_t refused = 0;
  for (const Candidate& candidate : candidates) {
    const bool failed = candidate.state == Candidate::State::refused;
    const std::string state = name_of(candidate.state);
    std::cout << (failed ? red(state) : state) << "  " << candidate.name << "  "
              << candidate.file.string() << "\n";
    if (failed) std::cout << indented(candidate.reason, 4) << "\n";
    if (candidate.state == Candidate::State::shadowed)
      std::cout << "    " << candidate.reason << " comes first\n";
    refused += failed ? 1 : 0;
  }
  std::cout << "\n"
            << (refused == 0 ? "every plugin can be used"
                             : std::to_string(refused) + (refused == 1 ? " plugin" : " plugins") +
                                   " cannot be used")
            << "\n";
  return number(refused == 0 ? ExitCode::done : ExitCode::plugin);
}

}  // namespace pellucid
