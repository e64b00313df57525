#include "conformance/report.h"

#include <algorithm>
#include <map>
#include <sstream>

#include <nlohmann/json.hpp>

#include "base/wrapped.h"

namespace pellucid::conformance {
namespace {

using Json = nlohmann::json;
using State = Verdict::State;

constexpr std::size_t kWidth = 100;

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '&') safe += "&amp;";
    else if (c == '<') safe += "&lt;";
    else if (c == '>') safe += "&gt;";
    else if (c == '"') safe += "&quot;";
    else if (static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\t') safe += '?';
    else safe += c;
  }
  return safe;
}

std::string padded(const std::string& text, std::size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text;
}

/// Components in the order of the findings, each with its own.
std::vector<std::pair<std::string, std::vector<Finding>>> by_component(
    const std::vector<Finding>& findings) {
  std::vector<std::pair<std::string, std::vector<Finding>>> groups;
  for (const Finding& finding : findings) {
    if (groups.empty() || groups.back().first != finding.component)
      groups.push_back({finding.component, {}});
    groups.back().second.push_back(finding);
  }
  return groups;
}

/// "operators/radon"; the plugin alone where nothing is known of its components.
std::string title_of(const std::string& plugin, const std::string& component) {
  return component.empty() ? plugin : plugin + "/" + component;
}

std::ptrdiff_t count(const std::vector<Finding>& findings, State state) {
  return std::count_if(findings.begin(), findings.end(),
                       [state](const Finding& finding) { return finding.verdict.state == state; });
}

std::string seconds_text(double seconds) {
  std::ostringstream text;
  text.setf(std::ios::fixed);
  text.precision(3);
  text << seconds;
  return text.str();
}

}  // namespace

std::string table_text(const std::string& plugin, const std::vector<Finding>& findings) {
  std::size_t width = 0;
  for (const std::string& name : finding_names()) width = std::max(width, name.size());
  std::string text;
  for (const auto& [component, group] : by_component(findings)) {
    text += title_of(plugin, component) + "\n";
    for (const Finding& finding : group) {
      const std::string head = "  " + padded(name_of(finding.verdict.state), 4) + "  " +
                               padded(finding.check, width) + "  ";
      std::string line = head + wrapped(finding.verdict.sentence, head.size(), kWidth);
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    text += "\n";
  }
  return text + std::to_string(count(findings, State::pass)) + " passed, " +
         std::to_string(count(findings, State::fail)) + " failed\n";
}

std::string junit_suites(const std::string& plugin, const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& [component, group] : by_component(findings)) {
    const std::string name = escaped(title_of(plugin, component));
    text += "  <testsuite name=\"" + name + "\" tests=\"" + std::to_string(group.size()) +
            "\" failures=\"" + std::to_string(count(group, State::fail)) + "\" skipped=\"" +
            std::to_string(count(group, State::not_applicable)) + "\">\n";
    for (const Finding& finding : group) {
      text += "    <testcase classname=\"" + name + "\" name=\"" + finding.check + "\" time=\"" +
              seconds_text(finding.seconds) + "\"";
      const std::string said = escaped(finding.verdict.sentence);
      if (finding.verdict.state == State::fail)
        text += "><failure message=\"" + said + "\"/></testcase>\n";
      else if (finding.verdict.state == State::not_applicable)
        text += "><skipped message=\"" + said + "\"/></testcase>\n";
      else text += "/>\n";
    }
    text += "  </testsuite>\n";
  }
  return text;
}

std::string junit_text(const std::string& suites) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n" + suites + "</testsuites>\n";
}

bool any_failed(const std::vector<Finding>& findings) { return count(findings, State::fail) > 0; }

std::string line_of(const Finding& finding) {
  const Json json{{"component", finding.component},
                  {"check", finding.check},
                  {"state", name_of(finding.verdict.state)},
                  {"sentence", finding.verdict.sentence},
                  {"seconds", finding.seconds}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string line_of_start(const std::string& check) { return Json{{"starting", check}}.dump(); }

Line read_line(const std::string& text) {
  Line line;
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return line;
  line.starting = json.value("starting", "");
  if (!json.contains("check") || !json.contains("state")) return line;
  Finding finding;
  finding.component = json.value("component", "");
  finding.check = json.value("check", "");
  finding.verdict.sentence = json.value("sentence", "");
  finding.seconds = json.value("seconds", 0.0);
  for (const State state : {State::pass, State::fail, State::not_applicable})
    if (json.value("state", "") == name_of(state)) finding.verdict.state = state;
  line.finding = finding;
  return line;
}

}  // namespace pellucid::conformance
