// describe: what a component declares, for people (text, Markdown) and for programs (JSON).
#pragma once

#include <string>
#include <vector>

#include "plugin/registry.h"

namespace pellucid {

enum class DescriptionFormat { text, json, markdown };

/// Ports, parameters with unit, range, default and summary, kind, origin, and the manual page.
std::string describe_component(const FoundComponent& component, DescriptionFormat format);

/// The components of one plugin: a list (text), or everything about all of them.
std::string describe_plugin(const std::vector<FoundComponent>& components,
                            DescriptionFormat format);

/// The keys under `settings:` of a pipeline.
std::string describe_settings(DescriptionFormat format);

}  // namespace pellucid
