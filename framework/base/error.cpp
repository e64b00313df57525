// Errors: their wording, and the nearest known name for a mistyped one.
#include <pellucid/error.h>

#include <algorithm>
#include <utility>

#include "base/lower_case.h"

namespace pellucid {
namespace {

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

/// Names longer than this are not mistyped names; comparing them would only cost time.
constexpr std::size_t kLongestName = 64;

}  // namespace

std::string SourceLocation::text() const {
  if (!file) return "<code>";
  if (line == 0) return *file;
  return *file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

Error::Error(const std::string& sentence) : Error(sentence, SourceLocation{}) {}

Error::Error(const std::string& sentence, SourceLocation where)
    : std::runtime_error(sentence), sentence_(sentence), where_(std::move(where)) {
  compose();
}

Error::Error(const Error&) = default;
Error& Error::operator=(const Error&) = default;
Error::~Error() = default;

void Error::attribute(const SourceLocation& where, const std::string& node,
                      const std::string& component) {
  if (!where_.file) where_ = where;
  if (node_.empty()) {
    node_ = node;
    component_ = component;
  }
  compose();
}

const char* Error::what() const noexcept { return composed_.c_str(); }

void Error::compose() {
  composed_.clear();
  if (where_.file || where_.line > 0) composed_ += where_.text() + ": ";
  if (!node_.empty()) {
    composed_ += "node '" + node_ + "'";
    if (!component_.empty()) composed_ += " (" + component_ + ")";
    composed_ += ": ";
  }
  composed_ += sentence_;
}

ConfigError::ConfigError(const ConfigError&) = default;
ConfigError::~ConfigError() = default;
ShapeError::ShapeError(const ShapeError&) = default;
ShapeError::~ShapeError() = default;
PluginError::PluginError(const PluginError&) = default;
PluginError::~PluginError() = default;

PipelineErrors::PipelineErrors(std::vector<Problem> problems, std::string report,
                               bool plugins_missing)
    : ConfigError(problems.empty() ? "the pipeline is wrong" : problems.front().sentence,
                  problems.empty() ? SourceLocation{} : problems.front().where),
      problems_(std::move(problems)),
      report_(std::move(report)),
      plugins_missing_(plugins_missing) {}

PipelineErrors::PipelineErrors(const PipelineErrors&) = default;
PipelineErrors::~PipelineErrors() = default;

const char* PipelineErrors::what() const noexcept { return report_.c_str(); }

std::string nearest_name(const std::string& name, const std::vector<std::string>& known) {
  if (name.empty() || name.size() > kLongestName) return {};
  const std::string wanted = lower_case(name);
  // A third of the letters may be wrong; of two letters none may.
  std::size_t nearest = std::max<std::size_t>(1, name.size() / 3) + 1;
  if (name.size() < 3) nearest = 1;
  std::string found;
  for (const std::string& candidate : known) {
    if (candidate.size() > kLongestName) continue;
    const std::size_t distance = edit_distance(wanted, lower_case(candidate));
    if (distance < nearest && candidate != name) {
      nearest = distance;
      found = candidate;
    }
  }
  if (!found.empty() || name.size() < 3) return found;

  // An abbreviation, "iter" for "iterations", where only one known name begins so.
  for (const std::string& candidate : known) {
    if (lower_case(candidate).rfind(wanted, 0) != 0) continue;
    if (!found.empty()) return {};
    found = candidate;
  }
  return found;
}

std::string listed(const std::vector<std::string>& names) {
  if (names.empty()) return "nothing";
  std::string text = "'" + names.front() + "'";
  for (std::size_t i = 1; i < names.size(); ++i)
    text += (i + 1 == names.size() ? " and '" : ", '") + names[i] + "'";
  return text;
}

}  // namespace pellucid
