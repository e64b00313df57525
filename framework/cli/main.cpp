// pellucid: the small program. Help, versions, wrong command lines and text that is no pipeline are
// answered here, in milliseconds; everything else by libpellucid.so, which brings libtorch.

#include <dlfcn.h>
#include <stdlib.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include <pellucid/version.h>

#include "cli/arguments.h"
#include "isolation/server.h"
#include "pipeline/document.h"

namespace pellucid {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kWrong = 2;

int print_help(const Arguments& arguments) {
  const Command* command = arguments.command();
  if (command != nullptr && command->name == std::string("help") && !arguments.asks_for_help()) {
    if (arguments.operand().empty()) {
      std::cout << general_help();
      return kDone;
    }
    command = find_command(arguments.operand());
    if (command == nullptr) throw UsageError(unknown_command(arguments.operand()));
  }
  std::cout << (command != nullptr ? help_of(*command) : general_help());
  return kDone;
}

/// The report of a pipeline that is not even a tree of settings and nodes; empty for others, whose
/// text may still be wrong: they are reported together with what the plugins say.
std::string unreadable(const Arguments& arguments) {
  if (!arguments.command()->reads_pipeline || arguments.has("json")) return {};
  ReadOptions options;
  options.overrides = arguments.texts("set");
  const Documents documents = read_pipeline(arguments.operand(), options);
  if (!documents.points.empty()) return {};
  return report_of(documents.problems, documents.sources);
}

/// After each loop OpenMP's threads wait busily for the next one, on cores that the run's other
/// threads have work for; this long has been best. Read when OpenMP is loaded, with the library.
void wait_less_busily() { ::setenv("GOMP_SPINCOUNT", "1000", /*overwrite=*/0); }

/// The library lies where the program's run path says, in an installation as in the build tree.
int run_in_library(int argc, char** argv) {
  wait_less_busily();
  void* const library = dlopen("libpellucid.so", RTLD_NOW | RTLD_LOCAL);
  void* const entry = library == nullptr ? nullptr : dlsym(library, "pellucid_main");
  if (entry == nullptr) {
    std::cerr << "pellucid: the rest of this program cannot be loaded: " << dlerror() << "\n";
    return kFailed;
  }
  return reinterpret_cast<int (*)(int, char**)>(entry)(argc, argv);
}

int answer(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == kServe) return run_in_library(argc, argv);
  try {
    const Arguments arguments = Arguments::parse(argc, argv);
    if (arguments.asks_for_version()) {
      std::cout << "pellucid " << kVersion << "\n";
      return kDone;
    }
    if (arguments.asks_for_help() || arguments.command()->name == std::string("help"))
      return print_help(arguments);
    const std::string report = unreadable(arguments);
    if (!report.empty()) {
      std::cerr << report;
      return kWrong;
    }
  } catch (const UsageError& error) {
    std::cerr << "pellucid: " << error.what() << "\n";
    return kWrong;
  }
  return run_in_library(argc, argv);
}

}  // namespace
}  // namespace pellucid

int main(int argc, char** argv) { return pellucid::answer(argc, argv); }
