// candidates: cases that a component takes, found from its declarations alone.
#pragma once

#include <string>
#include <vector>

#include "conformance/case.h"

namespace pellucid::conformance {

struct Found {
  std::vector<Case> cases;   ///< the plainest first
  std::string last_refusal;  ///< of the last case that was tried, for a report that none fits
  std::string fault;         ///< an exception that was no refusal: its text and the case
};

/// Tries settings (`plain_settings` and their variations), inputs (with and without optional ones)
/// and specs (pictures, volumes, signals; real, complex and whole numbers), and keeps of each
/// settings and inputs the first specs that the component plans with.
Found find_cases(const ComponentDescriptor& component);

/// The same for one case whose settings and some of whose inputs are given.
Found complete(const ComponentDescriptor& component, const Case& given);

}  // namespace pellucid::conformance
