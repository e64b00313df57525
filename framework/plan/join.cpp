// Join: the points of a sweep become one graph, in which equal nodes stand once.

#include "base/hash.h"
#include "plan/dag.h"
#include "plan/draft.h"

namespace pellucid {
namespace {

/// What a node is by itself: everything that its text and its point's settings say about it.
void add_own_words(Hash& hash, const PlannedNode& node) {
  hash.add(node.name).add(node.use).add(node.settings.flow());
  hash.add(node.seed_name).add(static_cast<std::int64_t>(node.seed));
  hash.add(static_cast<std::int64_t>(node.nonfinite));
  hash.add(static_cast<std::int64_t>(node.on_item_error));
  hash.add(node.timeout ? std::to_string(*node.timeout) : "");
}

class Joiner {
 public:
  Joiner(Draft& draft, std::size_t number, BoundPoint point)
      : draft_(draft), number_(number), point_(std::move(point)) {}

  void join() {
    const std::size_t known = draft_.plan.nodes.size();
    place_.resize(point_.nodes.size());
    for (const std::size_t node : order()) place_[node] = place_of(node);
    for (std::size_t i = known; i < draft_.plan.nodes.size(); ++i)
      if (auto& function = draft_.plan.nodes[i].function) renumber(*function);

    for (const std::size_t place : place_) {
      std::vector<std::size_t>& points = draft_.facts[place].points;
      if (points.empty() || points.back() != number_) points.push_back(number_);
    }
    std::vector<OutputEnd> keep = std::move(point_.keep);
    for (OutputEnd& end : keep) end.first = place_[end.first];
    draft_.point_nodes.push_back(place_);
    draft_.point_keep.push_back(std::move(keep));
  }

 private:
  std::vector<std::size_t> order() const {
    Dag dag(point_.nodes.size());
    for (std::size_t i = 0; i < point_.nodes.size(); ++i)
      for (const PlannedInput& input : point_.nodes[i].inputs) dag.add_edge(input.node, i);
    return dag.order();
  }

  /// The number in the plan of a node whose producers are there already.
  std::size_t place_of(std::size_t number) {
    const std::size_t place = draft_.plan.nodes.size();
    const auto [known, is_new] = draft_.identities.emplace(identity_of(number), place);
    if (!is_new) return known->second;
    PlannedNode node = point_.nodes[number];
    for (PlannedInput& input : node.inputs) input.node = place_[input.node];
    draft_.plan.nodes.push_back(std::move(node));
    draft_.facts.push_back({point_.sound[number], {}});
    return place;
  }

  std::string identity_of(std::size_t number) const {
    const PlannedNode& node = point_.nodes[number];
    Hash hash;
    add_own_words(hash, node);
    for (const PlannedInput& input : node.inputs)
      hash.add(input.port).add(static_cast<std::int64_t>(place_[input.node])).add(input.from);
    if (node.function) add_function(hash, *node.function);
    // Each point has its own files.
    const bool writes = node.component && node.component->kind == Kind::sink;
    if (writes || !point_.sound[number]) hash.add(static_cast<std::int64_t>(number_));
    return hash.hex();
  }

  /// The nodes between, by their own words and names of their inputs: what they stand on in this
  /// point (the argument's own inputs) is no part of the function.
  void add_function(Hash& hash, const PlannedFunction& function) const {
    hash.add(point_.nodes[function.argument_node].name).add(function.argument_port);
    hash.add(function.value_port);
    for (const std::size_t between : function.between) {
      const PlannedNode& node = point_.nodes[between];
      add_own_words(hash, node);
      for (const PlannedInput& input : node.inputs)
        hash.add(input.port).add(point_.nodes[input.node].name).add(input.from);
    }
  }

  void renumber(PlannedFunction& function) const {
    function.argument_node = place_[function.argument_node];
    function.value_node = place_[function.value_node];
    for (std::size_t& node : function.between) node = place_[node];
  }

  Draft& draft_;
  std::size_t number_;
  BoundPoint point_;
  std::vector<std::size_t> place_;  // in the plan, by number in the point
};

}  // namespace

void join(Draft& draft, std::size_t point_number, BoundPoint point) {
  Joiner(draft, point_number, std::move(point)).join();
}

}  // namespace pellucid
