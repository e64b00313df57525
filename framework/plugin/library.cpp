// library: a plugin's file is read, compared, opened by Boost.DLL, and its descriptor checked.
#include "plugin/library.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdlib>
#include <deque>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include "base/hash.h"
#include "plugin/elf.h"
#include "plugin/stamp.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& file) {
  std::error_code none;
  if (!fs::exists(file, none)) throw PluginError("does not exist");
  if (!fs::is_regular_file(file, none)) throw PluginError("is not a file");
  std::ifstream stream(file, std::ios::binary);
  std::string bytes(static_cast<std::size_t>(fs::file_size(file)), '\0');
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream) throw PluginError("cannot be read");
  return bytes;
}

/// Where the system's loader would look for a library that `needed_by` is linked with.
std::vector<fs::path> places(const ElfLibrary& library, const fs::path& needed_by) {
  std::vector<fs::path> folders;
  for (std::string folder : library.run_path) {
    const std::string origin = needed_by.parent_path().string();
    for (const char* variable : {"${ORIGIN}", "$ORIGIN"})
      if (const auto at = folder.find(variable); at != std::string::npos)
        folder.replace(at, std::string(variable).size(), origin);
    folders.emplace_back(folder);
  }
  if (const char* list = std::getenv("LD_LIBRARY_PATH")) {
    std::istringstream stream(list);
    for (std::string folder; std::getline(stream, folder, ':');) folders.emplace_back(folder);
  }
  for (const char* folder : {
         "/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib",
#if defined(__x86_64__)
             "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"
#else
                             "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu"
#endif
       })
    folders.emplace_back(folder);
  return folders;
}

/// "it needs 'a.so', which needs 'gone.so'": the chain from a plugin to a library that is missing.
std::string chain_to(const std::string& missing, const fs::path& plugin) {
  struct Step {
    fs::path file;
    std::string chain;
  };
  std::deque<Step> steps{{plugin, "it needs "}};
  std::set<std::string> seen;
  while (!steps.empty()) {
    const Step step = std::move(steps.front());
    steps.pop_front();
    ElfLibrary library;
    try {
      library = read_elf(bytes_of(step.file));
    } catch (const PluginError&) {
      continue;
    }
    for (const std::string& name : library.needed)
      if (name == missing) return step.chain + "'" + missing + "'";
    for (const std::string& name : library.needed) {
      if (!seen.insert(name).second) continue;
      for (const fs::path& folder : places(library, step.file)) {
        std::error_code none;
        if (!fs::is_regular_file(folder / name, none)) continue;
        steps.push_back({folder / name, step.chain + "'" + name + "', which needs "});
        break;
      }
    }
  }
  return "it needs '" + missing + "'";
}

std::string readable(const std::string& symbol) {
  int status = 0;
  char* const name = abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status);
  std::string text = status == 0 ? name : symbol;
  std::free(name);
  return text;
}

/// What the system's loader says, in our words where we know its words.
std::string loading_fault(const std::string& words, const fs::path& file) {
  constexpr const char* kNotFound = ": cannot open shared object file";
  constexpr const char* kUndefined = "undefined symbol: ";
  if (const auto end = words.find(kNotFound); end != std::string::npos)
    return chain_to(words.substr(0, end), file) + ", which is not found";
  if (const auto begin = words.find(kUndefined); begin != std::string::npos) {
    const std::string symbol = words.substr(begin + std::string(kUndefined).size());
    return "it uses '" + readable(symbol.substr(0, symbol.find_first_of(", \t"))) +
           "', which no library defines";
  }
  const std::string path = file.string() + ": ";
  return words.starts_with(path) ? words.substr(path.size()) : words;
}

