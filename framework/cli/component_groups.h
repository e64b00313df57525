// component_groups: components, plugin by plugin.
#pragma once

#include <string>
#include <vector>

#include "plugin/registry.h"

namespace pellucid {

struct ComponentGroup {
  std::string plugin;
  std::vector<FoundComponent> components;
};

/// Every plugin that can be used, in the order of the registry.
std::vector<ComponentGroup> component_groups(const Registry& registry);

}  // namespace pellucid
