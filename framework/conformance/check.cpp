#include "conformance/check.h"

#include <cxxabi.h>

#include <cstdlib>
#include <typeinfo>

#include <pellucid/value.h>

namespace pellucid::conformance {

const char* name_of(Verdict::State state) {
  switch (state) {
    case Verdict::State::pass:
      return "pass";
    case Verdict::State::fail:
      return "FAIL";
    case Verdict::State::not_applicable:
      return "n/a";
  }
  return "";
}

const std::vector<Check>& checks() {
  static const std::vector<Check> all{
      {"description", "the descriptor and the manual name every port and setting",
       check_description},
      {"parameters", "declared ranges hold at their ends and refuse what lies beyond",
       check_parameters},
      {"specs", "what is inferred is what is returned", check_specs},
      {"dtype", "results have the precision of their inputs", check_dtype},
      {"device", "results are on the device of their inputs and agree with the CPU", check_device},
      {"strides", "results do not depend on how the inputs lie in memory", check_strides},
      {"inputs", "inputs are left as they are", check_inputs},
      {"blocks", "results do not depend on how items are cut into blocks", check_blocks},
      {"threads", "results do not depend on threads and on simultaneous calls", check_threads},
      {"tiles", "results do not depend on tiles grown by the declared halo", check_tiles},
      {"sizes", "odd sizes, single pixels, no pixels and no items work or are refused",
       check_sizes},
      {"nonfinite", "NaN and Inf stay visible and within their items", check_nonfinite},
      {"cancellation", "a long call ends soon after the run is to stop", check_cancellation},
      {"memory", "no more memory is taken than is declared", check_memory},
      {"adjoint", "<A x, y> = <x, A* y>", check_adjoint},
      {"linearity", "A (a x + b z) = a A x + b A z", check_linearity},
      {"gradient", "derivatives agree with finite differences", check_gradient},
      {"norm", "the declared norm is the largest singular value", check_norm},
      {"solve", "solve_normal solves (A* A + weight) x = b", check_solve},
      {"prox", "prox finds the smallest value of g(u) + |u - x|^2 / (2 step)", check_prox},
  };
  return all;
}

std::vector<std::string> check_names() {
  std::vector<std::string> names;
  for (const Check& check : checks()) names.emplace_back(check.name);
  return names;
}

std::string text_of(const std::exception& error) {
  if (const auto* ours = dynamic_cast<const Error*>(&error)) return ours->sentence();
  if (dynamic_cast<const Fault*>(&error)) return error.what();
  int status = 0;
  char* const name = abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status);
  std::string text = error.what();
  text = text.substr(0, text.find('\n'));
  text = std::string(status == 0 ? name : typeid(error).name()) + ": " + text;
  std::free(name);
  return text;
}

std::string number(double value) { return Value(value).text(); }

Verdict for_each_case(const Tested& tested, const std::function<Verdict(const Case&)>& verify) {
  std::string reason = "there is no case";
  std::size_t held = 0;
  for (const Case& one : tested.cases) {
    Verdict verdict;
    try {
      verdict = verify(one);
    } catch (const std::exception& error) {
      verdict = failed(text_of(error));
    }
    if (verdict.state == Verdict::State::fail)
      return failed(verdict.sentence + " (" + one.text() + ")");
    if (verdict.state == Verdict::State::pass) ++held;
    else reason = verdict.sentence;
  }
  if (held == 0) return not_applicable(reason);
  return {Verdict::State::pass, std::to_string(held) + (held == 1 ? " case" : " cases")};
}

}  // namespace pellucid::conformance
