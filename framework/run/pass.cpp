#include "run/pass.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>

#include "base/log.h"
#include "buffers/checksum.h"

namespace pellucid {
namespace {

Region grown(const Region& tile, const std::vector<std::int64_t>& margin) {
  Region region = tile;
  for (std::size_t axis = 0; axis < tile.offset.size(); ++axis) {
    const std::int64_t begin = std::max<std::int64_t>(0, tile.offset[axis] - margin[axis]);
    const std::int64_t end =
        std::min(tile.whole[axis], tile.offset[axis] + tile.size[axis] + margin[axis]);
    region.offset[axis] = begin;
    region.size[axis] = end - begin;
  }
  return region;
}

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

std::uint64_t checksum_of(const Table& table) {
  Checksum sum;
  for (std::int64_t row = 0; row < table.rows(); ++row) {
    const std::int64_t item = table.item(row);
    sum.add(&item, sizeof item);
    for (std::size_t column = 0; column < table.columns().size(); ++column)
      std::visit(
          [&]<class T>(const T& cell) {
            if constexpr (std::is_same_v<T, std::string>)
              sum.add(cell.data(), static_cast<std::int64_t>(cell.size()));
            else
              sum.add(&cell, sizeof cell);
          },
          table.cell(row, static_cast<std::int64_t>(column)));
  }
  return sum.value();
}

StreamShape::StreamShape(const Plan& plan, std::size_t stream) : plan_(plan), index_(stream) {
  const PlannedStream& s = this->stream();
  units_ = s.tiles.empty()
               ? static_cast<std::size_t>(s.blocks)
               : static_cast<std::size_t>(s.items) * s.tiles.size();
  consumers_.resize(s.nodes.size());
  for (std::size_t position = 0; position < s.nodes.size(); ++position)
    for (const PlannedInput& input : plan.nodes[s.nodes[position]].inputs)
      if (const int producer = this->position(input.node); producer >= 0)
        consumers_[static_cast<std::size_t>(producer)].push_back(position);

  if (s.tiles.empty()) return;
  const std::size_t rank = s.tiles.front().offset.size();
  margin_.assign(s.nodes.size(), std::vector<std::int64_t>(rank, 0));
  for (std::size_t position = s.nodes.size(); position-- > 0;)
    for (const std::size_t consumer : consumers_[position]) {
      const auto& halo = plan.nodes[s.nodes[consumer]].halo;
      for (std::size_t axis = 0; axis < rank; ++axis)
        margin_[position][axis] =
            std::max(margin_[position][axis],
                     margin_[consumer][axis] + (axis < halo.size() ? halo[axis] : 0));
    }
}

Block StreamShape::block(std::size_t unit) const {
  const PlannedStream& s = stream();
  if (s.tiles.empty()) return s.block(unit, plan_.block_items);
  Block block{static_cast<std::int64_t>(unit / s.tiles.size()), 1, s.tiles[unit % s.tiles.size()]};
  return block;
}

int StreamShape::position(std::size_t node) const {
  const auto& nodes = stream().nodes;
  const auto found = std::find(nodes.begin(), nodes.end(), node);
  return found == nodes.end() ? -1 : static_cast<int>(found - nodes.begin());
}

std::optional<Region> StreamShape::output_region(std::size_t position, const Block& block) const {
  if (!block.region) return std::nullopt;
  return grown(*block.region, margin_[position]);
}

std::optional<Region> StreamShape::input_region(std::size_t position, const Block& block) const {
  if (!block.region) return std::nullopt;
  std::vector<std::int64_t> margin = margin_[position];
  const auto& halo = plan_.nodes[stream().nodes[position]].halo;
  for (std::size_t axis = 0; axis < halo.size(); ++axis) margin[axis] += halo[axis];
  return grown(*block.region, margin);
}

std::shared_ptr<const Component> make_object(const RunEnvironment& environment, std::size_t index,
                                             const Inputs& in, const Rows& rows) {
  const PlannedNode& node = environment.plan->nodes[index];
  std::shared_ptr<Component> made;
  call_node(*environment.plan, index, [&] {
    Problems problems;
    made = node.component->create(node.settings, problems);
    if (!problems.empty()) throw ConfigError(problems.front().sentence, problems.front().where);
    auto& object = dynamic_cast<Object&>(*made);
    object.bind(in);
    NodeContext context(environment, index, rows);
    object.prepare(in, context);
  });
  return made;
}

Pass::Pass(const RunEnvironment& environment, const StreamShape& shape, const Store& store,
           const SharedObjects& objects, std::size_t unit, std::vector<char> needed)
    : environment_(environment), shape_(shape), store_(store), objects_(objects), unit_(unit),
      block_(shape.block(unit)), needed_(std::move(needed)) {
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
    if (needed_[position] &&
        shape_.plan().nodes[nodes[position]].component->kind == Kind::source)
      run_node(position);
}

void Pass::run_rest() {
  const auto& nodes = shape_.stream().nodes;
  for (std::size_t position = 0; position < nodes.size(); ++position)
    if (needed_[position] &&
        shape_.plan().nodes[nodes[position]].component->kind != Kind::source)
      run_node(position);
  values_.clear();
}

std::shared_ptr<const Component> Pass::object(std::size_t node) const {
  const int position = shape_.position(node);
  if (position >= 0 && values_[static_cast<std::size_t>(position)].object)
    return values_[static_cast<std::size_t>(position)].object;
  const auto found = objects_.find(node);
  if (found != objects_.end()) return found->second;
  return shape_.plan().nodes[node].instance;
}

Inputs Pass::gather(std::size_t position, std::vector<char>& failed) const {
  const Plan& plan = shape_.plan();
  const PlannedNode& node = plan.nodes[shape_.stream().nodes[position]];
  const std::optional<Region> region = shape_.input_region(position, block_);
  const at::Device device(plan.settings.device);
  Inputs in;
  std::vector<std::string> open;

  const auto join = [&](const std::vector<char>& other) {
    if (other.empty() || static_cast<std::int64_t>(other.size()) != block_.count) return;
    if (failed.empty()) failed.assign(other.size(), 0);
    for (std::size_t i = 0; i < other.size(); ++i) failed[i] |= other[i];
  };

  for (const PlannedInput& input : node.inputs) {
    Inputs::Edge edge;
    edge.name = input.port;
    if (input.open) open.push_back(input.port);
    const int producer = shape_.position(input.node);
    const Values* near =
        producer >= 0 ? &values_[static_cast<std::size_t>(producer)] : nullptr;
    if (input.type != PortType::tensor && input.type != PortType::table) {
      edge.object = object(input.node);
      if (near != nullptr) join(near->failed);
    } else if (const Spec* whole = plan.tensor_spec(input.node, input.from)) {
      Tensor value;
      const bool single = whole->items == 1;
      const bool cut = region && region->whole == whole->shape;
      const auto found = near != nullptr ? near->outputs.find(input.from) : decltype(near->outputs.find(""))();
      if (near != nullptr && found != near->outputs.end()) {
        value = std::get<Tensor>(found->second);
        join(near->failed);
        if (cut)
          value = cropped(value, *shape_.output_region(static_cast<std::size_t>(producer), block_),
                          *region);
      } else {
        const std::int64_t first = single ? 0 : block_.first;
        const std::int64_t count = single ? 1 : block_.count;
        value = moved(store_.tensor(input.node, input.from, first, count), device);
        join(store_.failed(input.node, input.from, first, count));
        if (cut) {
          const Region all{std::vector<std::int64_t>(whole->shape.size(), 0), whole->shape,
                           whole->shape};
          value = cropped(value, all, *region);
        }
      }
      edge.spec = spec_of_rows(*whole, value.size(0), cut ? region : std::nullopt);
      edge.value = value;
    } else {
      const TableSpec& spec = *plan.table_spec(input.node, input.from);
      TableSpec rows = spec;
      rows.items = spec.items == 1 ? 1 : block_.count;
      edge.spec = rows;
      if (near != nullptr && near->outputs.count(input.from) != 0) {
        edge.value = std::get<Table>(near->outputs.at(input.from));
        join(near->failed);
      } else {
        edge.value = store_.table(input.node, input.from, spec.items == 1 ? 0 : block_.first,
                                  rows.items);
      }
    }
    in.add(std::move(edge));
  }
  in.set_open(std::move(open));
  Block absolute = block_;
  absolute.first += node.first_item;
  absolute.region = region;
  in.set_block(absolute);
  return in;
}

Outputs Pass::call(std::size_t position, const Inputs& in, const Rows& rows) const {
  const std::size_t index = shape_.stream().nodes[position];
  const PlannedNode& node = shape_.plan().nodes[index];
  if (node.component->kind != Kind::reducer) return compute(environment_, index, in, rows);
  Outputs state;
  call_node(shape_.plan(), index, [&] {
    NodeContext context(environment_, index, rows);
    dynamic_cast<const Reducer&>(*node.instance).reduce(in, state, context);
  });
  return state;
}

Outputs Pass::call_item_by_item(std::size_t position, const Inputs& in,
                                std::vector<char>& failed) {
  const std::size_t index = shape_.stream().nodes[position];
  const PlannedNode& node = shape_.plan().nodes[index];
  const std::int64_t count = in.block().count;
  if (failed.empty()) failed.assign(static_cast<std::size_t>(count), 0);
  std::map<std::string, std::vector<Tensor>> tensors;
  std::map<std::string, Table> tables;

  for (std::int64_t i = 0; i < count; ++i) {
    Outputs one;
    char& bad = failed[static_cast<std::size_t>(i)];
    if (!bad) {
      Inputs single = in;
      Block block = in.block();
      block.first += i;
      block.count = 1;
      single.set_block(block);
      for (Inputs::Edge& edge : single.edges()) {
        if (Tensor* tensor = std::get_if<Tensor>(&edge.value); tensor && tensor->size(0) == count) {
          *tensor = tensor->narrow(0, i, 1);
          std::get<Spec>(edge.spec).items = 1;
        }
      }
      const Rows rows = Rows::of(block);
      try {
        one = call(position, single, rows);
        for (const auto& [port, value] : one.all())
          if (const Tensor* tensor = std::get_if<Tensor>(&value); tensor && tensor->defined())
            require_finite(shape_.plan(), index, port, *tensor, first_nonfinite(*tensor), rows);
      } catch (const Error& error) {
        bad = 1;
        failures.emplace_back(block.first, error.what());
        one = Outputs();
      }
    }
    for (const auto& [port, announced] : node.outputs.all()) {
      const auto found = one.all().find(port);
      if (const Spec* spec = std::get_if<Spec>(&announced)) {
        Spec rows = spec_of_rows(*spec, 1, in.block().region);
        const Tensor* given =
            found == one.all().end() ? nullptr : std::get_if<Tensor>(&found->second);
        tensors[port].push_back(given != nullptr && given->defined() ? *given
                                                                     : missing_item(rows));
      } else if (const TableSpec* spec = std::get_if<TableSpec>(&announced)) {
        auto [table, fresh] = tables.try_emplace(port, Table(spec->columns));
        if (found != one.all().end()) table->second.append(std::get<Table>(found->second));
      }
    }
  }
  Outputs outputs;
  for (auto& [port, rows] : tensors) outputs.set(port, at::cat(rows));
  for (auto& [port, table] : tables) outputs.set(port, std::move(table));
  return outputs;
}

void Pass::run_node(std::size_t position) {
  const Plan& plan = shape_.plan();
  const std::size_t index = shape_.stream().nodes[position];
  const PlannedNode& node = plan.nodes[index];
  const auto start = std::chrono::steady_clock::now();
  Values& values = values_[position];

  Inputs in = gather(position, values.failed);
  const Rows rows = Rows::of(in.block());
  if (node.component->kind == Kind::sink) {
    Checksum sum;
    for (const Inputs::Edge& edge : in.edges()) {
      if (const Tensor* tensor = std::get_if<Tensor>(&edge.value)) sum.add(*tensor);
    }
    sinks.push_back({index, std::move(in), sum.value()});
  } else if (is_object(node.component->kind)) {
    if (objects_.count(index) == 0) {
      values.object = make_object(environment_, index, in, rows);
      made[index] = values.object;
    }
  } else if (node.on_item_error == OnItemError::skip && node.component->kind != Kind::reducer) {
    if (any(values.failed)) {
      keep(position, call_item_by_item(position, in, values.failed));
    } else {
      try {
        keep(position, call(position, in, rows));
      } catch (const Error&) {
        values.outputs.clear();
        keep(position, call_item_by_item(position, in, values.failed));
      }
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
      const bool cut = output && whole != nullptr && output->whole == whole->shape;
      if (cut && *input != *output) tensor = cropped(tensor, *input, *output).contiguous();
      const Inspection inspection = inspect(moved(tensor, at::kCPU));
      if (produced.failed.empty())
        require_finite(plan, index, port, tensor, inspection.first_nonfinite, rows);
      Tensor leaving = tensor;
      produced.checksum = inspection.checksum;
      if (cut && *output != *block_.region) {
        leaving = cropped(tensor, *output, *block_.region).contiguous();
        produced.checksum = checksum(moved(leaving, at::kCPU));
      }
      values.outputs[name] = tensor;
      produced.value = leaving;
    } else if (const Table* table = std::get_if<Table>(&value)) {
      produced.checksum = checksum_of(*table);
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
