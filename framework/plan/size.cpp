// Size: what the whole run holds in memory and writes to the disk, and whether that fits.
#include <algorithm>
#include <limits>

#include "base/bytes.h"
#include "base/disk.h"
#include "plan/draft.h"
#include "plan/edges.h"
#include "plan/machine.h"
#include "plan/memory.h"

namespace pellucid {
namespace {

/// Beyond what is resident while planning: stacks of the threads, HDF5, tables of the allocator.
constexpr std::int64_t kAllowance = std::int64_t{24} << 20;

/// Objects that are made once stay until the last stream that uses them.
std::int64_t objects_held(const Plan& plan, std::size_t stream) {
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const PlannedNode& node = plan.nodes[i];
    if (!node.computed || !is_object(node.component->kind) || node.object_per_block) continue;
    if (node.stream >= stream) continue;  // its own stream counts it
    for (std::size_t later = stream; later < plan.streams.size(); ++later) {
      const auto& nodes = plan.streams[later].nodes;
      const bool used = std::any_of(nodes.begin(), nodes.end(), [&](std::size_t consumer) {
        const auto& inputs = plan.nodes[consumer].inputs;
        return std::any_of(inputs.begin(), inputs.end(),
                           [i](const PlannedInput& input) { return input.node == i; });
      });
      if (!used) continue;
      bytes += node.working_bytes;
      break;
    }
  }
  return bytes;
}

std::int64_t buffers_held(const std::vector<Crossing>& crossings, std::size_t stream) {
  std::int64_t bytes = 0;
  for (const Crossing& crossing : crossings) {
    const bool pinned = crossing.whole && crossing.from != stream;
    if (crossing.filed || pinned) continue;
    if (crossing.from <= stream && stream <= crossing.to) bytes += crossing.bytes;
  }
  return bytes;
}

class Sizing {
 public:
  explicit Sizing(Draft& draft) : draft_(draft), plan_(draft.plan) {}

  void predict() {
    const Cut cut = cut_of(plan_);
    const std::vector<Crossing> crossings = crossings_of(plan_);
    for (std::size_t stream = 0; stream < plan_.streams.size(); ++stream)
      measure_nodes(plan_, stream, cut);
    for (std::size_t stream = 0; stream < plan_.streams.size(); ++stream)
      predict(stream, cut, crossings);
    plan_.predicted_resident = plan_.predicted_bytes + resident_memory() + kAllowance;
  }

 private:
  void predict(std::size_t number, const Cut& cut, const std::vector<Crossing>& crossings) {
    PlannedStream& stream = plan_.streams[number];
    const StreamNeed need = need_of(plan_, number, cut);
    const std::int64_t objects = objects_held(plan_, number);
    stream.block_bytes = need.block;
    stream.in_flight =
        static_cast<int>(std::clamp<std::int64_t>(stream.blocks, 1, std::max(1, plan_.workers)));
    while (stream.in_flight > 1 &&
           objects + need.bytes(stream.in_flight, stream.blocks) > plan_.memory)
      --stream.in_flight;
    const std::int64_t streaming = objects + need.bytes(stream.in_flight, stream.blocks);
    stream.bytes = streaming;
    if (streaming > plan_.memory) complain(number, need, streaming, cut);
    const std::int64_t left = std::max<std::int64_t>(0, plan_.memory - streaming);
    const std::int64_t buffers = buffers_held(crossings, number);
    plan_.predicted_bytes = std::max(plan_.predicted_bytes, streaming + std::min(buffers, left));
    plan_.spilled_bytes = std::max(plan_.spilled_bytes, buffers - std::min(buffers, left));
  }

  std::int64_t needed(std::size_t stream, const Cut& cut) const {
    const StreamNeed need = need_of(plan_, stream, cut);
    const PlannedStream& planned = plan_.streams[stream];
    const bool several = planned.items > 1 || !tiles_of(plan_, planned, cut.tile, nullptr).empty();
    return objects_held(plan_, stream) +
           need.bytes(1, several ? std::numeric_limits<std::int64_t>::max() : 1);
  }

  void complain(std::size_t stream, const StreamNeed& need, std::int64_t bytes, const Cut& cut) {
    const PlannedNode& worst = plan_.nodes[need.worst];
    const std::string unit = plan_.streams[stream].tiles.empty() ? "block" : "tile";
    std::string sentence = "one " + unit + " does not fit in memory: " + bytes_text(bytes) +
                           " are needed here, settings.memory allows " + bytes_text(plan_.memory);
    const std::string cure = smaller_cut(stream, cut);
    // Rounded up, so that the number told is enough.
    const std::string memory = std::to_string((bytes + kMiB - 1) / kMiB) + " MiB";
    sentence += cure.empty() ? "; it would with 'memory: " + memory + "'"
                             : "; it would with '" + cure + "' (or 'memory: " + memory + "')";
    draft_.faults.add(worst.use_where, &worst, sentence);
  }

