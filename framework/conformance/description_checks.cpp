// What a component says of itself, and whether it keeps to the ranges that it declares.

#include <regex>
#include <set>

#include "conformance/check.h"
#include "conformance/settings.h"

namespace pellucid::conformance {
namespace {

/// Calls that would need more than this are planned only.
constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;

bool names(const std::string& manual, const std::string& word) {
  static const std::string special = R"(\^$.|?*+()[]{})";
  std::string pattern;
  for (const char c : word)
    pattern += (special.find(c) != std::string::npos ? "\\" : "") + std::string(1, c);
  return std::regex_search(manual, std::regex("(^|[^\\w])" + pattern + "($|[^\\w])"));
}

/// What is missing in a field or one inside of it.
std::string fault_of(const Field& field, const std::string& path, const std::string& manual) {
  if (field.summary.empty() && path.find('.') == std::string::npos)
    return "the setting '" + path + "' has no summary";
  if (!names(manual, field.key)) return "the manual does not name the setting '" + path + "'";
  std::set<std::string> seen;
  for (const Field& inner : field.fields) {
    if (field.type == Field::Type::list) break;
    if (!seen.insert(inner.key).second) return "'" + path + "' has two entries '" + inner.key + "'";
    if (const std::string said = fault_of(inner, path + "." + inner.key, manual); !said.empty())
      return said;
  }
  if (field.least > field.most)
    return "the range of '" + path + "' is empty: " + field.range_text();
  return {};
}

std::int64_t bytes_of(const Promises& promised) {
  std::int64_t bytes = 0;
  for (const auto& [port, promise] : promised)
    if (const auto* spec = std::get_if<Spec>(&promise)) bytes += spec->bytes();
  return bytes;
}

Verdict at_an_end(const Tested& tested, const Case& base, const Probe& probe) {
  const std::string what =
      "'" + probe.path + "' = " + probe.value + ", which its range " + probe.law + " admits, ";
  Case one = base;
  one.settings = probe.settings;
  Problems problems;
  try {
    if (!tested.component->create(probe.settings, problems) && !problems.empty())
      return failed(what + "was refused: " + problems.front().sentence);
    const Instance plan(*tested.component, one, /*only_planned=*/true);
    const bool small = plan.promised().empty() || bytes_of(plan.promised()) < kMostBytes;
    if (!probe.computed || !small || plan.working_bytes().value_or(0) > kMostBytes) return {};
  } catch (const Error&) {
    return {};  // refused with a sentence, together with the other settings or these specs
  } catch (const std::exception& error) {
    return failed(what + "ended in " + text_of(error));
  }
  try {
    const Instance instance(*tested.component, one);
    const std::string bad = nonfinite(instance.run());
    if (!bad.empty()) return failed(what + "gave numbers that are not finite: " + bad);
  } catch (const Error&) {
    return {};
  } catch (const std::exception& error) {
    return failed(what + "ended in " + text_of(error));
  }
  return {};
}

Verdict beyond(const Tested& tested, const Probe& probe) {
  Problems problems;
  try {
    const auto made = tested.component->create(probe.settings, problems);
    if (!problems.empty() || !made) return {};
  } catch (const Error&) {
    return {};
  } catch (const std::exception& error) {
    return failed("'" + probe.path + "' = " + probe.value +
                  " must be refused in words, and ended in " + text_of(error));
  }
  return failed("'" + probe.path + "' = " + probe.value + " must be refused" +
                (probe.law.empty() ? "" : " (declared " + probe.law + ")") + ", and was taken");
}

}  // namespace

Verdict check_description(const Tested& tested) {
  const ComponentDescriptor& component = *tested.component;
  const std::string name = component.name, summary = component.summary, manual = component.manual;
  if (!std::regex_match(name, std::regex("[A-Za-z0-9][A-Za-z0-9_-]*")))
    return failed("a component's name has letters, digits, '_' and '-', got '" + name + "'");
  if (summary.empty() || summary.find('\n') != std::string::npos)
    return failed("the summary must be one line, got '" + summary + "'");
  if (manual.empty())
    return failed("there is no manual: the source must begin with a comment '// " + name +
                  ": ...'");
  if (!manual.starts_with(name + ": "))
    return failed("the manual must begin with '" + name + ": ', got '" +
                  manual.substr(0, manual.find('\n')) + "'");
  for (const Port& port : component.ports().all()) {
    if (std::string(port.summary).empty())
      return failed("the port '" + std::string(port.name) + "' has no summary");
    if (!port.any && !names(manual, port.name))
      return failed("the manual does not name the port '" + std::string(port.name) + "'");
  }
  for (const Field& field : component.fields())
    if (const std::string said = fault_of(field, field.key, manual); !said.empty())
      return failed(said);
  return {Verdict::State::pass, std::to_string(component.ports().all().size()) + " ports, " +
                                    std::to_string(component.fields().size()) + " settings"};
}

Verdict check_parameters(const Tested& tested) {
  const Case& base = tested.cases.front();
  const std::vector<Probe> all = probes(tested.component->fields(), base.settings);
  for (const Probe& probe : all) {
    const Verdict verdict = probe.admitted ? at_an_end(tested, base, probe) : beyond(tested, probe);
    if (verdict.state == Verdict::State::fail)
      return failed(verdict.sentence + " (" + base.text() + ")");
  }
  return {Verdict::State::pass, std::to_string(all.size()) + " values"};
}

}  // namespace pellucid::conformance
