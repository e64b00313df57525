#include "cli/component_groups.h"

namespace pellucid {

std::vector<ComponentGroup> component_groups(const Registry& registry) {
  std::vector<ComponentGroup> groups;
  for (FoundComponent& found : registry.components()) {
    if (groups.empty() || groups.back().plugin != found.plugin_name)
      groups.push_back({found.plugin_name, {}});
    groups.back().components.push_back(std::move(found));
  }
  return groups;
}

}  // namespace pellucid
