// Substitution: `${name}` and `${name:-default}` in the scalars of a pipeline.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/value.h>

#include "pipeline/findings.h"
#include "pipeline/yaml.h"

namespace pellucid {

/// Names and values; null pointers elsewhere stand for the environment of the process.
using Environment = std::vector<std::pair<std::string, std::string>>;

/// The variables of a pipeline. A variable is evaluated once, before it is first used.
class Variables {
 public:
  Variables(const std::vector<Value::Entry>& definitions, const Environment* environment,
            Budget& budget, Findings& findings);

  /// `value` with every substitution done. What cannot be substituted is reported and stays as it
  /// is, at the place of the problem. Throws TooLarge.
  Value substitute(const Value& value);

  /// Evaluates all variables, so that the problems of unused ones are reported too.
  void evaluate_all();

 private:
  enum class State { untouched, in_evaluation, evaluated, failed };
  struct Variable {
    Value definition;
    State state = State::untouched;
    Value value = {};
    SourceLocation problem = {};  ///< where its failure was reported
  };
  struct Substitution;

  Value filled(const Value& scalar);
  Value looked_up(const Substitution& substitution, const Value& scalar);
  const Value& evaluated(const std::string& name);
  [[noreturn]] void fail(const SourceLocation& where, const std::string& sentence);
  [[noreturn]] void fail_circular(const std::string& name);

  std::map<std::string, Variable> variables_;
  std::vector<std::string> in_evaluation_;
  std::vector<std::string> keys_;  ///< on the way to what is being substituted
  int depth_of_defaults_ = 0;
  const Environment* environment_;
  Budget& budget_;
  Findings& findings_;
};

/// Whether `value` is exactly one substitution, so that it may become a list or a map.
bool is_whole_substitution(const Value& value);

/// Adds the names of all variables that `value` refers to.
void collect_references(const Value& value, std::set<std::string>& names);

/// `text` such that substitution gives back `text`.
std::string protected_from_substitution(const std::string& text);

/// What is wrong with `name` as a name of a node, a variable or an include; empty: nothing.
std::string fault_of_name(const std::string& name);

}  // namespace pellucid
