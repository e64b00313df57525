// report: findings for people, for continuous integration, and from one process to another.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "conformance/conformance.h"

namespace pellucid::conformance {

/// A line for each check, those of a component together, then how many passed.
std::string table_text(const std::string& plugin, const std::vector<Finding>& findings);

/// JUnit XML: a suite a component, a test case a check; and a document of such suites.
std::string junit_suites(const std::string& plugin, const std::vector<Finding>& findings);
std::string junit_text(const std::string& suites);

bool any_failed(const std::vector<Finding>& findings);

/// One line of JSON; a check that starts is {"starting": NAME}.
std::string line_of(const Finding& finding);
std::string line_of_start(const std::string& check);

/// What a line says: a check that starts, or a finding; neither for any other text.
struct Line {
  std::string starting;
  std::optional<Finding> finding;
};
Line read_line(const std::string& text);

}  // namespace pellucid::conformance
