#include "plan/blocks.h"

#include <algorithm>

#include "plan/draft.h"
#include "plan/edges.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

/// The last `count` axes of an item; empty where it has fewer.
Sizes last_axes(const Spec& spec, std::size_t count) {
  if (spec.shape.size() < count) return {};
  return {spec.shape.end() - static_cast<std::ptrdiff_t>(count), spec.shape.end()};
}

const Spec* input_spec(const Plan& plan, const PlannedInput& input) {
  return input.type == PortType::tensor ? plan.tensor_spec(input.node, input.from) : nullptr;
}

bool fits_in(const Sizes& sizes, const Sizes& tile) {
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i] > tile[i]) return false;
  return true;
}

/// How far a stage looks along the cut axes: its own halo, else what `overlap` says; empty where it
/// needs the whole item.
std::optional<Sizes> halo_of(const Plan& plan, std::size_t number, std::size_t cut_axes) {
  const PlannedNode& node = plan.nodes[number];
  const auto declared = dynamic_cast<const Stage&>(*node.instance).halo(inputs_of(plan, number));
  if (!declared) {
    const Sizes& overlap = plan.settings.overlap;
    if (node.component->kind == Kind::source || overlap.size() != cut_axes) return std::nullopt;
    return overlap;
  }
  Sizes halo(cut_axes, 0);
  for (std::size_t axis = 1; axis <= std::min(cut_axes, declared->size()); ++axis)
    halo[cut_axes - axis] = std::max<std::int64_t>(0, (*declared)[declared->size() - axis]);
  return halo;
}

bool gives_tensors(const PlannedNode& node) {
  const auto& outputs = node.outputs.all();
  return std::any_of(outputs.begin(), outputs.end(), [](const auto& output) {
    return std::holds_alternative<Spec>(output.second);
  });
}

/// Why a node cannot work on tiles of items with these sizes; empty where it can.
std::string hindrance(const Plan& plan, std::size_t number, const Sizes& whole) {
  const PlannedNode& node = plan.nodes[number];
  const std::string rule = "items of " + shape_text(whole) + " are to be cut into tiles, but ";
  for (const auto& [port, value] : node.outputs.all()) {
    const auto* spec = std::get_if<Spec>(&value);
    if (!spec) {
      if (gives_tensors(node) && plan.consumers(number, port).empty()) continue;
      return rule + "a table ('" + port + "') is made from whole items";
    }
    if (last_axes(*spec, whole.size()) != whole)
      return rule + "output '" + port + "' has the shape " + shape_text(spec->shape);
  }
  for (const PlannedInput& input : node.inputs)
    if (const Spec* spec = input_spec(plan, input); spec && last_axes(*spec, whole.size()) != whole)
      return rule + "input '" + input.port + "' has the shape " + shape_text(spec->shape);
  switch (node.component->kind) {
    case Kind::sink:
      return {};
    case Kind::source:
    case Kind::stage:
      break;
    case Kind::reducer:
      return rule + "a reducer is given whole items";
    default:
      return rule + "an object is made from whole items";
  }
  if (halo_of(plan, number, whole.size())) return {};
  if (node.component->kind == Kind::source)
    return rule + "this node makes whole items (it declares no halo)";
  return rule +
         "this node needs the whole item (it declares no halo); where results near those of "
         "the whole item will do, say by 'overlap' how far it is to look beyond a tile";
}

Region tile_at(const Sizes& whole, const Sizes& tile, const Sizes& index) {
  Region region;
  region.whole = whole;
  for (std::size_t axis = 0; axis < whole.size(); ++axis) {
    region.offset.push_back(index[axis] * tile[axis]);
    region.size.push_back(std::min(tile[axis], whole[axis] - region.offset.back()));
  }
  return region;
}

