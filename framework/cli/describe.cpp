// pellucid describe: what components declare, as text, JSON or Markdown.

#include <filesystem>
#include <iostream>

#include "buffers/file.h"
#include "cli/actions.h"
#include "cli/component_groups.h"
#include "cli/outcome.h"
#include "cli/session.h"
#include "plugin/describe.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

DescriptionFormat format_of(const Arguments& arguments) {
  if (arguments.has("json") && arguments.has("markdown"))
    throw UsageError("--json and --markdown exclude each other");
  if (arguments.has("json")) return DescriptionFormat::json;
  if (arguments.has("markdown")) return DescriptionFormat::markdown;
  return DescriptionFormat::text;
}

std::string described(const std::string& name, const Registry& registry, DescriptionFormat format) {
  if (name == "settings") return describe_settings(format);
  if (name.find('/') != std::string::npos)
    return describe_component(registry.find_component(name), format);
  for (const ComponentGroup& group : component_groups(registry))
    if (group.plugin == name) return describe_plugin(group.components, format);
  // The registry knows why there is no such plugin, or which component was meant.
  for (const FoundComponent& known : registry.components())
    if (name == known.descriptor->name)
      return describe_component(registry.find_component(name), format);
  return describe_component(registry.find_component(name + "/*"), format);
}

std::string described_all(const Registry& registry, DescriptionFormat format) {
  if (format == DescriptionFormat::json)
    return "{\"settings\": " + describe_settings(format) +
           ", \"components\": " + describe_plugin(registry.components(), format) + "}\n";
  std::string text = describe_settings(format);
  for (const ComponentGroup& group : component_groups(registry)) {
    if (format == DescriptionFormat::markdown) {
      text += "\n" + describe_plugin(group.components, format);
      continue;
    }
    for (const FoundComponent& component : group.components)
      text += "\n" + describe_component(component, format);
  }
  return text;
}

/// A page for the settings of a pipeline, and one for each plugin.
void write_pages(const Registry& registry, const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    throw Error("the folder '" + folder.string() + "' cannot be made: " + failed.message());
  write_text(folder / "settings.md", describe_settings(DescriptionFormat::markdown));
  for (const ComponentGroup& group : component_groups(registry))
    write_text(folder / (group.plugin + ".md"),
               describe_plugin(group.components, DescriptionFormat::markdown));
}

}  // namespace

int describe_components(const Arguments& arguments) {
  const DescriptionFormat format = format_of(arguments);
  const bool all = arguments.has("all");
  if (all == !arguments.operand().empty())
    throw UsageError(
        "'pellucid describe' needs a NAME or --all, as in: pellucid describe "
        "operators/convolution");
  if (arguments.has("to") && !(all && format == DescriptionFormat::markdown))
    throw UsageError("--to goes with --all --markdown");

  const Registry registry = registry_of(arguments);
  if (arguments.has("to")) write_pages(registry, arguments.text("to"));
  else if (all) std::cout << described_all(registry, format);
  else std::cout << described(arguments.operand(), registry, format);
  return number(ExitCode::done);
}

}  // namespace pellucid
