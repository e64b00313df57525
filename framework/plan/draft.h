// Draft: a plan in the making, which the steps of planning hand on to each other.
//
//   bind      documents and registry -> one bound graph for each point of the sweep
//   join      -> one list of nodes, those that are equal in several points once
//   infer     -> specs of all edges
//   select    -> the nodes that results need
//   cut       -> streams, blocks and tiles
//   size      -> memory and disk
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/document.h"
#include "plan/faults.h"
#include "plan/plan.h"

namespace pellucid {

/// One end of an edge at its producer; the port is empty where that is the object itself.
using OutputEnd = std::pair<std::size_t, std::string>;

/// One point of the sweep, bound: nodes in the order of the file, inputs by number in that order.
struct BoundPoint {
  const Document* document = nullptr;
  std::vector<PlannedNode> nodes;
  /// False: what is wrong has been said, so nothing more is asked of the node.
  std::vector<bool> sound;
  std::vector<OutputEnd> keep;
};

/// What is known of a node only while planning.
struct NodeFacts {
  bool sound = true;
  std::vector<std::size_t> points;  ///< that use it
};

struct Draft {
  const Documents& documents;
  const Registry& registry;
  const PlanOptions& options;
  Faults faults;
  Plan plan;                                      ///< nodes: producers first
  std::vector<NodeFacts> facts;                   ///< by node
  std::map<std::string, std::size_t> identities;  ///< nodes by the hash of all that they are
  /// For each point: its nodes in the order of the file, and what it keeps.
  std::vector<std::vector<std::size_t>> point_nodes;
  std::vector<std::vector<OutputEnd>> point_keep;
};

/// Finds components, checks ports and connects nodes; cycles are found and cut.
BoundPoint bind(Draft& draft, const Document& document);

/// Finds the nodes that each `pipeline/function` stands for, and connects their other inputs to it.
void bind_functions(Draft& draft, BoundPoint& point);

/// Reports the cycles of a bound graph and takes them apart; their nodes are no longer sound.
void cut_cycles(Draft& draft, BoundPoint& point);

/// Adds the nodes of a point to the plan, those that are there already once.
void join(Draft& draft, std::size_t point_number, BoundPoint point);

/// Finds which objects isolated nodes use, and which the others.
void find_copies(Draft& draft);

/// Makes the components of all nodes and asks them for the specs of their outputs.
void make_components(Draft& draft);
void infer(Draft& draft);

/// Keeps what the results need.
void select(Draft& draft);

/// Puts nodes into streams, and cuts these into blocks.
void cut_into_streams(Draft& draft);
void cut_into_blocks(Draft& draft);

/// Predicts memory and disk; what does not fit is a fault.
void predict_memory(Draft& draft);
void predict_disk(Draft& draft);

/// Gives every node its key, and the plan its own.
void make_keys(Draft& draft);

}  // namespace pellucid
