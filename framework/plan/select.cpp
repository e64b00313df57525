// Select: results, and the nodes that they need.
#include <algorithm>
#include <memory>
#include <set>

#include "plan/dag.h"
#include "plan/draft.h"
#include "plan/edges.h"

namespace pellucid {
namespace {

using Ends = std::vector<OutputEnd>;

class Selection {
 public:
  explicit Selection(Draft& draft) : draft_(draft), plan_(draft.plan) {}

  void run() {
    for (std::size_t point = 0; point < draft_.point_nodes.size(); ++point)
      if (!draft_.options.function.empty()) want_function(point);
      else if (draft_.options.until.empty()) want_of_point(point);
      else want_until(point);
    if (wanted_.empty() && draft_.faults.empty())
      draft_.faults.add(file_as_a_whole(), nullptr,
                        "there is nothing to compute: no node gives a tensor or a table");
    if (!draft_.faults.empty()) return;
    keep_needed();
  }

 private:
  SourceLocation file_as_a_whole() const {
    if (plan_.sources.empty()) return {};
    return {std::make_shared<const std::string>(plan_.sources.front().name)};
  }

  Kind kind_of(std::size_t node) const { return plan_.nodes[node].component->kind; }

  void want_result(std::size_t point, const OutputEnd& end) {
    const auto same = [&](const PlannedResult& result) {
      return result.point == point && result.node == end.first && result.port == end.second;
    };
    if (std::none_of(plan_.results.begin(), plan_.results.end(), same))
      plan_.results.push_back({point, end.first, end.second});
    wanted_.insert(end.first);
  }

  /// Sinks, what is kept, tables that no node works on (a sink only saves them); where there are no
  /// sinks, tensors, too.
  void want_of_point(std::size_t point) {
    const std::vector<std::size_t>& nodes = draft_.point_nodes[point];
    std::set<OutputEnd> consumed;
    bool has_sink = false;
    for (const std::size_t node : nodes) {
      if (kind_of(node) == Kind::sink) {
        has_sink = true;
        wanted_.insert(node);
        continue;
      }
      for (const PlannedInput& input : plan_.nodes[node].inputs)
        consumed.insert({input.node, input.from});
    }
    for (const OutputEnd& end : draft_.point_keep[point]) want_result(point, end);
    for (const std::size_t node : nodes)
      for (const Port& port : plan_.nodes[node].component->ports().all()) {
        if (port.direction != Port::Direction::out || consumed.count({node, port.name})) continue;
        if (port.type == PortType::table || (port.type == PortType::tensor && !has_sink))
          want_result(point, {node, port.name});
      }
  }

  void want_function(std::size_t point) {
    for (const std::size_t number : draft_.point_nodes[point])
      if (plan_.nodes[number].function && plan_.nodes[number].name == draft_.options.function)
        wanted_.insert(number);
  }

  /// `--until NODE` or `NODE.PORT`: its outputs, and nothing else.
  void want_until(std::size_t point) {
    const std::string& until = draft_.options.until;
    std::vector<std::string> names;
    std::optional<std::size_t> meant;  // the longest name, because includes put dots into names
    for (const std::size_t number : draft_.point_nodes[point]) {
      const std::string& name = plan_.nodes[number].name;
      names.push_back(name);
      const bool matches = until == name || until.starts_with(name + ".");
      if (matches && (!meant || name.size() > plan_.nodes[*meant].name.size())) meant = number;
    }
    if (!meant) {
      draft_.faults.add_of_option("--until", "there is no node '" + until + "'" +
                                                 suggestion_among(until, names, "the pipeline"));
      return;
    }
    const PlannedNode& node = plan_.nodes[*meant];
    const std::string port = until.substr(std::min(until.size(), node.name.size() + 1));
    if (!want_outputs(point, *meant, port)) complain_of_until(node);
  }

