// Keys: a hash for every node of all that its values depend on.
#include <ATen/Version.h>

#include <pellucid/stamp.h>

#include "base/hash.h"
#include "plan/draft.h"
#include "plan/edges.h"
#include "plan/paths.h"

namespace pellucid {
namespace {

/// What all nodes depend on alike: how numbers are computed here, and how the work is cut.
void add_surroundings(Hash& hash, const Plan& plan) {
  hash.add(PELLUCID_ABI_STAMP).add(at::get_cpu_capability());
  hash.add(plan.settings.device).add(plan.block_items).add(plan.threads);
  for (const auto* sizes : {&plan.settings.tile, &plan.settings.overlap}) {
    hash.add(static_cast<std::int64_t>(sizes->size()));
    for (const std::int64_t length : *sizes) hash.add(length);
  }
}

/// Every file that the settings name, as it is now.
std::vector<SourceFile> files_of(const PlannedNode& node) {
  std::vector<SourceFile> files;
  for (const auto& path : input_files(node.settings, node.component->fields()))
    files.push_back(source_file(path));
  return files;
}

std::string key_of(const Plan& plan, const PlannedNode& node, const std::string& surroundings) {
  Hash hash;
  hash.add(surroundings).add(node.use).add(node.plugin_version).add(node.plugin_checksum);
  hash.add(node.settings.flow());
  hash.add(static_cast<std::int64_t>(node.seed)).add(node.seed_name);
  for (const SourceFile& file : node.files)
    hash.add(file.path.string()).add(file.bytes).add(file.modified);
  for (const PlannedInput& input : node.inputs)
    hash.add(input.port).add(plan.nodes[input.node].key).add(input.from);
  if (node.function) {
    hash.add(static_cast<std::int64_t>(node.function->fresh)).add(node.function->value_port);
    for (const std::size_t between : node.function->between) {
      const PlannedNode& inner = plan.nodes[between];
      hash.add(inner.use).add(inner.plugin_checksum).add(inner.settings.flow());
      hash.add(inner.seed_name);
    }
  }
  // What is made from all items depends on which ones there are.
  const Kind kind = node.component->kind;
  if (gives_whole(kind))
    for (const PlannedInput& input : node.inputs) {
      const ItemCount count = items_of(plan, input);
      hash.add(count.items).add(count.first_item);
    }
  return hash.hex();
}

}  // namespace

void make_keys(Draft& draft) {
  Plan& plan = draft.plan;
  Hash surroundings;
  add_surroundings(surroundings, plan);
  Hash whole;
  for (PlannedNode& node : plan.nodes) {
    node.files = files_of(node);
    node.key = key_of(plan, node, surroundings.hex());
    whole.add(node.name).add(node.point).add(node.key);
    whole.add(node.items).add(node.first_item);
    whole.add(static_cast<std::int64_t>(node.nonfinite));
    whole.add(static_cast<std::int64_t>(node.on_item_error));
  }
  for (const PlannedResult& result : plan.results)
    whole.add(static_cast<std::int64_t>(result.point))
        .add(plan.nodes[result.node].key)
        .add(result.port);
  plan.key = whole.hex();
}

}  // namespace pellucid
