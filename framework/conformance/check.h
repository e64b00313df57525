// check: what the kit asks of a component, one law each.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "conformance/case.h"
#include "conformance/instance.h"

namespace pellucid::conformance {

struct Verdict {
  enum class State { pass, fail, not_applicable };
  State state = State::pass;
  /// Of a failure what was expected and found, and the case that shows it; else why.
  std::string sentence;
};
const char* name_of(Verdict::State state);

inline Verdict not_applicable(std::string why) {
  return {Verdict::State::not_applicable, std::move(why)};
}
inline Verdict failed(std::string sentence) { return {Verdict::State::fail, std::move(sentence)}; }

/// A component with cases that it takes.
struct Tested {
  const ComponentDescriptor* component = nullptr;
  std::string plugin;
  std::vector<Case> cases;
};

struct Check {
  const char* name;
  const char* law;  ///< what must hold, for the guide and the report
  Verdict (*verify)(const Tested& tested);
};

/// All checks, in the order of the report.
const std::vector<Check>& checks();
std::vector<std::string> check_names();

/// Calls `verify` for each case. The first failure counts and names the case; a Fault, or whatever
/// else is thrown, is one. Not applicable where all cases are that.
Verdict for_each_case(const Tested& tested, const std::function<Verdict(const Case&)>& verify);

/// What an exception says, its kind in front where it is not one of ours.
std::string text_of(const std::exception& error);
/// As pipelines write it.
std::string number(double value);

// description_checks.cpp
Verdict check_description(const Tested& tested);
Verdict check_parameters(const Tested& tested);
// call_checks.cpp
Verdict check_specs(const Tested& tested);
Verdict check_dtype(const Tested& tested);
Verdict check_device(const Tested& tested);
Verdict check_strides(const Tested& tested);
Verdict check_inputs(const Tested& tested);
Verdict check_sizes(const Tested& tested);
Verdict check_nonfinite(const Tested& tested);
// cutting_checks.cpp
Verdict check_blocks(const Tested& tested);
Verdict check_threads(const Tested& tested);
Verdict check_tiles(const Tested& tested);
// cost_checks.cpp
Verdict check_cancellation(const Tested& tested);
Verdict check_memory(const Tested& tested);
// law_checks.cpp
Verdict check_adjoint(const Tested& tested);
Verdict check_linearity(const Tested& tested);
Verdict check_gradient(const Tested& tested);
Verdict check_norm(const Tested& tested);
Verdict check_solve(const Tested& tested);
Verdict check_prox(const Tested& tested);

}  // namespace pellucid::conformance
