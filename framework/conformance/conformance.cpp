#include "conformance/conformance.h"

#include <algorithm>
#include <chrono>

#include "conformance/candidates.h"

namespace pellucid::conformance {
namespace {

/// Cases that the component plans with, those of the file before those that were found.
Found cases_for(const ComponentDescriptor& component, const Advice& advice) {
  if (advice.cases.empty()) return find_cases(component);
  Found all;
  for (const Case& given : advice.cases) {
    Found found = complete(component, given);
    if (found.cases.empty())
      throw ConfigError("the case " + given.text() + " of the file is refused: " +
                        (found.fault.empty() ? found.last_refusal : found.fault));
    all.cases.insert(all.cases.end(), found.cases.begin(), found.cases.end());
  }
  return all;
}

/// The case with ones and zeros at all inputs but the first, where that is what they must hold.
std::optional<Case> with_masks(const ComponentDescriptor& component, const Case& of) {
  Case one = of;
  const bool is_made = is_object(component.kind);
  bool first = !is_made;
  for (Inputs::Edge& edge : one.inputs) {
    if (!std::holds_alternative<Spec>(edge.spec)) continue;
    if (!first) edge = as_mask(edge);
    first = false;
  }
  try {
    Instance(component, one).run();
    return one;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::string counted_cases(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " case" : " cases");
}

/// A component with the cases that run, and what came of those that did not.
struct Trial {
  Tested tested;
  Verdict cases;
  std::string broken;  ///< a promise that was broken: for "specs"
};

Trial tried(const ComponentDescriptor& component, const Advice& advice) {
  Trial trial;
  trial.tested.component = &component;
  Found found;
  try {
    found = cases_for(component, advice);
  } catch (const std::exception& error) {
    trial.cases = failed(text_of(error));
    return trial;
  }
  if (!found.fault.empty())
    trial.broken = "specs that do not fit must be refused in words, and ended in " + found.fault;
  std::string ended;
  for (const Case& one : found.cases) {
    try {
      Instance(component, one).run();
      trial.tested.cases.push_back(one);
    } catch (const Error& error) {
      if (const auto masked = with_masks(component, one)) {
        trial.tested.cases.push_back(*masked);
        continue;
      }
      ended = "the case " + one.text() +
              " is planned, and ends in an error when it is run: " + error.sentence();
    } catch (const std::exception& error) {
      trial.broken = text_of(error) + " (" + one.text() + ")";
    }
  }
  if (!trial.tested.cases.empty() && !ended.empty())
    trial.cases = failed(ended + "; what follows from settings and specs is refused by `infer`");
  else if (!trial.tested.cases.empty())
    trial.cases.sentence = counted_cases(trial.tested.cases.size()) + ", the first " +
                           trial.tested.cases.front().text();
  else if (!trial.broken.empty()) trial.cases = not_applicable("no case runs, see 'specs'");
  else
    trial.cases = failed(
        "no settings and inputs were found that it takes; describe one in a file " +
        std::string("of cases. The last refusal: ") + (ended.empty() ? found.last_refusal : ended));
  return trial;
}

Verdict verdict_of(const Check& check, const Trial& trial, const Advice& advice) {
  if (const auto except = advice.except.find(check.name); except != advice.except.end())
    return not_applicable("excluded: " + except->second);
  const std::string name = check.name;
  if (name == "specs" && !trial.broken.empty()) return failed(trial.broken);
  if (trial.tested.cases.empty() && name != "description")
    return not_applicable("there is no case that runs");
  try {
    return check.verify(trial.tested);
  } catch (const std::exception& error) {
    return failed(text_of(error));
  }
}

}  // namespace

std::vector<std::string> finding_names() {
  std::vector<std::string> names = check_names();
  names.insert(names.begin(), kCases);
  return names;
}

void test_component(const ComponentDescriptor& component, const Advice& advice,
                    const std::vector<std::string>& only, const Listener& listener) {
  using Clock = std::chrono::steady_clock;
  auto start = Clock::now();
  const auto is_wanted = [&only](const std::string& name) {
    return only.empty() || std::find(only.begin(), only.end(), name) != only.end();
  };
  const auto begin = [&](const std::string& check) {
    start = Clock::now();
    listener.starting(check);
  };
  const auto tell = [&](const std::string& check, Verdict verdict) {
    listener.found({component.name, check, std::move(verdict),
                    std::chrono::duration<double>(Clock::now() - start).count()});
  };

  begin(kCases);
  if (!advice.skip.empty()) {
    tell(kCases, not_applicable("excluded: " + advice.skip));
    return;
  }
  const Trial trial = tried(component, advice);
  if (is_wanted(kCases)) tell(kCases, trial.cases);
  for (const Check& check : checks()) {
    if (!is_wanted(check.name)) continue;
    begin(check.name);
    tell(check.name, verdict_of(check, trial, advice));
  }
}

}  // namespace pellucid::conformance
