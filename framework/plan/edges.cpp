#include "plan/edges.h"

#include <algorithm>

namespace pellucid {

bool is_data(PortType type) { return type == PortType::tensor || type == PortType::table; }

bool gives_whole(Kind kind) { return kind == Kind::reducer || kind == Kind::procedure; }

Inputs::Edge edge_at(const Plan& plan, const PlannedInput& input) {
  const PlannedNode& producer = plan.nodes[input.node];
  Inputs::Edge edge;
  edge.name = input.port;
  if (input.from.empty()) {
    edge.object = producer.instance;
    return edge;
  }
  const auto found = producer.outputs.all().find(input.from);
  if (found == producer.outputs.all().end()) return edge;
  if (const auto* spec = std::get_if<Spec>(&found->second)) edge.spec = *spec;
  if (const auto* table = std::get_if<TableSpec>(&found->second)) edge.spec = *table;
  if (const auto* object = std::get_if<std::shared_ptr<const Component>>(&found->second))
    edge.object = *object;
  return edge;
}

Inputs inputs_of(const Plan& plan, std::size_t node, const FillEdge& fill) {
  Inputs in;
  std::vector<std::string> open;
  for (const PlannedInput& input : plan.nodes[node].inputs) {
    Inputs::Edge edge = edge_at(plan, input);
    if (fill) fill(input, edge);
    in.add(std::move(edge));
    if (input.open) open.push_back(input.port);
  }
  in.set_open(std::move(open));
  in.set_block({plan.nodes[node].first_item, plan.nodes[node].items, {}});
  return in;
}

ItemCount items_of(const Plan& plan, const PlannedInput& input) {
  const PlannedNode& producer = plan.nodes[input.node];
  if (is_object(producer.component->kind)) {
    if (producer.per_item) return {producer.items, producer.first_item, true};
    return {};
  }
  const Inputs::Edge edge = edge_at(plan, input);
  if (edge.object) return {};
  std::int64_t items = 1;
  if (const auto* spec = std::get_if<Spec>(&edge.spec)) items = spec->items;
  if (const auto* table = std::get_if<TableSpec>(&edge.spec)) items = table->items;
  const Kind kind = producer.component->kind;
  if (kind == Kind::source || kind == Kind::stage)
    return {items, producer.first_item, producer.per_item};
  // Of what needed all items: as many items again are taken for the same ones.
  const bool same = producer.per_item && items == producer.items;
  return {items, same ? producer.first_item : 0, items > 1 || same};
}

std::int64_t first_item_of(const Plan& plan, std::size_t node, const std::string& port) {
  PlannedInput end;
  end.node = node;
  end.from = port;
  return items_of(plan, end).first_item;
}

std::string end_name(const PlannedNode& producer, const std::string& port) {
  const auto& ports = producer.component->ports().all();
  const auto outputs = std::count_if(ports.begin(), ports.end(), [](const Port& p) {
    return p.direction == Port::Direction::out;
  });
  return port.empty() || outputs <= 1 ? producer.name : producer.name + "." + port;
}

std::string title_of(const Plan& plan, std::size_t node) {
  std::vector<const PlannedPoint*> users;
  for (const PlannedPoint& point : plan.points)
    if (std::find(point.nodes.begin(), point.nodes.end(), node) != point.nodes.end())
      users.push_back(&point);
  std::string common;
  for (std::size_t axis = 0; axis < plan.sweep_axes.size() && !users.empty(); ++axis) {
    const auto& label = users.front()->labels.at(axis);
    const auto has_label = [&](const PlannedPoint& p) { return p.labels.at(axis) == label; };
    const bool in_users = std::all_of(users.begin(), users.end(),
                                      [&](const PlannedPoint* p) { return has_label(*p); });
    if (in_users && !std::all_of(plan.points.begin(), plan.points.end(), has_label))
      common += (common.empty() ? "" : ",") + label.first + "=" + label.second;
  }
  const std::string& name = plan.nodes[node].name;
  return common.empty() ? name : name + " (" + common + ")";
}

}  // namespace pellucid
