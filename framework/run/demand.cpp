#include "run/demand.h"

#include <algorithm>

#include "plan/edges.h"

namespace pellucid {

Demand::Demand(const Plan& plan, const std::vector<StreamShape>& shapes, const Store& store,
               const Sinks& sinks)
    : plan_(plan), shapes_(shapes), store_(store), sinks_(sinks) {
  for (const PlannedResult& result : plan.results) {
    auto& wanted = wanted_[{result.node, result.port}];
    wanted.assign(store.units(result.node, result.port), 1);
  }
  for (std::size_t node = 0; node < plan.nodes.size(); ++node)
    if (plan.nodes[node].at_end) want_inputs(node, nullptr, nullptr);

  due_.resize(shapes.size());
  for (std::size_t s = shapes.size(); s-- > 0;) {
    const StreamShape& shape = shapes[s];
    const auto& nodes = shape.stream().nodes;
    if (plan.nodes[nodes.back()].component->kind == Kind::procedure) {
      if (!outputs_missing(nodes.back())) continue;
      due_[s] = {0};
      want_inputs(nodes.back(), nullptr, nullptr);
      continue;
    }
    for (std::size_t u = 0; u < shape.units(); ++u) {
      const std::vector<char> needed = unit(s, u);
      if (needed.empty()) continue;
      due_[s].push_back(u);
      const Block block = shape.block(u);
      for (std::size_t position = 0; position < nodes.size(); ++position)
        if (needed[position]) want_inputs(nodes[position], &shape, &block);
    }
  }
}

void Demand::want(std::size_t node, const std::string& port, std::int64_t first,
                  std::int64_t count) {
  if (!store_.keeps(node, port)) return;
  const std::size_t units = store_.units(node, port);
  auto& wanted = wanted_[{node, port}];
  wanted.resize(units, 0);
  const PlannedStream& stream = plan_.streams[plan_.nodes[node].stream];
  // Units of a port are the blocks of its own items; those of a tiled stream, tile by tile.
  const bool streams = !gives_whole(plan_.nodes[node].component->kind);
  const std::int64_t tiles =
      streams && !stream.tiles.empty() ? static_cast<std::int64_t>(stream.tiles.size()) : 0;
  const std::int64_t begin = tiles > 0 ? first * tiles : first / plan_.block_items;
  const std::int64_t end = tiles > 0 ? (first + count) * tiles
                                     : (first + count + plan_.block_items - 1) / plan_.block_items;
  for (std::int64_t u = begin; u < std::min<std::int64_t>(end, static_cast<std::int64_t>(units));
       ++u)
    wanted[static_cast<std::size_t>(u)] = 1;
}

void Demand::want_inputs(std::size_t index, const StreamShape* shape, const Block* block) {
  const PlannedNode& node = plan_.nodes[index];
  for (const PlannedInput& input : node.inputs) {
    if (input.from.empty()) {
      const bool near = shape != nullptr && shape->position(input.node) >= 0;
      if (near) continue;
      // One made for all blocks stays from its own stream on; the rest is made where it is used.
      wanted_objects_.insert(input.node);
      if (plan_.nodes[input.node].object_per_block) want_inputs(input.node, nullptr, block);
      continue;
    }
    if (shape != nullptr && shape->position(input.node) >= 0) continue;
    std::int64_t items = 1;
    if (const Spec* spec = plan_.tensor_spec(input.node, input.from)) items = spec->items;
    if (const TableSpec* spec = plan_.table_spec(input.node, input.from)) items = spec->items;
    if (items == 1 || block == nullptr) want(input.node, input.from, 0, items);
    else want(input.node, input.from, block->first, block->count);
  }
}

bool Demand::wanted(std::size_t node, const std::string& port, std::size_t unit) const {
  const auto found = wanted_.find({node, port});
  return found != wanted_.end() && unit < found->second.size() && found->second[unit] != 0;
}

bool Demand::outputs_missing(std::size_t index) const {
  for (const auto& [port, value] : plan_.nodes[index].outputs.all()) {
    if (std::holds_alternative<std::shared_ptr<const Component>>(value)) {
      if (!plan_.consumers(index, port).empty()) return true;
      continue;
    }
    if (!store_.keeps(index, port)) continue;
    for (std::size_t u = 0; u < store_.units(index, port); ++u)
      if (wanted(index, port, u) && !store_.holds(index, port, u)) return true;
  }
  return false;
}

std::vector<char> Demand::unit(std::size_t stream, std::size_t unit) const {
  const StreamShape& shape = shapes_[stream];
  const auto& nodes = shape.stream().nodes;
  const bool tiled = !shape.stream().tiles.empty();
  std::vector<char> needed(nodes.size(), 0);
  bool something = false;

  for (std::size_t position = nodes.size(); position-- > 0;) {
    const std::size_t index = nodes[position];
    const PlannedNode& node = plan_.nodes[index];
    bool need = is_object(node.component->kind) && wanted_objects_.count(index) != 0;
    if (node.component->kind == Kind::sink) {
      need = !node.at_end && unit >= sinks_.written(index);
    } else if (node.component->kind == Kind::reducer) {
      if (outputs_missing(index))
        for (const auto& [port, value] : node.state.all())
          need = need || !store_.holds(index, Store::state_port(port), unit);
    } else {
      for (const auto& [port, value] : node.outputs.all())
        need = need || (store_.keeps(index, port) && wanted(index, port, unit) &&
                        !store_.holds(index, port, unit));
      for (const std::size_t consumer : shape.consumers(position)) {
        if (need || !needed[consumer]) continue;
        for (const PlannedInput& input : plan_.nodes[nodes[consumer]].inputs) {
          if (input.node != index) continue;
          // What stands in a file is read instead; a tile also needs its neighbours' borders, which
          // may not stand there yet.
          const bool readable = !tiled && !input.from.empty() && store_.keeps(index, input.from) &&
                                store_.holds(index, input.from, unit);
          need = need || !readable;
        }
      }
    }
    needed[position] = need;
    something = something || need;
  }
  if (!something) needed.clear();
  return needed;
}

}  // namespace pellucid
