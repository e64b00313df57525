#include "run/pass.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>
#include <utility>

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include "base/log.h"
#include "buffers/checksum.h"
#include "buffers/table_layout.h"
#include "plan/copies.h"
#include "plan/edges.h"
#include "run/function.h"

namespace pellucid {
namespace {

// The part `inner` of a tensor (items, shape...) that covers `outer`.
Tensor cropped(Tensor tensor, const Region& outer, const Region& inner) {
  for (std::size_t axis = 0; axis < outer.offset.size(); ++axis)
    tensor = tensor.narrow(static_cast<std::int64_t>(axis) + 1,
                           inner.offset[axis] - outer.offset[axis], inner.size[axis]);
  return tensor;
}

Tensor moved(const Tensor& tensor, at::Device device) {
  return tensor.device() == device ? tensor : tensor.to(device);
}

// What stands for an item that failed: not-a-number where the dtype has one.
Tensor missing_item(const Spec& spec) {
  std::vector<std::int64_t> shape{1};
  shape.insert(shape.end(), spec.shape.begin(), spec.shape.end());
  const bool floating = at::isFloatingType(spec.dtype) || at::isComplexType(spec.dtype);
  return at::full(shape, floating ? std::numeric_limits<double>::quiet_NaN() : 0.0,
                  at::TensorOptions().dtype(spec.dtype));
}

bool any(const std::vector<char>& flags) {
  return std::find(flags.begin(), flags.end(), char{1}) != flags.end();
}

}  // namespace

StreamShape::StreamShape(const Plan& plan, std::size_t stream) : plan_(plan), index_(stream) {
  const PlannedStream& s = this->stream();
  units_ = s.tiles.empty() ? static_cast<std::size_t>(s.blocks)
                           : static_cast<std::size_t>(s.items) * s.tiles.size();
  consumers_.resize(s.nodes.size());
  for (std::size_t position = 0; position < s.nodes.size(); ++position)
    for (const PlannedInput& input : plan.nodes[s.nodes[position]].inputs)
      if (const int producer = this->position(input.node); producer >= 0)
        consumers_[static_cast<std::size_t>(producer)].push_back(position);
}

Block StreamShape::block(std::size_t unit) const { return block_of(stream(), plan_, unit); }

Block StreamShape::block_of(const PlannedStream& stream, const Plan& plan, std::size_t unit) {
  if (stream.tiles.empty()) return stream.block(unit, plan.block_items);
  return {static_cast<std::int64_t>(unit / stream.tiles.size()), 1,
          stream.tiles[unit % stream.tiles.size()]};
}

int StreamShape::position(std::size_t node) const {
  const auto& nodes = stream().nodes;
  const auto found = std::find(nodes.begin(), nodes.end(), node);
  return found == nodes.end() ? -1 : static_cast<int>(found - nodes.begin());
}

std::optional<Region> StreamShape::output_region(std::size_t position, const Block& block) const {
  if (!block.region) return std::nullopt;
  return grown(*block.region, plan_.nodes[stream().nodes[position]].margin);
}

std::optional<Region> StreamShape::input_region(std::size_t position, const Block& block) const {
  if (!block.region) return std::nullopt;
  const PlannedNode& node = plan_.nodes[stream().nodes[position]];
  std::vector<std::int64_t> margin = node.margin;
  for (std::size_t axis = 0; axis < node.halo.size(); ++axis) margin[axis] += node.halo[axis];
  return grown(*block.region, margin);
}

namespace {

std::shared_ptr<Object> new_object(const PlannedNode& node) {
  return std::dynamic_pointer_cast<Object>(
      remembered(recipe_for(node), new_instance<Object>(node, node.settings)));
}

}  // namespace

std::shared_ptr<const Component> make_object(const RunEnvironment& environment, std::size_t index,
                                             const Inputs& in, const Rows& rows,
                                             const ObjectOfRow& object_of_row) {
  const PlannedNode& node = environment.plan->nodes[index];
  std::shared_ptr<const Component> made;
  call_node(environment, index, rows, [&](NodeContext& context) {
    const std::shared_ptr<Object> object =
        node.function ? make_function(environment, index, in, rows, object_of_row)
                      : new_object(node);
    if (node.used_here) {
      object->bind(in);
      object->prepare(in, context);
    }
    if (node.copied) {
      note_bound(*object, in);
      note_prepared(*object, in, context.facts());
    }
    made = object;
  });
  return made;
}

Pass::Pass(const RunEnvironment& environment, const StreamShape& shape, const Store& store,
           const SharedObjects& objects, std::size_t unit, std::vector<char> needed)
    : environment_(environment),
      shape_(shape),
      store_(store),
      objects_(objects),
      unit_(unit),
      block_(shape.block(unit)),
      needed_(std::move(needed)) {
  const std::size_t count = shape_.stream().nodes.size();
  values_.resize(count);
  seconds.assign(count, 0.0);
  for (std::size_t position = 0; position < count; ++position)
    for (const std::size_t consumer : shape_.consumers(position))
      if (needed_[consumer]) ++values_[position].readers;
}

void Pass::run_sources() {
  const auto& nodes = shape_.stream().nodes;
  for (std::size_t position = 0; position < nodes.size(); ++position)
    if (needed_[position] && shape_.plan().nodes[nodes[position]].component->kind == Kind::source)
      run_node(position);
}

void Pass::run_rest() {
  const auto& nodes = shape_.stream().nodes;
  for (std::size_t position = 0; position < nodes.size(); ++position)
    if (needed_[position] && shape_.plan().nodes[nodes[position]].component->kind != Kind::source)
      run_node(position);
  values_.clear();
}

std::shared_ptr<const Component> Pass::object(const PlannedInput& input) const {
  const int position = shape_.position(input.node);
  if (position >= 0 && values_[static_cast<std::size_t>(position)].object)
    return values_[static_cast<std::size_t>(position)].object;
  const auto found = objects_.find({input.node, input.from});
  if (found != objects_.end()) return found->second;
  return shape_.plan().nodes[input.node].instance;
}

Inputs Pass::gather(std::size_t position, std::vector<char>& failed) const {
  const Plan& plan = shape_.plan();
  const std::size_t index = shape_.stream().nodes[position];
  const std::optional<Region> region = shape_.input_region(position, block_);
  const bool saved = plan.nodes[index].component->kind == Kind::sink;
  const at::Device device = saved ? at::Device(at::kCPU) : at::Device(plan.settings.device);

  // One item that serves all fails them all.
  const auto join = [&](const std::vector<char>& other) {
    if (other.empty()) return;
    if (failed.empty()) failed.assign(static_cast<std::size_t>(block_.count), 0);
    for (std::size_t i = 0; i < failed.size(); ++i) failed[i] |= other[other.size() == 1 ? 0 : i];
  };
  // Its producer is in this stream, and what it gave is still there.
  const auto passing = [&](const PlannedInput& input) -> const Values* {
    const int producer = shape_.position(input.node);
    if (producer < 0) return nullptr;
    const Values& values = values_[static_cast<std::size_t>(producer)];
    join(values.failed);
    return input.from.empty() || values.outputs.count(input.from) != 0 ? &values : nullptr;
  };

  const auto fill_tensor = [&](const PlannedInput& input, Inputs::Edge& edge) {
    const Spec whole = std::get<Spec>(edge.spec);
    const bool cut = region && is_cut(*region, whole);
    Tensor value;
    Region held{std::vector<std::int64_t>(whole.shape.size(), 0), whole.shape, whole.shape};
    if (const Values* near = passing(input)) {
      value = moved(std::get<Tensor>(near->outputs.at(input.from)), device);
      const auto producer = static_cast<std::size_t>(shape_.position(input.node));
      if (cut) held = region_of(*shape_.output_region(producer, block_), whole);
    } else {
      const bool single = whole.items == 1;
      Block wanted{single ? 0 : block_.first, single ? 1 : block_.count, std::nullopt};
      if (cut) wanted.region = held = region_of(*region, whole);
      value = moved(store_.tensor(input.node, input.from, wanted), device);
      join(store_.failed(input.node, input.from, wanted.first, wanted.count));
    }
    if (cut) value = cropped(value, held, region_of(*region, whole));
    edge.spec = spec_of_rows(whole, value.size(0), region);
    edge.value = value;
  };
  const auto fill_table = [&](const PlannedInput& input, Inputs::Edge& edge) {
    TableSpec& spec = std::get<TableSpec>(edge.spec);
    const bool single = spec.items == 1;
    spec.items = single ? 1 : block_.count;
    if (const Values* near = passing(input)) {
      edge.value = std::get<Table>(near->outputs.at(input.from));
    } else {
      const std::int64_t first = single ? 0 : block_.first;
      edge.value = store_.table(input.node, input.from, first, spec.items);
      join(store_.failed(input.node, input.from, first, spec.items));
    }
  };

  Inputs in = inputs_of(plan, index, [&](const PlannedInput& input, Inputs::Edge& edge) {
    if (std::holds_alternative<Spec>(edge.spec)) {
      fill_tensor(input, edge);
    } else if (std::holds_alternative<TableSpec>(edge.spec)) {
      fill_table(input, edge);
    } else {
      passing(input);
      edge.object = object(input);
    }
  });
  Block absolute = block_;
  absolute.first += plan.nodes[index].first_item;
  absolute.region = item_region(plan, plan.nodes[index], region);
  in.set_block(absolute);
  return in;
}

Outputs Pass::call(std::size_t position, const Inputs& in, const Rows& rows) const {
  const std::size_t index = shape_.stream().nodes[position];
  const PlannedNode& node = shape_.plan().nodes[index];
  if (node.component->kind != Kind::reducer)
    return compute(environment_, index, in, rows, shape_.input_region(position, block_));
  Outputs state;
  call_node(environment_, index, rows, [&](NodeContext& context) {
    dynamic_cast<const Reducer&>(*node.instance).reduce(in, state, context);
  });
  return state;
}

Inputs Pass::of_rows(std::size_t position, const Inputs& in, const RowNumbers& rows) const {
  const std::int64_t all = in.block().count;
  const auto count = static_cast<std::int64_t>(rows.size());
  const auto& planned = shape_.plan().nodes[shape_.stream().nodes[position]].inputs;
  Inputs some = in;
  for (std::size_t e = 0; e < planned.size(); ++e) {
    Inputs::Edge& edge = some.edges()[e];
    if (edge.object) edge.object = object_of_rows(planned[e], rows);
    if (count == all) continue;
    if (Tensor* tensor = std::get_if<Tensor>(&edge.value)) {
      if (tensor->size(0) != all) continue;
      *tensor = count == 1 ? tensor->narrow(0, rows.front(), 1)
                           : tensor->index_select(0, at::tensor(rows).to(tensor->device()));
      std::get<Spec>(edge.spec).items = count;
    } else if (Table* table = std::get_if<Table>(&edge.value)) {
      TableSpec& spec = std::get<TableSpec>(edge.spec);
      if (spec.items != all) continue;
      Table part(table->columns());
      for (const std::int64_t row : rows)
        part.append(rows_of_items(*table, in.block().first + row, 1));
      *table = std::move(part);
      spec.items = count;
    }
  }
  Block block = in.block();
  block.first += rows.front();
  block.count = rows.back() - rows.front() + 1;
  some.set_block(block);
  if (count != block.count) {
    RowNumbers items = rows;
    for (std::int64_t& item : items) item += in.block().first;
    some.set_rows(std::move(items));
  }
  return some;
}

std::shared_ptr<const Component> Pass::object_of_rows(const PlannedInput& input,
                                                      const RowNumbers& rows) const {
  const int position = shape_.position(input.node);
  if (position < 0 || !shape_.plan().nodes[input.node].object_per_block) return object(input);
  const std::lock_guard lock(row_objects_mutex_);
  auto& known = row_objects_[{input.node, rows}];
  if (known) return known;
  const auto place = static_cast<std::size_t>(position);
  const Inputs in = of_rows(place, values_[place].made_from, rows);
  known = make_object(environment_, input.node, in, rows_of(in, rows.size()));
  return known;
}

Outputs Pass::call_item_by_item(std::size_t position, const Inputs& in, std::vector<char>& failed) {
  const std::size_t index = shape_.stream().nodes[position];
  const PlannedNode& node = shape_.plan().nodes[index];
  const std::int64_t count = in.block().count;
  if (failed.empty()) failed.assign(static_cast<std::size_t>(count), 0);
  const at::Device device(shape_.plan().settings.device);
  std::map<std::string, std::vector<Tensor>> tensors;
  std::map<std::string, Table> tables;
  std::set<std::string> given_ports;
  bool any_sound = false;

  for (std::int64_t i = 0; i < count; ++i) {
    Outputs one;
    char& bad = failed[static_cast<std::size_t>(i)];
    if (!bad) {
      const Inputs single = of_rows(position, in, {i});
      const Rows rows = rows_of(single, 1);
      try {
        one = call(position, single, rows);
        for (const auto& [port, value] : one.all())
          if (const Tensor* tensor = std::get_if<Tensor>(&value); tensor && tensor->defined())
            require_finite(shape_.plan(), index, port, *tensor,
                           first_nonfinite(moved(*tensor, at::kCPU)), rows);
      } catch (const Error& error) {
        bad = 1;
        failures.emplace_back(single.block().first, error.what());
        one = Outputs();
      }
    }
    any_sound = any_sound || !bad;
    for (const auto& [port, announced] : node.outputs.all()) {
      const auto found = one.all().find(port);
      if (const Spec* spec = std::get_if<Spec>(&announced)) {
        const Spec rows = spec_of_rows(*spec, 1, shape_.input_region(position, block_));
        const Tensor* value =
            found == one.all().end() ? nullptr : std::get_if<Tensor>(&found->second);
        const bool given = value != nullptr && value->defined();
        if (given) given_ports.insert(port);
        tensors[port].push_back(given ? *value : missing_item(rows).to(device));
      } else if (const TableSpec* spec = std::get_if<TableSpec>(&announced)) {
        auto [table, fresh] = tables.try_emplace(port, Table(spec->columns));
        if (found != one.all().end()) table->second.append(std::get<Table>(found->second));
      }
    }
  }
  Outputs outputs;
  for (auto& [port, rows] : tensors)  // an output that nobody wants need not be given
    if (!any_sound || given_ports.count(port)) outputs.set(port, at::cat(rows));
  for (auto& [port, table] : tables) outputs.set(port, std::move(table));
  return outputs;
}

// Items that failed before have nothing to add; a block of nothing else has no state.
void Pass::reduce_sound_items(std::size_t position, const Inputs& in, const Rows& rows) {
  Values& values = values_[position];
  const std::vector<char> failed = std::exchange(values.failed, {});
  if (!any(failed)) return keep(position, call(position, in, rows));
  RowNumbers sound;
  for (std::size_t row = 0; row < failed.size(); ++row)
    if (!failed[row]) sound.push_back(static_cast<std::int64_t>(row));
  if (sound.empty()) return;
  const Inputs rest = of_rows(position, in, sound);
  keep(position, call(position, rest, rows_of(rest, sound.size())));
}

void Pass::run_node(std::size_t position) {
  const Plan& plan = shape_.plan();
  const std::size_t index = shape_.stream().nodes[position];
  const PlannedNode& node = plan.nodes[index];
  const auto start = std::chrono::steady_clock::now();
  Values& values = values_[position];

  Inputs in = gather(position, values.failed);
  const Rows rows = Rows::of(in.block());
  const bool skips = node.on_item_error == OnItemError::skip;
  if (node.component->kind == Kind::sink) {
    Checksum sum;
    for (const Inputs::Edge& edge : in.edges())
      if (const Tensor* tensor = std::get_if<Tensor>(&edge.value)) sum.add(*tensor);
    sinks.push_back({index, std::move(in), sum.value(), values.failed});
  } else if (is_object(node.component->kind)) {
    if (objects_.count({index, ""}) == 0) {
      const ObjectOfRow of_row = [this](const PlannedInput& input, std::int64_t row) {
        return object_of_rows(input, {row});
      };
      values.object = make_object(environment_, index, in, rows, of_row);
      values.made_from = std::move(in);
      made[index] = values.object;
    }
  } else if (node.component->kind == Kind::reducer) {
    reduce_sound_items(position, in, rows);
  } else if (skips && any(values.failed)) {
    keep(position, call_item_by_item(position, in, values.failed));
  } else if (skips) {
    try {
      keep(position, call(position, in, rows));
    } catch (const Error&) {
      values.outputs.clear();
      keep(position, call_item_by_item(position, in, values.failed));
    }
  } else {
    keep(position, call(position, in, rows));
  }
  release_inputs(position);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  seconds[position] += spent.count();
}

void Pass::keep(std::size_t position, const Outputs& outputs) {
  const Plan& plan = shape_.plan();
  const std::size_t index = shape_.stream().nodes[position];
  const PlannedNode& node = plan.nodes[index];
  Values& values = values_[position];
  Block absolute = block_;
  absolute.first += node.first_item;
  const Rows rows = Rows::of(absolute);
  const bool reduces = node.component->kind == Kind::reducer;

  for (const auto& [name, value] : outputs.all()) {
    const std::string port = reduces ? Store::state_port(name) : name;
    Produced produced;
    produced.failed = any(values.failed) ? values.failed : std::vector<char>();
    if (const Tensor* given = std::get_if<Tensor>(&value)) {
      if (!given->defined()) continue;
      Tensor tensor = *given;
      const auto input = shape_.input_region(position, block_);
      const auto output = shape_.output_region(position, block_);
      const Spec* whole = reduces ? nullptr : plan.tensor_spec(index, name);
      const bool cut = output && whole != nullptr && is_cut(*output, *whole);
      if (cut && *input != *output)
        tensor =
            cropped(tensor, region_of(*input, *whole), region_of(*output, *whole)).contiguous();
      const Inspection inspection = inspect(moved(tensor, at::kCPU));
      if (produced.failed.empty())
        require_finite(plan, index, port, tensor, inspection.first_nonfinite, rows);
      Tensor leaving = tensor;
      produced.checksum = inspection.checksum;
      if (cut && *output != *block_.region) {
        leaving = cropped(tensor, region_of(*output, *whole), region_of(*block_.region, *whole))
                      .contiguous();
        produced.checksum = checksum(moved(leaving, at::kCPU));
      }
      values.outputs[name] = tensor;
      produced.value = leaving;
    } else if (const Table* table = std::get_if<Table>(&value)) {
      produced.checksum = rows_checksum(*table);
      produced.value = *table;
      values.outputs[name] = *table;
    } else {
      continue;
    }
    seen.push_back({index, port, {{}, produced.checksum, {}}});
    if (store_.keeps(index, port) && !store_.holds(index, port, unit_)) {
      if (Tensor* tensor = std::get_if<Tensor>(&produced.value)) *tensor = moved(*tensor, at::kCPU);
      stored.push_back({index, port, std::move(produced)});
    }
  }
  if (values.readers == 0) values.outputs.clear();
}

void Pass::release_inputs(std::size_t position) {
  const PlannedNode& node = shape_.plan().nodes[shape_.stream().nodes[position]];
  for (const PlannedInput& input : node.inputs) {
    const int producer = shape_.position(input.node);
    if (producer < 0) continue;
    Values& values = values_[static_cast<std::size_t>(producer)];
    if (values.readers > 0 && --values.readers == 0) {
      values.outputs.clear();
      values.object.reset();
    }
  }
}

}  // namespace pellucid
