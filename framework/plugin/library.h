// library: opens a plugin's file, once and for good, after everything about it was checked.
#pragma once

#include <filesystem>
#include <string>

#include <pellucid/plugin.h>

namespace pellucid {

/// A plugin whose library is open. It stays so until the process ends: libtorch and others keep
/// pointers into whatever was loaded.
struct LoadedPlugin {
  std::filesystem::path file;  ///< empty for what is built into the core
  std::string name;
  std::string version;
  std::string checksum;  ///< XXH3 of the file, 32 hexadecimal digits
  const PluginDescriptor* descriptor = nullptr;

  /// The component of this name, or null pointer.
  const ComponentDescriptor* find(const std::string& component) const;
};

/// Opens a plugin, or gives the one that is open already. Any thread may call it. Throws
/// PluginError that names the file and says why it is refused.
const LoadedPlugin& load_plugin(const std::filesystem::path& file);

/// The checksum of a plugin's file, whose format and stamp are right; nothing of it is opened.
/// Throws PluginError that names the file and says why it is refused.
std::string checksum_of_plugin(const std::filesystem::path& file);

/// Throws PluginError where a descriptor is not as the SDK makes it: null pointers, foreign sizes,
/// two components of one name.
void check_descriptor(const PluginDescriptor& descriptor);

}  // namespace pellucid
