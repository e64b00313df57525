#include "cli/outcome.h"

#include <iostream>
#include <string>

#include <pellucid/context.h>
#include <pellucid/error.h>

#include "base/log.h"
#include "cli/arguments.h"

namespace pellucid {

ExitCode exit_code_of(const std::exception& error) {
  if (const auto* errors = dynamic_cast<const PipelineErrors*>(&error))
    return errors->plugins_missing() ? ExitCode::plugin : ExitCode::wrong;
  if (dynamic_cast<const PluginError*>(&error)) return ExitCode::plugin;
  if (dynamic_cast<const UsageError*>(&error)) return ExitCode::wrong;
  if (dynamic_cast<const Cancelled*>(&error)) return ExitCode::interrupted;
  if (const auto* config = dynamic_cast<const ConfigError*>(&error))
    return config->node().empty() ? ExitCode::wrong : ExitCode::failed;
  return ExitCode::failed;
}

void print_error(const std::exception& error) {
  std::cout.flush();
  if (dynamic_cast<const PipelineErrors*>(&error)) {
    std::string report = error.what();
    while (!report.empty() && report.back() == '\n') report.pop_back();
    std::cerr << report << std::endl;
  } else if (dynamic_cast<const UsageError*>(&error)) {
    std::cerr << "pellucid: " << error.what() << std::endl;
  } else {
    log_error(error.what());
  }
}

}  // namespace pellucid
