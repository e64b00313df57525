// registry: the search path, and names into components.
#include "plugin/registry.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <sstream>
#include <system_error>

#include "base/attributed.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

/// The folder of plugins that belongs to this library: the same in a build tree and installed.
fs::path own_folder() {
  Dl_info place{};
  if (!dladdr(reinterpret_cast<const void*>(&own_folder), &place) || !place.dli_fname) return {};
  std::error_code none;
  return fs::weakly_canonical(place.dli_fname, none).parent_path() / "pellucid" / "plugins";
}

class Builtins {
 public:
  void add(const PluginDescriptor& descriptor) {
    const std::lock_guard<std::mutex> lock(mutex_);
    plugins_.try_emplace(
        descriptor.name,
        LoadedPlugin{{}, descriptor.name, descriptor.version, descriptor.stamp, &descriptor});
  }

  const LoadedPlugin* find(const std::string& name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = plugins_.find(name);
    return found == plugins_.end() ? nullptr : &found->second;
  }

  std::vector<const LoadedPlugin*> all() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<const LoadedPlugin*> plugins;
    for (const auto& [name, plugin] : plugins_) plugins.push_back(&plugin);
    return plugins;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, LoadedPlugin> plugins_;
};

Builtins& builtins() {
  static auto* const all = new Builtins;
  return *all;
}

bool is_file(const fs::path& file) {
  std::error_code none;
  return fs::exists(fs::symlink_status(file, none)) && !fs::is_directory(file, none);
}

