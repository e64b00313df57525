// pellucid check: all that can be said of a pipeline before a pixel is read.

#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/actions.h"
#include "cli/outcome.h"
#include "cli/session.h"

namespace pellucid {
namespace {

using Json = nlohmann::ordered_json;

/// What is wrong with a pipeline, for editors.
std::string problems_json(const PipelineErrors& errors) {
  Json problems = Json::array();
  for (const Problem& problem : errors.problems()) {
    Json entry;
    if (problem.where.file) entry["file"] = *problem.where.file;
    if (problem.where.line > 0) {
      entry["line"] = problem.where.line;
      entry["column"] = problem.where.column;
    }
    if (!problem.node.empty()) entry["node"] = problem.node;
    if (!problem.component.empty()) entry["component"] = problem.component;
    entry["message"] = problem.sentence;
    problems.push_back(std::move(entry));
  }
  const Json report{{"problems", problems}, {"plugins_missing", errors.plugins_missing()}};
  return report.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

int check_pipeline(const Arguments& arguments) {
  const bool as_json = arguments.has("json");
  try {
    const Documents documents = documents_of(arguments);
    const Plan plan =
        make_plan(documents, registry_of(arguments), plan_options_of(arguments, documents));
    std::string text = as_json ? plan_json(plan) : plan_table(plan);
    if (text.empty() || text.back() != '\n') text += '\n';
    std::cout << text;
    return number(ExitCode::done);
  } catch (const PipelineErrors& errors) {
    if (!as_json) throw;
    std::cout << problems_json(errors) << "\n";
    return number(exit_code_of(errors));
  }
}

}  // namespace pellucid