  /// "block: 4" or "tile: [512, 512]", where one of them fits; empty where none does.
  std::string smaller_cut(std::size_t stream, const Cut& cut) const {
    if (plan_.streams[stream].tiles.empty()) {
      Cut smaller = cut;
      std::int64_t fits = 0, fails = std::min(cut.block_items, plan_.streams[stream].items);
      while (fails - fits > 1) {
        smaller.block_items = (fits + fails) / 2;
        (needed(stream, smaller) <= plan_.memory ? fits : fails) = smaller.block_items;
      }
      if (fits > 0) return "block: " + std::to_string(fits);
    }
    return smaller_tile(stream, cut);
  }

  std::string smaller_tile(std::size_t stream, const Cut& cut) const {
    constexpr std::int64_t kSmallest = 32;
    Cut smaller = cut;
    if (smaller.tile.empty()) smaller.tile = whole_item(stream);
    while (!smaller.tile.empty()) {
      auto longest = std::max_element(smaller.tile.begin(), smaller.tile.end());
      if (*longest <= kSmallest) break;
      *longest = (*longest + 1) / 2;
      std::optional<TileFault> fault;
      tiles_of(plan_, plan_.streams[stream], smaller.tile, &fault);
      if (fault) break;
      if (needed(stream, smaller) > plan_.memory) continue;
      std::string text;
      for (const std::int64_t size : smaller.tile)
        text += (text.empty() ? "" : ", ") + std::to_string(size);
      return "tile: [" + text + "]";
    }
    return {};
  }

  /// Sizes of the axes that tiles would cut: (h, w) or (z, h, w) of the largest edge.
  std::vector<std::int64_t> whole_item(std::size_t stream) const {
    const Spec* largest = nullptr;
    for (const Spec* edge : tensor_edges_of(plan_, plan_.streams[stream]))
      if (!largest || edge->item_bytes() > largest->item_bytes()) largest = edge;
    if (!largest || largest->shape.size() < 2) return {};
    const std::size_t cut = largest->axes.find('z') != std::string::npos ? 3 : 2;
    if (largest->shape.size() < cut) return {};
    return {largest->shape.end() - static_cast<std::ptrdiff_t>(cut), largest->shape.end()};
  }

  Draft& draft_;
  Plan& plan_;
};

/// What the file of buffers holds whatever memory there is: states of reducers, and tables, those of
/// results until their number of rows is known.
std::int64_t filed_bytes(const Plan& plan) {
  std::int64_t bytes = 0;
  for (const Crossing& crossing : crossings_of(plan))
    if (crossing.filed) bytes += crossing.bytes;
  for (const PlannedResult& result : plan.results)
    if (plan.table_spec(result.node, result.port))
      bytes += output_bytes(plan.nodes[result.node].outputs.all().at(result.port));
  for (const PlannedNode& node : plan.nodes)
    if (node.computed)
      for (const auto& [port, state] : node.state.all())
        bytes += plan.streams[node.stream].blocks * output_bytes(state);
  return bytes;
}

}  // namespace

void predict_memory(Draft& draft) { Sizing(draft).predict(); }

void predict_disk(Draft& draft) {
  Plan& plan = draft.plan;
  std::int64_t results = 0;
  for (const PlannedResult& result : plan.results)
    results += output_bytes(plan.nodes[result.node].outputs.all().at(result.port));
  for (const PlannedNode& node : plan.nodes)
    if (node.computed) results += node.file_bytes;
  const std::int64_t buffers = plan.spilled_bytes + filed_bytes(plan);
  plan.disk_bytes = results + buffers;

  const PlanOptions& options = draft.options;
  plan.disk_free = free_disk(options.folder);
  if (plan.disk_bytes <=
      std::min(plan.disk_free,
               free_disk(options.scratch.empty() ? options.folder : options.scratch)))
    return;
  const auto require = [&](const std::filesystem::path& folder, std::int64_t bytes) {
    // What an interrupted run has written already it needs no second time.
    const std::int64_t free = free_disk(folder) + occupied_disk(folder);
    if (bytes <= free) return;
    draft.faults.add(
        {plan.sources.empty() ? nullptr
                              : std::make_shared<const std::string>(plan.sources.front().name)},
        nullptr,
        "the run would write " + bytes_text(bytes) + ", but only " + bytes_text(free) +
            " are free on the disk of '" + (folder.empty() ? std::string(".") : folder.string()) +
            "'; choose another folder with --run or --scratch, or fewer items with "
            "--items");
  };
  if (options.scratch.empty()) {
    require(options.folder, plan.disk_bytes);
  } else {
    require(options.folder, results);
    require(options.scratch, buffers);
  }
}

}  // namespace pellucid