/// Files of a folder that may be plugins, by name; none where there is no such folder.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code none;
  for (fs::directory_iterator entry(folder, none), end; !none && entry != end;
       entry.increment(none))
    if (entry->path().extension() == ".so" && is_file(entry->path()))
      files.push_back(entry->path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string suggestion(const std::string& name, const std::vector<std::string>& known) {
  const std::string nearest = nearest_name(name, known);
  return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

std::vector<std::string> component_names(const LoadedPlugin& plugin) {
  std::vector<std::string> names;
  for (auto component = plugin.descriptor->components; *component; ++component)
    names.emplace_back((*component)->name);
  return names;
}

FoundComponent found(const ComponentDescriptor& component, const LoadedPlugin& plugin) {
  return {&component, plugin.name, plugin.file, plugin.version, plugin.checksum};
}

/// Two folders that are one, reached by different names, are searched once.
void add_folder(std::vector<fs::path>& folders, const fs::path& folder) {
  if (folder.empty()) return;
  std::error_code none;
  const fs::path place = fs::weakly_canonical(folder, none);
  const auto is_same = [&](const fs::path& known) {
    std::error_code ignored;
    return fs::weakly_canonical(known, ignored) == place;
  };
  if (std::none_of(folders.begin(), folders.end(), is_same)) folders.push_back(folder);
}

}  // namespace

const char* name_of(Candidate::State state) {
  switch (state) {
    case Candidate::State::loaded:
      return "loaded";
    case Candidate::State::shadowed:
      return "shadowed";
    case Candidate::State::refused:
      return "refused";
  }
  return "unknown";
}

Registry::Registry(std::vector<fs::path> folders) : folders_(std::move(folders)) {}

std::vector<fs::path> Registry::search_path(const std::vector<fs::path>& first) {
  std::vector<fs::path> folders;
  for (const fs::path& folder : first) add_folder(folders, folder);
  if (const char* list = std::getenv("PELLUCID_PLUGIN_PATH")) {
    std::istringstream stream(list);
    for (std::string folder; std::getline(stream, folder, ':');) add_folder(folders, folder);
  }
  add_folder(folders, own_folder());
  return folders;
}

void Registry::register_builtin(const PluginDescriptor& descriptor) {
  check_descriptor(descriptor);
  builtins().add(descriptor);
}

const LoadedPlugin& Registry::plugin(const std::string& name, Load load) const {
  if (const LoadedPlugin* builtin = builtins().find(name)) return *builtin;
  for (const fs::path& folder : folders_)
    if (const fs::path file = folder / (name + ".so"); is_file(file)) return load(file);

  std::vector<std::string> known, places;
  for (const LoadedPlugin* builtin : builtins().all()) known.push_back(builtin->name);
  for (const fs::path& folder : folders_) {
    places.push_back(folder.string());
    for (const fs::path& file : files_in(folder)) known.push_back(file.stem().string());
  }
  throw PluginError("there is no plugin '" + name + "' in " +
                    (places.empty() ? "an empty search path" : listed(places)) +
                    suggestion(name, known));
}

FoundComponent Registry::find_component(const std::string& use, Load load) const {
  const std::size_t slash = use.find('/');
  const std::string prefix = use.substr(0, slash);
  const bool is_name = slash != std::string::npos && slash > 0 && slash + 1 < use.size() &&
                       use.find('/', slash + 1) == std::string::npos && prefix[0] != '.';
  if (!is_name) {
    std::string sentence =
        "'use' must be PLUGIN/COMPONENT, such as 'operators/convolution', got '" + use + "'";
    for (const FoundComponent& known : components())
      if (use == known.descriptor->name)
        throw ConfigError(sentence + "; did you mean '" + known.plugin_name + "/" + use + "'?");
    throw ConfigError(sentence);
  }

  const LoadedPlugin& owner = plugin(prefix, load);
  const std::string name = use.substr(slash + 1);
  if (const ComponentDescriptor* component = owner.find(name)) return found(*component, owner);
  const std::vector<std::string> names = component_names(owner);
  const std::string near = suggestion(name, names);
  throw ConfigError("plugin '" + prefix + "' has no component '" + name + "'" +
                    (near.empty() ? "; it has " + listed(names) : near));
}

std::vector<Candidate> Registry::candidates() const {
  std::vector<Candidate> all;
  std::map<std::string, fs::path> winners;
  for (const fs::path& folder : folders_) {
    for (const fs::path& file : files_in(folder)) {
      Candidate candidate{file, file.stem().string(), Candidate::State::loaded, {}};
      if (builtins().find(candidate.name)) {
        candidate.state = Candidate::State::refused;
        candidate.reason = "the name '" + candidate.name + "' belongs to the core";
      } else if (const auto [winner, first] = winners.try_emplace(candidate.name, file); !first) {
        candidate.state = Candidate::State::shadowed;
        candidate.reason = winner->second.string();
      } else {
        try {
          load_plugin(file);
        } catch (const PluginError& refusal) {
          candidate.state = Candidate::State::refused;
          candidate.reason = refusal.sentence();
        }
      }
      all.push_back(std::move(candidate));
    }
  }
  return all;
}

std::vector<FoundComponent> Registry::components() const {
  std::map<std::string, const LoadedPlugin*> plugins;
  for (const Candidate& candidate : candidates())
    if (candidate.state == Candidate::State::loaded)
      plugins[candidate.name] = &load_plugin(candidate.file);
  std::vector<FoundComponent> all;
  const auto add = [&all](const LoadedPlugin& plugin) {
    for (auto component = plugin.descriptor->components; *component; ++component)
      all.push_back(found(**component, plugin));
  };
  for (const LoadedPlugin* builtin : builtins().all()) add(*builtin);
  for (const auto& [name, plugin] : plugins) add(*plugin);
  return all;
}

std::unique_ptr<Component> Registry::make_component(const ComponentDescriptor& component,
                                                    const Value& settings,
                                                    Problems& problems) const {
  const std::size_t before = problems.size();
  std::unique_ptr<Component> made;
  try {
    attributed(settings.where(), {}, component.name,
               [&] { made = component.create(settings, problems); });
    if (!made && problems.size() == before) throw Error("it was not made, and gave no reason");
  } catch (const Error& error) {
    problems.push_back(
        {error.where().file ? error.where() : settings.where(), {}, {}, error.sentence()});
    made.reset();
  }
  return made;
}

}  // namespace pellucid
