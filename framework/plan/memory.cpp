#include "plan/memory.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "plan/copies.h"
#include "plan/edges.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

/// Specs and bytes of one block of one stream.
class BlockView {
 public:
  BlockView(const Plan& plan, const PlannedStream& stream, const Cut& cut)
      : plan_(plan), stream_(stream) {
    const std::vector<Region> tiles = tiles_of(plan, stream, cut.tile, nullptr);
    count_ = tiles.empty() ? std::min(cut.block_items, stream.items) : 1;
    blocks_ = tiles.empty() ? (stream.items + count_ - 1) / count_
                            : stream.items * static_cast<std::int64_t>(tiles.size());
    if (tiles.empty()) return;
    const std::vector<Reach> reach = reach_of(plan, stream, cut.tile.size());
    for (std::size_t i = 0; i < stream.nodes.size(); ++i)
      sizes_[stream.nodes[i]] = largest_input(tiles, reach[i]);
  }

  std::int64_t blocks() const { return blocks_; }

  /// The specs of a block as a node works on it (with its halo), and its objects.
  Inputs inputs(std::size_t node) const {
    if (plan_.nodes[node].component->kind == Kind::procedure) return inputs_of(plan_, node);
    Inputs in = inputs_of(plan_, node, [&](const PlannedInput& input, Inputs::Edge& edge) {
      if (input.from.empty()) edge.object = object(input.node);
    });
    for (Inputs::Edge& edge : in.edges()) {
      if (auto* spec = std::get_if<Spec>(&edge.spec))
        *spec = block_spec(*spec, count_, sizes(node));
      if (auto* table = std::get_if<TableSpec>(&edge.spec))
        table->items = std::min(table->items, count_);
    }
    in.set_block({plan_.nodes[node].first_item, count_, {}});
    return in;
  }

  /// An object, bound to the items of a block where there is one for each.
  std::shared_ptr<const Component> object(std::size_t number) const {
    const PlannedNode& node = plan_.nodes[number];
    if (!node.object_per_block || node.function) return node.instance;
    Problems problems;
    const auto made = remembered(recipe_for(node), node.component->create(node.settings, problems));
    if (!made) return node.instance;
    const Inputs in = inputs(number);
    if (!node.isolated) dynamic_cast<Object&>(*made).bind(in);
    note_bound(*made, in);
    return made;
  }

  /// Bytes of a block of what a node gives, as large as it computes it.
  std::int64_t bytes(std::size_t node, const Specs::Value& value) const {
    if (const auto* spec = std::get_if<Spec>(&value))
      return block_spec(*spec, count_, sizes(node)).bytes();
    if (const auto* table = std::get_if<TableSpec>(&value))
      return std::min(table->items, count_) * table->rows_per_item * table->row_bytes();
    return 0;
  }

 private:
  static Sizes largest_input(const std::vector<Region>& tiles, const Reach& reach) {
    Sizes far = reach.margin;
    for (std::size_t axis = 0; axis < far.size(); ++axis) far[axis] += reach.halo[axis];
    Sizes largest(far.size(), 0);
    for (const Region& tile : tiles) {
      const Region region = grown(tile, far);
      for (std::size_t axis = 0; axis < far.size(); ++axis)
        largest[axis] = std::max(largest[axis], region.size[axis]);
    }
    return largest;
  }

  Sizes sizes(std::size_t node) const {
    const auto found = sizes_.find(node);
    return found == sizes_.end() ? Sizes{} : found->second;
  }

  const Plan& plan_;
  const PlannedStream& stream_;
  std::int64_t count_ = 1;
  std::int64_t blocks_ = 1;
  std::map<std::size_t, Sizes> sizes_;
};

std::int64_t working_bytes(const Plan& plan, std::size_t node, const Inputs& in) {
  const PlannedNode& planned = plan.nodes[node];
  const auto* worker = dynamic_cast<const Worker*>(planned.instance.get());
  return worker ? std::max<std::int64_t>(0, worker->working_bytes(in)) : 0;
}

std::int64_t object_bytes(const Component& component) {
  const auto* object = dynamic_cast<const Object*>(&component);
  return object ? std::max<std::int64_t>(0, object->resident_bytes()) : 0;
}

