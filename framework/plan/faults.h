// Faults: all that is found wrong with a pipeline, the findings of its reader included.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/document.h"
#include "plan/plan.h"

namespace pellucid {

class Faults {
 public:
  explicit Faults(const Documents& documents);

  /// Something is wrong at a place; `node` is null where none is concerned.
  void add(const SourceLocation& where, const PlannedNode* node, const std::string& sentence);
  /// What an option of the command line asks for cannot be: "--items: SENTENCE".
  void add_of_option(const std::string& option, const std::string& sentence);
  /// An error that came out of a node; placed at the parameter or input that its sentence begins
  /// with, where there is one, else at the node's `use`.
  void add_error(const PlannedNode& node, const Error& error);
  /// Findings of a component about its settings.
  void add_findings(const PlannedNode& node, const std::vector<Problem>& findings);
  void note_missing_plugin() { plugins_missing_ = true; }

  /// Something is known to be wrong at this very place.
  bool known_at(const SourceLocation& where) const;
  bool empty() const { return problems_.empty(); }
  std::size_t count() const { return problems_.size(); }
  /// Throws PipelineErrors, in the order of the files, if anything was found.
  void throw_if_any() const;

 private:
  void add(Problem problem);

  const Documents& documents_;
  std::vector<Problem> problems_;
  std::set<std::string> seen_;  // place, node and sentence
  bool plugins_missing_ = false;
};

/// Calls into a component; what it throws becomes a fault of its node. False where it threw.
bool guarded(Faults& faults, const PlannedNode& node, const std::function<void()>& action);

/// "; did you mean 'x'?", or "; OWNER has 'a' and 'b'" where no name is near.
std::string suggestion_among(const std::string& name, const std::vector<std::string>& known,
                             const std::string& owner);

}  // namespace pellucid
