// RawPipeline: a pipeline file and its includes as one, before overrides and substitution.
#pragma once

#include <deque>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <pellucid/value.h>

#include "pipeline/findings.h"
#include "pipeline/source.h"
#include "pipeline/substitution.h"
#include "pipeline/yaml.h"

namespace pellucid {

/// Nodes have their full names ("optics.blur"), and what they refer to too.
struct RawPipeline {
  SourceLocation where;  ///< of the file that is run
  std::vector<Value::Entry> vars;
  std::vector<Value::Entry> nodes;
  Value settings;                    ///< a map, or null
  Value sweep;                       ///< anything: it is read later
  std::vector<Value> keep;           ///< "node.port"
  std::set<std::string> referenced;  ///< names of all variables that are used somewhere

  Value::Entry* find_node(const std::string& name);
  std::vector<std::string> node_names() const;
};

/// What reading needs beside the text.
struct Reading {
  const Environment* environment = nullptr;
  bool dotted_names = false;        ///< the text is a resolved one: its node names have dots
  std::deque<Source> sources = {};  ///< all texts that were read, in order
  Budget budget = {};
  Findings findings = {};
};

/// Sets the variables that the command line gives; asked before a name of an included file is
/// substituted.
using SetVariables = std::function<void(RawPipeline& so_far)>;

/// Joins a pipeline with all that it includes. What is wrong is in `reading.findings`; the rest is
/// usable. Throws TooLarge.
RawPipeline read_with_includes(Source main, const SetVariables& set_variables, Reading& reading);

}  // namespace pellucid
