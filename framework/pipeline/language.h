// Language: what the keys of a pipeline mean.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <pellucid/value.h>

#include "pipeline/document.h"
#include "pipeline/findings.h"

namespace pellucid {

/// `settings:`, substituted.
RunSettings read_settings(const Value& settings, Findings& findings);

/// Names of the pipeline's nodes, for what refers to them.
struct NodeNames {
  std::set<std::string> known;
  std::vector<std::string> in_order;
};

/// One node, substituted.
NodeText read_node(const Value::Entry& node, const NodeNames& names, Findings& findings);

/// One item of `keep:`, substituted.
Reference read_kept(const Value& reference, const NodeNames& names, Findings& findings);

}  // namespace pellucid
