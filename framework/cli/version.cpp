// pellucid version: what this Pellucid is and what it was built with, as plugins must match it.

#include <iostream>
#include <sstream>

#include <pellucid/version.h>

#include "cli/actions.h"
#include "cli/outcome.h"
#include "plugin/stamp.h"

namespace pellucid {

int print_version(const Arguments&) {
  std::cout << "pellucid " << kVersion << "\nlanguage " << kLanguageVersion << "\n";
  // "pellucid-plugin:abi=1;sdk=...;torch=...;"
  std::istringstream stamp{std::string(host_stamp())};
  std::string field;
  std::getline(stamp, field, ':');
  while (std::getline(stamp, field, ';')) {
    const std::size_t equals = field.find('=');
    if (equals != std::string::npos)
      std::cout << field.substr(0, equals) << " " << field.substr(equals + 1) << "\n";
  }
  return number(ExitCode::done);
}

}  // namespace pellucid