boost::dll::shared_library open_library(const fs::path& file) {
  boost::dll::shared_library library;
  std::error_code failure;
  dlerror();
  library.load(file, failure, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  if (!failure) return library;
  const char* const words = dlerror();
  throw PluginError("cannot be loaded: " + loading_fault(words ? words : failure.message(), file));
}

void check_component(const ComponentDescriptor* component, std::set<std::string>& names) {
  if (component->size != sizeof(ComponentDescriptor))
    throw PluginError("is damaged: a component's description has " +
                      std::to_string(component->size) + " bytes instead of " +
                      std::to_string(sizeof(ComponentDescriptor)));
  if (!component->name || !*component->name) throw PluginError("has a component without a name");
  const std::string name = component->name;
  if (!component->summary || !component->ports || !component->create || !component->manual ||
      !component->fields)
    throw PluginError("is damaged: its component '" + name + "' is not wholly described");
  if (!names.insert(name).second) throw PluginError("has two components named '" + name + "'");
}

/// Runs the plugin's own code for the first time: its declarations.
void check_declarations(const ComponentDescriptor& component) {
  std::set<std::string> names;
  std::string said;
  try {
    for (const Port& port : component.ports().all())
      if (!names.insert(port.name).second)
        said = "two ports named '" + std::string(port.name) + "'";
    names.clear();
    for (const Field& field : component.fields())
      if (!names.insert(field.key).second) said = "two settings named '" + field.key + "'";
  } catch (const std::exception& error) {
    said = std::string("declarations that throw: ") + error.what();
  } catch (...) {
    said = "declarations that throw";
  }
  if (!said.empty())
    throw PluginError("has a component '" + std::string(component.name) + "' with " + said);
}

/// The checks before opening; the checksum of the bytes.
std::string check_file(const fs::path& file) {
  const std::string bytes = bytes_of(file);
  read_elf(bytes);
  const auto stamp = find_stamp(bytes);
  if (!stamp) throw PluginError("is not a plugin of Pellucid: it carries no stamp");
  if (const std::string fault = stamp_fault(host_stamp(), *stamp); !fault.empty())
    throw PluginError(fault);
  return Hash().add(bytes).hex();
}

/// The checks before and after opening, in the order in which they make the next one safe.
LoadedPlugin open_plugin(const fs::path& file) {
  std::string checksum = check_file(file);
  // Never closed, see LoadedPlugin.
  const auto* const library = new boost::dll::shared_library(open_library(file));
  if (!library->has("pellucid_plugin"))
    throw PluginError("is not a plugin of Pellucid: it does not define 'pellucid_plugin'");
  const auto& descriptor = library->get<const PluginDescriptor>("pellucid_plugin");
  check_descriptor(descriptor);
  if (file.stem() != descriptor.name)
    throw PluginError("calls itself '" + std::string(descriptor.name) +
                      "'; the file must be named '" + descriptor.name + ".so'");
  return {file, descriptor.name, descriptor.version, std::move(checksum), &descriptor};
}

}  // namespace

const ComponentDescriptor* LoadedPlugin::find(const std::string& component) const {
  for (auto known = descriptor->components; *known; ++known)
    if (component == (*known)->name) return *known;
  return nullptr;
}

void check_descriptor(const PluginDescriptor& descriptor) {
  if (descriptor.size != sizeof(PluginDescriptor))
    throw PluginError("is damaged: its description has " + std::to_string(descriptor.size) +
                      " bytes instead of " + std::to_string(sizeof(PluginDescriptor)));
  if (!descriptor.name || !*descriptor.name || !descriptor.version || !descriptor.stamp)
    throw PluginError("is damaged: it does not say its name, version and stamp");
  if (!descriptor.components || !*descriptor.components)
    throw PluginError("is damaged: it has no table of components");
  if (const std::string fault = stamp_fault(host_stamp(), descriptor.stamp); !fault.empty())
    throw PluginError(fault);
  std::set<std::string> names;
  for (auto component = descriptor.components; *component; ++component) {
    check_component(*component, names);
    check_declarations(**component);
  }
}

std::string checksum_of_plugin(const fs::path& file) {
  try {
    return check_file(file);
  } catch (const PluginError& refusal) {
    throw PluginError("plugin '" + file.string() + "' " + refusal.sentence());
  }
}

const LoadedPlugin& load_plugin(const fs::path& file) {
  static std::mutex loading;
  static auto& open = *new std::map<fs::path, LoadedPlugin>;
  const std::lock_guard<std::mutex> lock(loading);
  std::error_code none;
  const fs::path place = fs::weakly_canonical(file, none);
  if (const auto found = open.find(place); found != open.end()) return found->second;
  try {
    return open.emplace(place, open_plugin(place)).first->second;
  } catch (const PluginError& refusal) {
    throw PluginError("plugin '" + file.string() + "' " + refusal.sentence());
  }
}

}  // namespace pellucid
