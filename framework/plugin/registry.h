// registry: finds the component that `use:` names, and tells what became of every plugin's file.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <pellucid/plugin.h>

#include "plugin/library.h"

namespace pellucid {

/// A component and where it comes from.
struct FoundComponent {
  const ComponentDescriptor* descriptor = nullptr;
  std::string plugin_name;
  std::filesystem::path plugin_file;  ///< empty for built-in components
  std::string plugin_version;
  std::string plugin_checksum;
};

/// A file in the search path that may be a plugin, and what became of it.
struct Candidate {
  enum class State { loaded, shadowed, refused };
  std::filesystem::path file;
  std::string name;  ///< of the plugin: the stem of the file
  State state = State::loaded;
  std::string reason;  ///< why it was refused, or the file that shadows it
};

/// "loaded", "shadowed", "refused".
const char* name_of(Candidate::State state);

/// Finds plugins in folders, in their order; the first file of a name wins. Nothing is scanned to
/// find one: `use: operators/convolution` is the file `operators.so`. Any thread may use it.
class Registry {
 public:
  Registry() : Registry(search_path()) {}
  explicit Registry(std::vector<std::filesystem::path> folders);

  /// `first` (of --plugin-path), PELLUCID_PLUGIN_PATH, then the folder beside this library.
  static std::vector<std::filesystem::path> search_path(
      const std::vector<std::filesystem::path>& first = {});

  /// Makes the components of the core known to all registries. The descriptor stays referred to.
  static void register_builtin(const PluginDescriptor& descriptor);

  const std::vector<std::filesystem::path>& folders() const { return folders_; }

  /// The component of "operators/convolution". Throws PluginError where the plugin is missing (with
  /// all places searched) or refused (with the reason), ConfigError for a name that it does not
  /// have; both suggest the nearest name.
  ///
  /// `load` opens a plugin's file, or learns of what is in it otherwise.
  using Load = const LoadedPlugin& (*)(const std::filesystem::path& file);
  FoundComponent find_component(const std::string& use, Load load = &load_plugin) const;

  /// Every file of the search path, in its order, after an attempt to load it.
  std::vector<Candidate> candidates() const;

  /// Every component that can be used, by plugin in the order of names, built-in ones first.
  std::vector<FoundComponent> components() const;

  /// Makes a component from the settings of a node. Whatever its factory throws, of a type of ours
  /// or not, becomes a problem, as do settings that do not fit; then the result is null.
  std::unique_ptr<Component> make_component(const ComponentDescriptor& component,
                                            const Value& settings, Problems& problems) const;

 private:
  const LoadedPlugin& plugin(const std::string& name, Load load) const;

  std::vector<std::filesystem::path> folders_;
};

}  // namespace pellucid
