// Plan: the checked DAG of a run, with every edge's spec, before any pixel is computed.
//
// Nodes that stream together, block by block, form a Stream. A barrier (the end of a Reducer, a
// Procedure) and a change of the item count end one stream and begin another; the edges between two
// streams are buffers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/plugin.h>

#include "pipeline/document.h"

namespace pellucid {

class Registry;

/// One end of an edge, seen from the node that consumes it.
struct PlannedInput {
  std::string port;      ///< name at the consumer; for a function's side inputs "NODE.PORT"
  std::size_t node = 0;  ///< producer, an index into Plan::nodes
  std::string from;      ///< port at the producer; empty where the producer is the object itself
  PortType type = PortType::tensor;
  bool open = false;  ///< gathered by an AnyIn
  SourceLocation where;
};

/// What a `pipeline/function` node stands for: the nodes between two ports.
struct PlannedFunction {
  std::size_t argument_node = 0;
  std::string argument_port;
  std::size_t value_node = 0;
  std::string value_port;
  std::vector<std::size_t> between;  ///< in topological order, value_node last
  bool fresh = false;                ///< new draws at each call
};

/// A file that a source reads, as it was when the plan was made.
struct SourceFile {
  std::filesystem::path path;
  std::int64_t bytes = -1;    ///< -1: no regular file
  std::int64_t modified = 0;  ///< nanoseconds since 1970
  bool operator==(const SourceFile&) const = default;
};
SourceFile source_file(const std::filesystem::path& path);

struct PlannedNode {
  std::string name;
  std::string point;  ///< label of the sweep's point it belongs to; empty where several share it
  std::string use;
  SourceLocation where;  ///< of the name
  SourceLocation use_where;
  const ComponentDescriptor* component = nullptr;
  std::filesystem::path plugin_file;  ///< empty for built-in components
  std::string plugin_version;
  std::string plugin_checksum;
  Value settings;                    ///< a map; substituted, paths absolute
  std::vector<PlannedInput> inputs;  ///< in the order of the file
  std::optional<PlannedFunction> function;

  /// Files named by path settings (globs expanded), in order.
  std::vector<SourceFile> files;

  /// Made while planning, from settings alone; bound where it is an object without per-block
  /// instances. The run prepares it (or, for `object_per_block`, makes one for each block).
  std::shared_ptr<Component> instance;

  /// It runs in a process of its own, and `instance` is a stand-in for what is there.
  bool isolated = false;
  /// An object that isolated nodes use: their processes make copies of it.
  bool copied = false;
  /// An object that nodes of this process use.
  bool used_here = true;

  Specs outputs;           ///< with all items of the run
  Specs state;             ///< of a Reducer
  std::int64_t items = 1;  ///< what it works through: N, or 1
  /// Its items are counted: N stays an N where `--items` leaves one of them.
  bool per_item = false;
  /// Number of its first item in the dataset (`--items 4:8` begins at 4).
  std::int64_t first_item = 0;
  /// An object with tensor inputs of N items: one instance a block.
  bool object_per_block = false;
  /// A sink that is written when all else is done, from buffers kept for it: its format cannot be
  /// cut back after a crash, or it wants whole items of a tiled stream.
  bool at_end = false;
  /// Index into Plan::streams; objects made once have the stream in which they become available.
  std::size_t stream = 0;
  /// Where its stream is cut into tiles, along the cut axes: how far it looks beyond its own place,
  /// and how far beyond a tile its outputs are needed by the nodes after it. So it is given the tile
  /// grown by both; empty: works on whole items.
  std::vector<std::int64_t> halo;
  std::vector<std::int64_t> margin;

  std::string seed_name;   ///< node name for its draws (`seed_as`)
  std::uint64_t seed = 0;  ///< of its point's settings
  OnNonfinite nonfinite = OnNonfinite::stop;
  OnItemError on_item_error = OnItemError::stop;
  std::optional<double> timeout;

  /// Of one block: outputs, and what a call needs beyond inputs and outputs.
  std::int64_t output_bytes = 0;
  std::int64_t working_bytes = 0;
  std::int64_t file_bytes = 0;  ///< what a sink writes at most

  /// False where no result needs its values: it stands in no stream, and is here only because a
  /// `pipeline/function` runs it on tensors of its own.
  bool computed = true;