/// All tiles, the last axis running fastest.
std::vector<Region> grid(const Sizes& whole, const Sizes& tile) {
  std::vector<Region> tiles;
  Sizes index(whole.size(), 0);
  while (true) {
    tiles.push_back(tile_at(whole, tile, index));
    std::size_t axis = whole.size();
    while (axis > 0) {
      --axis;
      if (++index[axis] * tile[axis] < whole[axis]) break;
      index[axis] = 0;
      if (axis == 0) return tiles;
    }
  }
}

std::int64_t blocks_of(const PlannedStream& stream, std::int64_t block_items) {
  if (!stream.tiles.empty()) return stream.items * static_cast<std::int64_t>(stream.tiles.size());
  return (stream.items + block_items - 1) / block_items;
}

}  // namespace

std::vector<const Spec*> tensor_edges_of(const Plan& plan, const PlannedStream& stream) {
  std::vector<const Spec*> edges;
  for (const std::size_t number : stream.nodes) {
    const PlannedNode& node = plan.nodes[number];
    if (node.component->kind == Kind::procedure) continue;
    if (node.component->kind != Kind::reducer)
      for (const auto& [port, value] : node.outputs.all())
        if (const auto* spec = std::get_if<Spec>(&value)) edges.push_back(spec);
    for (const PlannedInput& input : node.inputs)
      if (const Spec* spec = input_spec(plan, input)) edges.push_back(spec);
  }
  return edges;
}

std::int64_t largest_item_bytes(const Plan& plan) {
  std::int64_t largest = 0;
  for (const PlannedNode& node : plan.nodes) {
    const Kind kind = node.component->kind;
    const bool counts_items = kind == Kind::source || kind == Kind::stage;
    if (!node.computed) continue;
    for (const auto& [port, value] : node.outputs.all())
      if (const auto* spec = std::get_if<Spec>(&value))
        if (counts_items ? node.per_item : spec->items > 1)
          largest = std::max(largest, spec->item_bytes());
  }
  return largest;
}

Cut cut_of(const Plan& plan) {
  Cut cut;
  cut.tile = plan.settings.tile;
  if (plan.settings.block_items) {
    cut.block_items = std::max<std::int64_t>(1, *plan.settings.block_items);
  } else if (const std::int64_t largest = largest_item_bytes(plan); largest > 0) {
    cut.block_items = std::max<std::int64_t>(1, plan.settings.block_bytes / largest);
  }
  return cut;
}

std::vector<Region> tiles_of(const Plan& plan, const PlannedStream& stream, const Sizes& tile,
                             std::optional<TileFault>* fault) {
  const bool runs_once = std::any_of(stream.nodes.begin(), stream.nodes.end(), [&](std::size_t n) {
    return plan.nodes[n].component->kind == Kind::procedure;
  });
  if (tile.empty() || runs_once) return {};
  Sizes whole;
  for (const Spec* edge : tensor_edges_of(plan, stream)) {
    const Sizes sizes = last_axes(*edge, tile.size());
    if (!sizes.empty() && !fits_in(sizes, tile) && whole.empty()) whole = sizes;
  }
  if (whole.empty()) return {};
  for (const std::size_t node : stream.nodes) {
    const auto& inputs = plan.nodes[node].inputs;
    const bool made_once =
        is_object(plan.nodes[node].component->kind) && !plan.nodes[node].object_per_block &&
        std::none_of(inputs.begin(), inputs.end(),
                     [](const PlannedInput& input) { return is_data(input.type); });
    if (made_once) continue;
    const std::string sentence = hindrance(plan, node, whole);
    if (sentence.empty()) continue;
    if (fault && !*fault) *fault = TileFault{node, sentence};
    return {};
  }
  return grid(whole, tile);
}

