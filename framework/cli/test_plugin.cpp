// pellucid test-plugin: the conformance kit over the components of a plugin.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "buffers/file.h"
#include "cli/actions.h"
#include "cli/outcome.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "conformance/report.h"
#include "conformance/watched.h"
#include "isolation/component.h"
#include "run/allocator.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;
using conformance::Finding;

constexpr double kTimeout = 120;

std::vector<fs::path> libraries(const fs::path& path) {
  std::error_code none;
  if (fs::is_regular_file(path, none)) return {path};
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(path, none), end; !none && entry != end; entry.increment(none))
    if (entry->path().extension() == ".so") found.push_back(entry->path());
  std::sort(found.begin(), found.end());
  if (found.empty())
    throw PluginError("there is no plugin at '" + path.string() +
                      "'; name its library, such as build/plugins/NAME.so, or a folder of them");
  return found;
}

std::vector<std::string> chosen(const Arguments& arguments, const std::string& option,
                                const std::vector<std::string>& known) {
  const std::vector<std::string> names = arguments.texts(option);
  for (const std::string& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string nearest = nearest_name(name, known);
      throw UsageError(
          "there is no " + option + " '" + name + "'; " +
          (nearest.empty() ? "there are " + listed(known) : "did you mean '" + nearest + "'?"));
    }
  return names.empty() ? known : names;
}

double timeout_of(const Arguments& arguments) {
  if (!arguments.has("timeout")) return kTimeout;
  const double seconds = number_of(Value(arguments.text("timeout")), "s");
  if (seconds > 0 && std::isfinite(seconds)) return seconds;
  throw UsageError("--timeout needs seconds > 0, got '" + arguments.text("timeout") + "'");
}

fs::path case_file_of(const Arguments& arguments, const fs::path& library) {
  if (arguments.has("cases")) return arguments.text("cases");
  fs::path beside = library;
  beside.replace_extension(".cases.yaml");
  return fs::exists(beside) ? beside : fs::path();
}

/// What a process that tests one component is told beside component and checks.
std::vector<std::string> words_for_child(const Arguments& arguments, const fs::path& library,
                                         const fs::path& cases) {
  std::vector<std::string> words{"test-plugin", library.string(), "--in-process"};
  if (!cases.empty()) words.insert(words.end(), {"--cases", cases.string()});
  for (const std::string& folder : arguments.texts("plugin-path"))
    words.insert(words.end(), {"--plugin-path", folder});
  return words;
}

std::vector<Finding> findings_of(const Arguments& arguments, const LoadedPlugin& plugin,
                                 const fs::path& library) {
  std::vector<std::string> names;
  for (auto component = plugin.descriptor->components; *component; ++component)
    names.emplace_back((*component)->name);
  const std::vector<std::string> checks = chosen(arguments, "check", conformance::finding_names());

  std::vector<fs::path> folders = registry_of(arguments).folders();
  folders.insert(folders.begin(), library.parent_path());
  const Registry registry(folders);
  const fs::path cases = case_file_of(arguments, library);
  std::map<std::string, conformance::Advice> advice;
  if (!cases.empty()) advice = conformance::read_case_file(cases, *plugin.descriptor, registry);

  std::vector<Finding> all;
  for (const std::string& name : chosen(arguments, "component", names)) {
    if (!arguments.has("in-process")) {
      const auto found = conformance::test_watched(fs::read_symlink("/proc/self/exe"),
                                                   words_for_child(arguments, library, cases), name,
                                                   checks, timeout_of(arguments));
      all.insert(all.end(), found.begin(), found.end());
      continue;
    }
    conformance::Listener listener;
    // A plugin may have printed something without an end of line.
    if (arguments.has("json"))
      listener.starting = [](const std::string& check) {
        std::cout << "\n" << conformance::line_of_start(check) << std::endl;
      };
    listener.found = [&](const Finding& finding) {
      if (arguments.has("json")) std::cout << "\n" << conformance::line_of(finding) << std::endl;
      all.push_back(finding);
    };
    conformance::test_component(*plugin.find(name), advice[name], checks, listener);
  }
  return all;
}

/// A plugin may end the process that loads it, so that this one does so only where it is told to.
std::vector<Finding> tested(const Arguments& arguments, const fs::path& library) {
  if (arguments.has("in-process")) return findings_of(arguments, load_plugin(library), library);
  checksum_of_plugin(library);  // refuses what is no plugin of this build
  const LoadedPlugin* plugin = nullptr;
  try {
    plugin = &describe_plugin_elsewhere(library);
  } catch (const PluginError& error) {
    return {{"", conformance::kLoading, conformance::failed(error.sentence()), 0}};
  }
  return findings_of(arguments, *plugin, library);
}

std::vector<Finding> shown(std::vector<Finding> findings, bool all) {
  if (!all)
    std::erase_if(findings, [](const Finding& finding) {
      return finding.verdict.state == conformance::Verdict::State::not_applicable &&
             finding.check != conformance::kCases;
    });
  return findings;
}

}  // namespace

int test_plugin(const Arguments& arguments) {
  // Before the first tensor: it counts what components take.
  install_counting_allocator();
  bool failed = false;
  std::string junit;
  for (const fs::path& library : libraries(arguments.operand())) {
    const std::string plugin = library.stem().string();
    const std::vector<Finding> findings = tested(arguments, library);
    failed = failed || conformance::any_failed(findings);
    if (arguments.has("junit")) junit += conformance::junit_suites(plugin, findings);
    if (!arguments.has("json"))
      std::cout << conformance::table_text(plugin, shown(findings, arguments.has("all")));
    else if (!arguments.has("in-process"))
      for (const Finding& finding : findings) std::cout << conformance::line_of(finding) << "\n";
  }
  if (arguments.has("junit")) write_text(arguments.text("junit"), conformance::junit_text(junit));
  return number(failed ? ExitCode::failed : ExitCode::done);
}

}  // namespace pellucid
