// The entry to libpellucid.so: hands a command line to the command that it names.

#include <array>
#include <exception>
#include <string>

#include <pellucid/export.h>

#include "cli/actions.h"
#include "cli/outcome.h"
#include "isolation/server.h"
#include "run/allocator.h"

namespace pellucid {
namespace {

struct Action {
  const char* command;
  int (*act)(const Arguments&);
};

constexpr std::array kActions{
    Action{"check", check_pipeline},          Action{"describe", describe_components},
    Action{"doctor", examine_plugins},        Action{"graph", draw_graph},
    Action{"import-weights", import_weights}, Action{"info", show_contents},
    Action{"new-plugin", make_plugin},        Action{"plugins", list_plugins},
    Action{"replay", replay_result},          Action{"run", run_pipeline_file},
    Action{"schema", print_schema},           Action{"test-plugin", test_plugin},
    Action{"version", print_version},
};

int act(const Arguments& arguments) {
  for (const Action& action : kActions)
    if (arguments.command()->name == std::string(action.command)) return action.act(arguments);
  throw UsageError(unknown_command(arguments.command()->name));
}

}  // namespace
}  // namespace pellucid

extern "C" PELLUCID_EXPORT int pellucid_main(int argc, char** argv) {
  try {
    if (argc == 3 && std::string(argv[1]) == pellucid::kServe) {
      pellucid::install_counting_allocator();
      return pellucid::serve_isolated_node(std::stoi(argv[2]));
    }
    return pellucid::act(pellucid::Arguments::parse(argc, argv));
  } catch (const std::exception& error) {
    pellucid::print_error(error);
    return pellucid::number(pellucid::exit_code_of(error));
  }
}