std::vector<Reach> reach_of(const Plan& plan, const PlannedStream& stream, std::size_t cut_axes) {
  std::vector<Reach> reach(stream.nodes.size(), {Sizes(cut_axes, 0), Sizes(cut_axes, 0)});
  for (std::size_t i = stream.nodes.size(); i-- > 0;) {
    const PlannedNode& node = plan.nodes[stream.nodes[i]];
    if (node.component->kind == Kind::stage)
      if (const auto halo = halo_of(plan, stream.nodes[i], cut_axes)) reach[i].halo = *halo;
    for (std::size_t p = 0; p < i; ++p)
      for (const PlannedInput& input : node.inputs)
        if (input.node == stream.nodes[p] && input.type == PortType::tensor)
          for (std::size_t axis = 0; axis < cut_axes; ++axis)
            reach[p].margin[axis] =
                std::max(reach[p].margin[axis], reach[i].margin[axis] + reach[i].halo[axis]);
  }
  return reach;
}

Spec block_spec(const Spec& edge, std::int64_t count, const Sizes& sizes) {
  Spec block = edge;
  block.items = std::min(edge.items, count);
  for (std::size_t axis = 1; axis <= std::min(sizes.size(), block.shape.size()); ++axis)
    block.shape[block.shape.size() - axis] = sizes[sizes.size() - axis];
  return block;
}

Block PlannedStream::block(std::size_t index, std::int64_t block_items) const {
  const auto number = static_cast<std::int64_t>(index);
  if (!tiles.empty()) {
    const auto count = static_cast<std::int64_t>(tiles.size());
    return {number / count, 1, tiles[static_cast<std::size_t>(number % count)]};
  }
  const std::int64_t first = number * block_items;
  return {first, std::min(block_items, items - first), {}};
}

Region grown(const Region& tile, const Sizes& margin) {
  Region region = tile;
  for (std::size_t axis = 0; axis < tile.offset.size() && axis < margin.size(); ++axis) {
    const std::int64_t begin = std::max<std::int64_t>(0, tile.offset[axis] - margin[axis]);
    const std::int64_t end =
        std::min(tile.whole[axis], tile.offset[axis] + tile.size[axis] + margin[axis]);
    region.offset[axis] = begin;
    region.size[axis] = end - begin;
  }
  return region;
}

Region region_of(const Region& tile, const Spec& edge) {
  Region region{Sizes(edge.shape.size(), 0), edge.shape, edge.shape};
  const std::size_t leading = edge.shape.size() - tile.size.size();
  for (std::size_t axis = 0; axis < tile.size.size(); ++axis) {
    region.offset[leading + axis] = tile.offset[axis];
    region.size[leading + axis] = tile.size[axis];
  }
  return region;
}

void cut_into_blocks(Draft& draft) {
  Plan& plan = draft.plan;
  const Cut cut = cut_of(plan);
  plan.block_items = cut.block_items;
  for (PlannedStream& stream : plan.streams) {
    std::optional<TileFault> fault;
    stream.tiles = tiles_of(plan, stream, cut.tile, &fault);
    if (fault) {
      const PlannedNode& node = plan.nodes[fault->node];
      draft.faults.add(node.use_where, &node, fault->sentence);
    }
    stream.blocks = blocks_of(stream, cut.block_items);
    if (stream.tiles.empty()) continue;
    const std::vector<Reach> reach = reach_of(plan, stream, cut.tile.size());
    for (std::size_t i = 0; i < stream.nodes.size(); ++i) {
      plan.nodes[stream.nodes[i]].halo = reach[i].halo;
      plan.nodes[stream.nodes[i]].margin = reach[i].margin;
    }
    // What nobody takes of the tables, which are made from whole items, is left out.
    for (const std::size_t node : stream.nodes)
      std::erase_if(plan.results, [&](const PlannedResult& result) {
        return result.node == node && !plan.tensor_spec(node, result.port);
      });
  }
  for (PlannedNode& node : plan.nodes) {
    const auto* sink = dynamic_cast<const Sink*>(node.instance.get());
    if (!node.computed || !sink) continue;
    const bool tiled = plan.streams[node.stream].tiles.size() > 1;
    node.at_end = !sink->incremental() || (tiled && !sink->takes_regions());
  }
}

}  // namespace pellucid
