#include "run/item_reader.h"

#include <algorithm>

#include "plan/edges.h"

namespace pellucid {
namespace {

void require_range(const std::string& port, std::int64_t first, std::int64_t count,
                   std::int64_t items) {
  if (first < 0 || count < 0 || first > items - count)
    throw ShapeError("items " + std::to_string(first) + " to " + std::to_string(first + count) +
                     " of input '" + port + "' were asked for; it has " + std::to_string(items));
}

}  // namespace

Inputs stored_inputs(const Plan& plan, const Store& store, std::size_t node, std::int64_t first,
                     std::int64_t count, const FindObject& object) {
  Inputs in = inputs_of(plan, node, [&](const PlannedInput& input, Inputs::Edge& edge) {
    if (Spec* spec = std::get_if<Spec>(&edge.spec)) {
      const bool single = spec->items == 1;
      spec->items = single ? 1 : count;
      edge.value = store.tensor(input.node, input.from, single ? 0 : first, spec->items);
    } else if (TableSpec* table = std::get_if<TableSpec>(&edge.spec)) {
      const bool single = table->items == 1;
      table->items = single ? 1 : count;
      edge.value = store.table(input.node, input.from, single ? 0 : first, table->items);
    } else if (object) {
      edge.object = object(input);
    }
  });
  in.set_block({plan.nodes[node].first_item + first, count, std::nullopt});
  return in;
}

StoreReader::StoreReader(const RunEnvironment& environment, const Store& store, std::size_t node,
                         const SharedObjects& objects)
    : environment_(environment), store_(store), node_(node), objects_(objects) {}

Tensor StoreReader::tensor(const std::string& port, std::int64_t first, std::int64_t count) const {
  const PlannedInput& in = input(port);
  const std::int64_t items = environment_.plan->tensor_spec(in.node, in.from)->items;
  if (items == 1) return store_.tensor(in.node, in.from, 0, 1);
  require_range(port, first, count, items);
  return store_.tensor(in.node, in.from, first, count);
}

Table StoreReader::table(const std::string& port, std::int64_t first, std::int64_t count) const {
  const PlannedInput& in = input(port);
  const std::int64_t items = environment_.plan->table_spec(in.node, in.from)->items;
  if (items == 1) return store_.table(in.node, in.from, 0, 1);
  require_range(port, first, count, items);
  return store_.table(in.node, in.from, first, count);
}

const Component& StoreReader::object(const std::string& port, std::int64_t item) const {
  return *object(input(port), item);
}

const PlannedInput& StoreReader::input(const std::string& port) const {
  for (const PlannedInput& in : environment_.plan->nodes[node_].inputs)
    if (in.port == port) return in;
  throw Error("input '" + port + "' is not connected");
}

std::shared_ptr<const Component> StoreReader::object(const PlannedInput& input,
                                                     std::int64_t item) const {
  const PlannedNode& node = environment_.plan->nodes[input.node];
  if (const auto shared = objects_.find({input.node, input.from}); shared != objects_.end())
    return shared->second;
  if (!node.object_per_block) return node.instance;
  require_range(input.port, item, 1, node.items);
  const std::lock_guard lock(mutex_);
  auto& known = made_[{input.node, item}];
  if (known) return known;
  const Inputs in = stored_inputs(*environment_.plan, store_, input.node, item, 1,
                                  [&](const PlannedInput& inner) { return object(inner, item); });
  known = make_object(environment_, input.node, in, Rows::of(in.block()));
  return known;
}

StoredStates::StoredStates(const Plan& plan, const Store& store, std::size_t node,
                           std::size_t units)
    : store_(store), node_(plan.nodes[node]), index_(node) {
  const auto& ports = node_.state.all();
  for (std::size_t unit = 0; unit < units; ++unit)
    if (std::all_of(ports.begin(), ports.end(), [&](const auto& port) {
          return store.holds(node, Store::state_port(port.first), unit);
        }))
      units_.push_back(static_cast<std::int64_t>(unit));
}

Outputs StoredStates::at(std::int64_t index) const {
  const std::int64_t unit = units_.at(static_cast<std::size_t>(index));
  Outputs state;
  for (const auto& [port, spec] : node_.state.all()) {
    const std::string stored = Store::state_port(port);
    if (const Spec* of_one = std::get_if<Spec>(&spec))
      state.set(port, store_.tensor(index_, stored, unit * of_one->items, of_one->items));
    else state.set(port, store_.table(index_, stored, unit, 1));
  }
  return state;
}

}  // namespace pellucid
