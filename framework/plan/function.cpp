// Functions: which nodes a `pipeline/function` stands for, and what else these need.
#include <algorithm>

#include "plan/dag.h"
#include "plan/draft.h"
#include "plan/function_model.h"

namespace pellucid {
namespace {

/// Why a node may not stand between argument and value; empty where it may.
std::string hindrance(const ComponentDescriptor& component) {
  switch (component.kind) {
    case Kind::reducer:
    case Kind::procedure:
      return "needs all items before it gives anything";
    case Kind::sink:
      return "writes files";
    default:
      return {};
  }
}

std::string quoted(const std::string& name) { return "'" + name + "'"; }

class FunctionBinder {
 public:
  FunctionBinder(Draft& draft, BoundPoint& point, std::size_t number)
      : faults_(draft.faults), point_(point), number_(number) {}

  /// Finds the nodes between, and connects what else they need; true where that changed.
  bool update() {
    PlannedNode& node = point_.nodes[number_];
    PlannedFunction& function = *node.function;
    function.between = nodes_between();
    const std::vector<PlannedInput> before = std::move(node.inputs);
    node.inputs = side_inputs();
    return node.inputs.size() != before.size();
  }

  void check() {
    const PlannedNode& node = point_.nodes[number_];
    const PlannedFunction& function = *node.function;
    const std::string argument = quoted(end_name(function.argument_node, function.argument_port));
    const std::string value = quoted(end_name(function.value_node, function.value_port));
    const std::string ends = argument + " and " + value;
    if (function.between.empty()) {
      complain(value + " does not depend on " + argument +
               ", so there is no function between them");
      return;
    }
    for (const std::size_t between : function.between) {
      const PlannedNode& inner = point_.nodes[between];
      if (!inner.component) continue;
      const std::string reason = hindrance(*inner.component);
      if (!reason.empty())
        complain(quoted(inner.name) + " stands between " + ends + " and " + reason +
                 "; a function can only be made of nodes that work item by item");
    }
    const auto is_itself = [this](const PlannedInput& input) { return input.node == number_; };
    if (std::erase_if(point_.nodes[number_].inputs, is_itself) > 0)
      complain("a node between " + ends + " uses " + quoted(node.name) +
               " itself, so it would call itself without end");
  }

 private:
  std::string end_name(std::size_t node, const std::string& port) const {
    const PlannedNode& producer = point_.nodes[node];
    const auto& ports = producer.component->ports().all();
    const auto outputs = std::count_if(ports.begin(), ports.end(), [](const Port& p) {
      return p.direction == Port::Direction::out;
    });
    return outputs > 1 ? producer.name + "." + port : producer.name;
  }

  void complain(const std::string& sentence) {
    point_.sound[number_] = false;
    faults_.add(point_.nodes[number_].use_where, &point_.nodes[number_], sentence);
  }

  bool consumes_argument(const PlannedInput& input) const {
    const PlannedFunction& function = *point_.nodes[number_].function;
    return input.node == function.argument_node && input.from == function.argument_port;
  }

  /// Downstream of the argument's port and upstream of the value, producers first.
  std::vector<std::size_t> nodes_between() const {
    const PlannedFunction& function = *point_.nodes[number_].function;
    Dag dag(point_.nodes.size());
    std::vector<std::size_t> starts;
    for (std::size_t i = 0; i < point_.nodes.size(); ++i) {
      if (i == number_) continue;  // what the function needs follows from what is between
      for (const PlannedInput& input : point_.nodes[i].inputs) {
        dag.add_edge(input.node, i);
        if (consumes_argument(input)) starts.push_back(i);
      }
    }
    if (!dag.cycles().empty()) return function.between;  // reported once all are connected
    const std::vector<bool> below = dag.downstream_of(starts);
    const std::vector<bool> above = dag.upstream_of({function.value_node});
    std::vector<std::size_t> between;
    for (const std::size_t node : dag.order())
      if (below[node] && above[node]) between.push_back(node);
    // In the order of the graph nothing between comes after the value.
    return between;
  }

  std::vector<PlannedInput> side_inputs() const {
    const std::vector<std::size_t>& between = point_.nodes[number_].function->between;
    std::vector<PlannedInput> side;
    for (const std::size_t inner : between) {
      for (const PlannedInput& input : point_.nodes[inner].inputs) {
        if (consumes_argument(input)) continue;
        if (std::find(between.begin(), between.end(), input.node) != between.end()) continue;
        PlannedInput edge = input;
        edge.port = point_.nodes[input.node].name;
        if (!input.from.empty()) edge.port += "." + input.from;
        edge.open = false;
        const bool known = std::any_of(side.begin(), side.end(), [&edge](const PlannedInput& s) {
          return s.port == edge.port;
        });
        if (!known) side.push_back(std::move(edge));
      }
    }
    return side;
  }

  Faults& faults_;
  BoundPoint& point_;
  std::size_t number_;
};

}  // namespace

void bind_functions(Draft& draft, BoundPoint& point) {
  std::vector<FunctionBinder> functions;
  for (std::size_t i = 0; i < point.nodes.size(); ++i) {
    if (!point.sound[i] || !point.nodes[i].function) continue;
    if (const Value* fresh = point.nodes[i].settings.find("fresh")) {
      try {
        point.nodes[i].function->fresh = truth_of(*fresh);
      } catch (const ConfigError&) {
        // Making the component reports it.
      }
    }
    functions.emplace_back(draft, point, i);
  }
  // What a function needs may make another one longer, so until nothing changes.
  for (std::size_t round = 0; round <= functions.size(); ++round) {
    bool changed = false;
    for (FunctionBinder& function : functions) changed |= function.update();
    if (!changed) break;
  }
  for (FunctionBinder& function : functions) function.check();
}

}  // namespace pellucid