  void complain_of_until(const PlannedNode& node) {
    const Kind kind = node.component->kind;
    std::vector<std::string> outputs;
    for (const Port& port : node.component->ports().all())
      if (port.direction == Port::Direction::out && is_data(port.type))
        outputs.push_back(node.name + "." + port.name);
    const std::string what = is_object(kind)      ? "an object (" + std::string(name_of(kind)) + ")"
                             : kind == Kind::sink ? "a sink"
                                                  : "a " + std::string(name_of(kind));
    draft_.faults.add_of_option(
        "--until", outputs.empty() ? "'" + node.name + "' is " + what +
                                         " and gives no tensor or table; name a node that does"
                                   : "'" + draft_.options.until + "' is no output; '" + node.name +
                                         "' has " + listed(outputs));
  }

  bool want_outputs(std::size_t point, std::size_t node, const std::string& port) {
    bool found = false;
    for (const Port& output : plan_.nodes[node].component->ports().all()) {
      if (output.direction != Port::Direction::out || !is_data(output.type)) continue;
      if (!port.empty() && port != output.name) continue;
      want_result(point, {node, output.name});
      found = true;
    }
    return found;
  }

  /// Marks what is computed; keeps that, and what functions run on tensors of their own.
  void keep_needed() {
    const std::vector<bool> computed = upstream(wanted_);
    std::set<std::size_t> kept;
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      plan_.nodes[i].computed = computed[i];
      if (!computed[i]) continue;
      kept.insert(i);
      if (const auto& function = plan_.nodes[i].function) {
        kept.insert(function->between.begin(), function->between.end());
        kept.insert(function->argument_node);
      }
    }
    std::vector<bool> stays = upstream(kept);
    // Functions that only stand inside of other functions bring their nodes along as well.
    for (bool grew = true; grew;) {
      grew = false;
      for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
        if (!stays[i] || !plan_.nodes[i].function) continue;
        for (const std::size_t node : plan_.nodes[i].function->between)
          grew |= kept.insert(node).second;
        grew |= kept.insert(plan_.nodes[i].function->argument_node).second;
      }
      if (grew) stays = upstream(kept);
    }
    drop(stays);
  }

  std::vector<bool> upstream(const std::set<std::size_t>& nodes) const {
    Dag dag(plan_.nodes.size());
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
      for (const PlannedInput& input : plan_.nodes[i].inputs) dag.add_edge(input.node, i);
    return dag.upstream_of({nodes.begin(), nodes.end()});
  }

  void drop(const std::vector<bool>& stays) {
    std::vector<std::size_t> place(plan_.nodes.size());
    std::vector<PlannedNode> nodes;
    std::vector<NodeFacts> facts;
    std::set<std::string> kept_names;
    for (std::size_t i = 0; i < stays.size(); ++i)
      if (stays[i]) kept_names.insert(plan_.nodes[i].name);
    for (std::size_t i = 0; i < stays.size(); ++i) {
      place[i] = nodes.size();
      if (stays[i]) {
        nodes.push_back(std::move(plan_.nodes[i]));
        facts.push_back(std::move(draft_.facts[i]));
      } else if (const std::string& name = plan_.nodes[i].name;
                 !kept_names.count(name) &&
                 std::find(plan_.unused.begin(), plan_.unused.end(), name) == plan_.unused.end()) {
        plan_.unused.push_back(name);
      }
    }
    for (PlannedNode& node : nodes) renumber(node, place);
    for (PlannedResult& result : plan_.results) result.node = place[result.node];
    for (auto& of_point : draft_.point_nodes) {
      std::vector<std::size_t> kept;
      for (const std::size_t node : of_point)
        if (stays[node]) kept.push_back(place[node]);
      of_point = std::move(kept);
    }
    plan_.nodes = std::move(nodes);
    draft_.facts = std::move(facts);
  }

  static void renumber(PlannedNode& node, const std::vector<std::size_t>& place) {
    for (PlannedInput& input : node.inputs) input.node = place[input.node];
    if (!node.function) return;
    node.function->argument_node = place[node.function->argument_node];
    node.function->value_node = place[node.function->value_node];
    for (std::size_t& between : node.function->between) between = place[between];
  }

  Draft& draft_;
  Plan& plan_;
  std::set<std::size_t> wanted_;
};

}  // namespace

void select(Draft& draft) { Selection(draft).run(); }

}  // namespace pellucid
