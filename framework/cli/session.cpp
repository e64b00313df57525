#include "cli/session.h"

#include "cli/item_range.h"
#include "plan/function_model.h"
#include "run/run.h"

namespace pellucid {

Documents documents_of(const Arguments& arguments) {
  ReadOptions options;
  options.overrides = arguments.texts("set");
  return read_pipeline(arguments.operand(), options);
}

Registry registry_of(const Arguments& arguments) {
  register_function_component();
  std::vector<std::filesystem::path> first;
  for (const std::string& folder : arguments.texts("plugin-path")) first.emplace_back(folder);
  return Registry(Registry::search_path(first));
}

PlanOptions plan_options_of(const Arguments& arguments, const Documents& documents) {
  PlanOptions options;
  options.items = item_range(arguments.text("items"));
  options.until = arguments.text("until");
  options.folder = arguments.has("run") ? std::filesystem::path(arguments.text("run"))
                                        : default_folder(documents);
  options.scratch = arguments.text("scratch");
  return options;
}

void start_logging_of(const Arguments& arguments) {
  if (arguments.has("quiet") && arguments.has("verbose"))
    throw UsageError("--quiet and --verbose exclude each other");
  LogSettings settings;
  if (arguments.has("quiet")) settings.shown = LogLevel::warning;
  if (arguments.has("verbose")) settings.shown = LogLevel::debug;
  settings.file = arguments.text("log");
  start_logging(settings);
}

}  // namespace pellucid
