// Components of isolated nodes: this process knows them from their plugin's description, and each is
// a stand-in that asks a process of its own.
#pragma once

#include <filesystem>
#include <optional>

#include "plugin/library.h"

namespace pellucid {

/// A plugin as a process of its own describes it: components made from its descriptor are
/// stand-ins. This process reads nothing but the bytes of the file. Any thread may call it. Throws
/// PluginError.
const LoadedPlugin& describe_plugin_elsewhere(const std::filesystem::path& file);

/// What a stand-in is told beyond what its component is: how long its node allows for what it does
/// without a context (`infer`, `sync`).
class StandIn {
 public:
  virtual ~StandIn();
  virtual void allow(std::optional<double> timeout) = 0;
};

/// Tells a stand-in; any other component needs nothing.
void allow_time(Component& component, std::optional<double> timeout);

}  // namespace pellucid
