// pellucid replay: runs again what made a result, and compares.

#include <iostream>

#include "cli/actions.h"
#include "cli/interrupt.h"
#include "cli/outcome.h"
#include "cli/session.h"
#include "run/allocator.h"
#include "run/run.h"

namespace pellucid {

int replay_result(const Arguments& arguments) {
  install_counting_allocator();
  start_logging_of(arguments);
  const Interrupt interrupt;

  const std::filesystem::path result = arguments.operand();
  std::filesystem::path folder = arguments.text("run");
  if (folder.empty()) folder = std::filesystem::path(result).replace_extension(".replay");
  log_info("replays " + result.string() + " in " + folder.string());
  ReplayReport report;
  try {
    report =
        replay(result, folder, registry_of(arguments), /*show_progress=*/true, interrupt.flag());
  } catch (const Error& error) {
    if (!*interrupt.flag()) throw;
    log_warning(error.what());
    return number(ExitCode::interrupted);
  }

  if (report.equal) {
    std::cout << "equal to the bit: " << report.compared << " outputs compared\n";
    return number(ExitCode::done);
  }
  std::cout << "differs first at " << report.first_difference << "\n";
  return number(ExitCode::failed);
}

}  // namespace pellucid
