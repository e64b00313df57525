// edges: what a node of a plan is given, as specs.
#pragma once

#include <functional>

#include "plan/plan.h"

namespace pellucid {

/// The value of a producer's output: a Spec, a TableSpec or an object.
Inputs::Edge edge_at(const Plan& plan, const PlannedInput& input);

/// The inputs of a node with the specs of all items and with objects, as `infer` gets them; `fill`
/// may put values, or the specs of fewer items, into each edge.
using FillEdge = std::function<void(const PlannedInput& input, Inputs::Edge& edge)>;
Inputs inputs_of(const Plan& plan, std::size_t node, const FillEdge& fill = {});

/// Items that an input of a node counts: N, or 1.
struct ItemCount {
  std::int64_t items = 1;
  std::int64_t first_item = 0;
  bool per_item = false;
};
ItemCount items_of(const Plan& plan, const PlannedInput& input);

/// Number of the first item that an output speaks of: that of the dataset's items where it counts
/// those, else 0.
std::int64_t first_item_of(const Plan& plan, std::size_t node, const std::string& port);

/// "restore.mean", or "restore" where that is its only output or the object itself.
std::string end_name(const PlannedNode& producer, const std::string& port);

/// The name of a node and, in a sweep, what tells the points that use it from the others:
/// "camera (sigma=0.1)".
std::string title_of(const Plan& plan, std::size_t node);

bool is_data(PortType type);

/// A node of this kind needs all items before it gives anything.
bool gives_whole(Kind kind);

}  // namespace pellucid
