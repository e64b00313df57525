// pellucid plugins: every plugin of the search path with its components.

#include <iostream>

#include "cli/actions.h"
#include "cli/component_groups.h"
#include "cli/outcome.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "plugin/describe.h"

namespace pellucid {

int list_plugins(const Arguments& arguments) {
  const Registry registry = registry_of(arguments);
  bool first = true;
  for (const ComponentGroup& group : component_groups(registry)) {
    if (!first) std::cout << "\n";
    std::cout << describe_plugin(group.components, DescriptionFormat::text);
    first = false;
  }

  bool refused = false;
  for (const Candidate& candidate : registry.candidates()) {
    if (candidate.state == Candidate::State::loaded) continue;
    const bool shadowed = candidate.state == Candidate::State::shadowed;
    std::cout << "\n"
              << (shadowed ? "shadowed" : red("refused")) << "  " << candidate.file.string()
              << (shadowed ? " by " : ": ") << candidate.reason << "\n";
    refused = refused || !shadowed;
  }
  if (refused) std::cerr << "`pellucid doctor` says more of plugins that were refused\n";
  return number(ExitCode::done);
}

}  // namespace pellucid
