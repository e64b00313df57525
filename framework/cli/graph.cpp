// pellucid graph: the graph of a pipeline, for Graphviz or Mermaid.

#include <iostream>

#include "cli/actions.h"
#include "cli/outcome.h"
#include "cli/session.h"

namespace pellucid {

int draw_graph(const Arguments& arguments) {
  const std::string format = arguments.has("format") ? arguments.text("format") : "dot";
  if (format != "dot" && format != "mermaid")
    throw UsageError("--format must be dot or mermaid, found '" + format + "'");

  const Documents documents = documents_of(arguments);
  const Plan plan =
      make_plan(documents, registry_of(arguments), plan_options_of(arguments, documents));
  std::string text = plan_graph(plan, format == "dot" ? GraphFormat::dot : GraphFormat::mermaid);
  if (text.empty() || text.back() != '\n') text += '\n';
  std::cout << text;
  return number(ExitCode::done);
}

}  // namespace pellucid