bool contains(const std::vector<std::size_t>& nodes, std::size_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

using End = std::pair<std::size_t, std::string>;

/// Walks a block through its nodes, with what is alive at each of them.
class Walk {
 public:
  Walk(const Plan& plan, std::size_t stream, const Cut& cut)
      : plan_(plan), stream_(plan.streams[stream]), view_(plan, stream_, cut) {
    find_last_uses();
  }

  StreamNeed need() {
    begin();
    for (std::size_t step = 0; step < stream_.nodes.size(); ++step) pass(step);
    if (view_.blocks() == 1) need_.ahead = need_.behind = 0;
    return need_;
  }

 private:
  static constexpr std::size_t kEnd = static_cast<std::size_t>(-1);

  /// Until when each output is needed within a block: the step of its last consumer, or the end
  /// where it is written, as a result, for another stream, or by a sink.
  void find_last_uses() {
    for (std::size_t step = 0; step < stream_.nodes.size(); ++step) {
      const PlannedNode& node = plan_.nodes[stream_.nodes[step]];
      const bool written = node.component->kind == Kind::sink;
      for (const PlannedInput& input : node.inputs)
        if (is_data(input.type)) last_use_[{input.node, input.from}] = written ? kEnd : step;
      if (!written) continue;
      for (const PlannedInput& input : node.inputs) written_.insert({input.node, input.from});
    }
    for (const PlannedResult& result : plan_.results) written_.insert({result.node, result.port});
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
      if (plan_.nodes[i].computed && !contains(stream_.nodes, i))
        for (const PlannedInput& input : plan_.nodes[i].inputs)
          written_.insert({input.node, input.from});
    for (const End& end : written_) last_use_[end] = kEnd;
  }

  /// What is there before the first node: inputs from other streams, and what sources read.
  void begin() {
    std::set<End> seen;
    for (const std::size_t number : stream_.nodes) {
      if (plan_.nodes[number].component->kind == Kind::procedure) continue;
      for (const PlannedInput& input : plan_.nodes[number].inputs) {
        if (!is_data(input.type) || contains(stream_.nodes, input.node)) continue;
        if (!seen.insert({input.node, input.from}).second) continue;
        const Specs::Value& value = plan_.nodes[input.node].outputs.all().at(input.from);
        const std::int64_t bytes = view_.bytes(number, value);
        if (items_of(plan_, input).per_item) enter({input.node, input.from}, bytes);
        else need_.resident += bytes;
      }
    }
    need_.ahead = live_;
  }

  void enter(const End& end, std::int64_t bytes) {
    alive_[end] = bytes;
    live_ += bytes;
  }

  void pass(std::size_t step) {
    const std::size_t number = stream_.nodes[step];
    const PlannedNode& node = plan_.nodes[number];
    const Kind kind = node.component->kind;
    if (is_object(kind)) {
      (node.object_per_block ? live_ : need_.resident) += object_bytes(*view_.object(number));
      note_peak(number, 0);
      return;
    }
    std::int64_t outputs = 0;
    const Specs& given = kind == Kind::reducer ? node.state : node.outputs;
    for (const auto& [port, value] : given.all()) {
      const std::int64_t bytes =
          gives_whole(kind) ? output_bytes(value) : view_.bytes(number, value);
      enter({number, kind == Kind::reducer ? "state " + port : port}, bytes);
      outputs += bytes;
      if (kind == Kind::source) need_.ahead += bytes;
      if (kind == Kind::reducer || written_.count({number, port})) need_.behind += bytes;
    }
    note_peak(number, working_bytes(plan_, number, view_.inputs(number)) +
                          (node.isolated ? bytes_at_the_border(number, outputs) : 0));
    leave(step, number);
  }

  /// Copies of inputs in shared memory, and outputs as its process has them.
  std::int64_t bytes_at_the_border(std::size_t number, std::int64_t outputs) const {
    const PlannedNode& node = plan_.nodes[number];
    std::int64_t bytes = outputs;
    if (node.component->kind == Kind::procedure) return bytes;
    for (const PlannedInput& input : node.inputs)
      if (is_data(input.type))
        bytes += view_.bytes(number, plan_.nodes[input.node].outputs.all().at(input.from));
    return bytes;
  }

  void note_peak(std::size_t number, std::int64_t working) {
    if (live_ + working <= need_.block && step_seen_) return;
    step_seen_ = true;
    need_.block = live_ + working;
    need_.worst = number;
  }

  /// Drops what nobody after this step needs.
  void leave(std::size_t step, std::size_t number) {
    for (auto end = alive_.begin(); end != alive_.end();) {
      const auto use = last_use_.find(end->first);
      const bool unused = use == last_use_.end() && end->first.first == number &&
                          plan_.nodes[number].component->kind != Kind::reducer;
      if (unused || (use != last_use_.end() && use->second != kEnd && use->second <= step)) {
        live_ -= end->second;
        end = alive_.erase(end);
      } else {
        ++end;
      }
    }
  }

  const Plan& plan_;
  const PlannedStream& stream_;
  BlockView view_;
  std::map<End, std::size_t> last_use_;
  std::set<End> written_;
  std::map<End, std::int64_t> alive_;
  std::int64_t live_ = 0;
  bool step_seen_ = false;
  StreamNeed need_;
};

/// Where an output is needed: the streams of its consumers; for sinks that are written at the end,
/// after the last of them.
std::set<std::size_t> streams_that_use(const Plan& plan, std::size_t node,
                                       const std::string& port) {
  std::set<std::size_t> users;
  for (std::size_t stream = 0; stream < plan.streams.size(); ++stream)
    for (const std::size_t consumer : plan.streams[stream].nodes)
      for (const PlannedInput& input : plan.nodes[consumer].inputs)
        if (input.node == node && input.from == port)
          users.insert(plan.nodes[consumer].at_end ? plan.streams.size() : stream);
  return users;
}

bool is_result(const Plan& plan, std::size_t node, const std::string& port) {
  return std::any_of(plan.results.begin(), plan.results.end(), [&](const PlannedResult& result) {
    return result.node == node && result.port == port;
  });
}

}  // namespace

