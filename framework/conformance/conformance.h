// conformance: whether a component keeps the rules of the SDK, found out without its source.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conformance/case_file.h"
#include "conformance/check.h"

namespace pellucid::conformance {

/// What a check found out about a component. The first of each component is "cases": whether it
/// could be tried at all.
struct Finding {
  std::string component;
  std::string check;
  Verdict verdict;
  double seconds = 0;
};

inline constexpr const char* kCases = "cases";
/// The one finding about a plugin whose library cannot be loaded; its component is empty.
inline constexpr const char* kLoading = "loading";

/// "cases", then the names of all checks.
std::vector<std::string> finding_names();

/// Who is told before each check and after it.
struct Listener {
  std::function<void(const std::string& check)> starting = [](const std::string&) {};
  std::function<void(const Finding&)> found;
};

/// Looks for cases and runs the checks, those of `only` where it is not empty.
void test_component(const ComponentDescriptor& component, const Advice& advice,
                    const std::vector<std::string>& only, const Listener& listener);

}  // namespace pellucid::conformance