  /// Hash (hex, 128 bit) of all that its values depend on: component, plugin file, settings, seed,
  /// block size, T, device, libtorch, CPU instruction set, keys of its inputs, size and time of
  /// source files.
  std::string key;
};

/// An output that the run stores in `result.h5` of a point: a kept port, a table that nobody
/// consumes, or, without any sink, an output that nobody consumes.
struct PlannedResult {
  std::size_t point = 0;
  std::size_t node = 0;
  std::string port;
};

struct PlannedStream {
  /// Topological order. Objects with an instance for each block stand in every stream that uses
  /// them; but for those, a Procedure is alone in its stream (and last).
  std::vector<std::size_t> nodes;
  std::int64_t items = 1;
  std::int64_t first_item = 0;
  std::int64_t blocks = 1;
  /// It waits for all items of an earlier stream.
  bool behind_barrier = false;
  /// Tiles of an item as regions without halo, the same for all items, along the cut axes alone
  /// (the last ones of every edge, as many as `settings.tile` has); empty: items are not cut.
  std::vector<Region> tiles;
  /// Most bytes that one block in flight holds at once: live edges plus working memory.
  std::int64_t block_bytes = 0;
  int in_flight = 1;  ///< blocks that are computed at once: W, or as many as memory has room for
  /// What it holds at most: blocks in flight, what is read ahead and written behind, objects.
  std::int64_t bytes = 0;
  /// Items of block `index` (relative to the stream's first item); in a tiled stream one item, with
  /// the tile as its region (cut axes alone).
  Block block(std::size_t index, std::int64_t block_items) const;
};

/// A tile grown by a margin along each cut axis, clipped at the item's borders.
Region grown(const Region& tile, const std::vector<std::int64_t>& margin);
/// The region of an edge's item that a tile (cut axes alone) stands for: whole along all other axes.
Region region_of(const Region& tile, const Spec& edge);

/// One point of a sweep, or the pipeline itself.
struct PlannedPoint {
  std::string label;
  std::vector<std::pair<std::string, std::string>> labels;
  std::string resolved;            ///< canonical YAML, paths absolute
  std::vector<std::size_t> nodes;  ///< nodes this point uses
};

struct PlanOptions {
  std::optional<std::pair<std::int64_t, std::int64_t>> items;  ///< [first, last)
  std::string until;             ///< compute up to this node and keep its outputs
  std::filesystem::path folder;  ///< of the run: where disk space is looked at
  std::filesystem::path scratch;
  /// A `pipeline/function` that is wanted itself, to be called from outside of a run: what it needs
  /// beside its argument is computed, and nothing else.
  std::string function;
};

struct Plan {
  RunSettings settings;
  std::vector<PlannedNode> nodes;      ///< topological order; only those that results need
  std::vector<std::string> unused;     ///< names of nodes that no result needs
  std::vector<PlannedStream> streams;  ///< in the order they run
  std::vector<PlannedResult> results;
  std::vector<PlannedPoint> points;
  std::vector<std::string> sweep_axes;
  std::vector<SourceText> sources;
  std::optional<std::pair<std::int64_t, std::int64_t>> items;  ///< as in the options
  std::string until;

  std::int64_t block_items = 1;  ///< b: items of a block, for the whole run
  int workers = 1;               ///< W
  int threads = 1;               ///< T, of each worker
  std::int64_t memory = 0;       ///< the budget in bytes
  /// Peak of what the run will hold: blocks in flight, buffers between streams, objects; without
  /// and with the footprint of the process itself.
  std::int64_t predicted_bytes = 0;
  std::int64_t predicted_resident = 0;
  std::int64_t spilled_bytes = 0;  ///< buffers between streams that memory has no room for
  std::int64_t disk_bytes = 0;     ///< results, files of sinks, and buffers
  std::int64_t disk_free = 0;
  std::string key;  ///< hash of everything above that values depend on

  /// The edge at a node's output.
  const Spec* tensor_spec(std::size_t node, const std::string& port) const;
  const TableSpec* table_spec(std::size_t node, const std::string& port) const;
  /// (node, port) of "restore.mean" or "restore"; throws ConfigError with the nearest name.
  std::pair<std::size_t, std::string> find(const std::string& reference) const;
  /// (consumer, index of input) of everything that consumes an output.
  std::vector<std::pair<std::size_t, std::size_t>> consumers(std::size_t node,
                                                             const std::string& port) const;
};

/// Binds, infers and sizes. All that is wrong, the text's own problems included, is thrown as one
/// PipelineErrors.
Plan make_plan(const Documents& documents, const Registry& registry,
               const PlanOptions& options = {});

/// What the machine lends: affinity, cgroup and Slurm obeyed.
int available_threads();
std::int64_t available_memory();

/// The table of `pellucid check`, and the same as JSON.
std::string plan_table(const Plan& plan);
std::string plan_json(const Plan& plan);

enum class GraphFormat { dot, mermaid };
std::string plan_graph(const Plan& plan, GraphFormat format);

}  // namespace pellucid