std::int64_t StreamNeed::bytes(int in_flight, std::int64_t blocks) const {
  const std::int64_t flying = std::min<std::int64_t>(in_flight, blocks);
  return resident + flying * block + (blocks > flying ? ahead : 0) + (blocks > 1 ? behind : 0);
}

StreamNeed need_of(const Plan& plan, std::size_t stream, const Cut& cut) {
  return Walk(plan, stream, cut).need();
}

void measure_nodes(Plan& plan, std::size_t stream, const Cut& cut) {
  const BlockView view(plan, plan.streams[stream], cut);
  for (const std::size_t number : plan.streams[stream].nodes) {
    PlannedNode& node = plan.nodes[number];
    const Kind kind = node.component->kind;
    node.output_bytes = 0;
    for (const auto& [port, value] : node.outputs.all())
      node.output_bytes += gives_whole(kind) ? output_bytes(value) : view.bytes(number, value);
    node.working_bytes = is_object(kind) ? object_bytes(*view.object(number))
                                         : working_bytes(plan, number, view.inputs(number));
  }
}

std::int64_t bytes_of_processes(const Plan& plan) {
  constexpr std::int64_t kProcess = std::int64_t{60} << 20;  // as measured, without shared pages
  const auto counts = [](const PlannedNode& node) {
    return node.isolated && node.computed && !is_object(node.component->kind);
  };
  return kProcess * plan.workers * std::count_if(plan.nodes.begin(), plan.nodes.end(), counts);
}

std::int64_t output_bytes(const Specs::Value& value) {
  if (const auto* spec = std::get_if<Spec>(&value)) return spec->bytes();
  if (const auto* table = std::get_if<TableSpec>(&value))
    return table->items * table->rows_per_item * table->row_bytes();
  return 0;
}

std::vector<Crossing> crossings_of(const Plan& plan) {
  std::vector<Crossing> crossings;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const PlannedNode& node = plan.nodes[i];
    if (!node.computed) continue;
    for (const auto& [port, value] : node.outputs.all()) {
      std::set<std::size_t> users = streams_that_use(plan, i, port);
      users.erase(node.stream);
      const std::int64_t bytes = output_bytes(value);
      if (users.empty() || bytes == 0 || is_result(plan, i, port)) continue;
      const auto* spec = std::get_if<Spec>(&value);
      crossings.push_back({i, port, bytes, node.stream, *users.rbegin(), spec && spec->items == 1,
                           spec == nullptr});
    }
  }
  return crossings;
}

}  // namespace pellucid
