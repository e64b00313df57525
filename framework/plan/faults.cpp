#include "plan/faults.h"

#include <algorithm>
#include <memory>

#include "base/attributed.h"

namespace pellucid {
namespace {

/// The name that a sentence begins with in quotes, as in "'noise' must be ...".
std::string quoted_start(const std::string& sentence) {
  if (sentence.size() < 2 || sentence.front() != '\'') return {};
  const std::size_t end = sentence.find('\'', 1);
  return end == std::string::npos ? std::string() : sentence.substr(1, end - 1);
}

/// Where in its node an error about a parameter or an input belongs.
SourceLocation place_in(const PlannedNode& node, const std::string& sentence) {
  const std::string name = quoted_start(sentence);
  if (name.empty()) return node.use_where;
  if (const Value* value = node.settings.find(name); value && value->where().file)
    return value->where();
  for (const PlannedInput& input : node.inputs)
    if (input.port == name && input.where.file) return input.where;
  return node.use_where;
}

}  // namespace

Faults::Faults(const Documents& documents) : documents_(documents) {
  for (const Problem& problem : documents.problems) add(problem);
}

void Faults::add(Problem problem) {
  // A sweep meets the same fault in many points.
  if (seen_.insert(problem.where.text() + '\n' + problem.node + '\n' + problem.sentence).second)
    problems_.push_back(std::move(problem));
}

void Faults::add(const SourceLocation& where, const PlannedNode* node,
                 const std::string& sentence) {
  add({where, node ? node->name : "", node ? node->use : "", sentence});
}

void Faults::add_of_option(const std::string& option, const std::string& sentence) {
  add({{std::make_shared<const std::string>(option)}, {}, {}, sentence});
}

void Faults::add_error(const PlannedNode& node, const Error& error) {
  const bool placed = error.where().file != nullptr;
  add(placed ? error.where() : place_in(node, error.sentence()), &node, error.sentence());
}

void Faults::add_findings(const PlannedNode& node, const std::vector<Problem>& findings) {
  for (const Problem& finding : findings)
    add(finding.where.file ? finding.where : node.use_where, &node, finding.sentence);
}

bool Faults::known_at(const SourceLocation& where) const {
  return std::any_of(problems_.begin(), problems_.end(), [&where](const Problem& problem) {
    return problem.where.text() == where.text();
  });
}

void Faults::throw_if_any() const {
  if (problems_.empty()) return;
  std::vector<Problem> ordered = in_file_order(problems_, documents_.sources);
  std::string report = report_of(ordered, documents_.sources);
  throw PipelineErrors(std::move(ordered), std::move(report), plugins_missing_);
}

bool guarded(Faults& faults, const PlannedNode& node, const std::function<void()>& action) {
  try {
    // The place is left open, so that it can follow from the sentence.
    attributed({}, node.name, node.use, action);
    return true;
  } catch (const PluginError& error) {
    faults.note_missing_plugin();
    faults.add_error(node, error);
  } catch (const Error& error) {
    faults.add_error(node, error);
  }
  return false;
}

std::string suggestion_among(const std::string& name, const std::vector<std::string>& known,
                             const std::string& owner) {
  const std::string nearest = nearest_name(name, known);
  if (!nearest.empty()) return "; did you mean '" + nearest + "'?";
  return "; " + owner + " has " + listed(known);
}

}  // namespace pellucid
