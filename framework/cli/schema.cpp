// pellucid schema: a JSON Schema of pipelines, for editors.

#include <iostream>

#include "cli/actions.h"
#include "cli/outcome.h"
#include "cli/session.h"
#include "plugin/json_schema.h"

namespace pellucid {

int print_schema(const Arguments& arguments) {
  std::string text = json_schema(registry_of(arguments));
  if (text.empty() || text.back() != '\n') text += '\n';
  std::cout << text;
  return number(ExitCode::done);
}

}  // namespace pellucid
