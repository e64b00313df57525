// Pass: one block on its way through the nodes of a stream.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "run/function.h"
#include "run/node_call.h"
#include "run/store.h"

namespace pellucid {

/// Objects that are made once and shared by all blocks, by node and port ("" where the node is the
/// object itself).
using SharedObjects =
    std::map<std::pair<std::size_t, std::string>, std::shared_ptr<const Component>>;

/// A port's contents that leave the stream with this block: for the store, or for a sink.
struct Stored {
  std::size_t node = 0;
  std::string port;
  Produced produced;
};

/// A call of a sink that is due for this block.
struct SinkCall {
  std::size_t node = 0;
  Inputs in;
  std::uint64_t checksum = 0;
  std::vector<char> failed;  ///< rows that failed before; empty: none
};

/// What all passes of a stream share.
class StreamShape {
 public:
  StreamShape(const Plan& plan, std::size_t stream);

  const Plan& plan() const { return plan_; }
  const PlannedStream& stream() const { return plan_.streams[index_]; }
  std::size_t units() const { return units_; }
  /// Items (and tile) of a unit, counted from the first item of the run.
  Block block(std::size_t unit) const;
  static Block block_of(const PlannedStream& stream, const Plan& plan, std::size_t unit);
  /// Position of a node in this stream, or -1.
  int position(std::size_t node) const;
  /// A tile's region (cut axes alone) at the input, and at the output, of a node: grown by what the
  /// nodes after it need, clipped at the item's borders.
  std::optional<Region> input_region(std::size_t position, const Block& block) const;
  std::optional<Region> output_region(std::size_t position, const Block& block) const;
  /// Nodes of this stream that consume a node's outputs (or it, as an object).
  const std::vector<std::size_t>& consumers(std::size_t position) const {
    return consumers_[position];
  }

 private:
  const Plan& plan_;
  std::size_t index_;
  std::size_t units_;
  std::vector<std::vector<std::size_t>> consumers_;
};

class Pass {
 public:
  Pass(const RunEnvironment& environment, const StreamShape& shape, const Store& store,
       const SharedObjects& objects, std::size_t unit, std::vector<char> needed);

  std::size_t unit() const { return unit_; }
  const Block& block() const { return block_; }

  /// Reads or makes the outputs of the sources that this block needs.
  void run_sources();
  /// Runs the rest and collects what is to be stored and which sinks are due.
  void run_rest();

  /// Objects made for this block; those of a stream with one block serve later streams, too.
  std::map<std::size_t, std::shared_ptr<const Component>> made;
  std::vector<Stored> stored;
  std::vector<SinkCall> sinks;
  /// Items (absolute) that failed here, with the reason.
  std::vector<std::pair<std::int64_t, std::string>> failures;
  /// Seconds spent in each node, by position.
  std::vector<double> seconds;
  /// Checksums of everything computed, also of what is not stored: (node, port, checksum).
  std::vector<Stored> seen;

 private:
  using RowNumbers = std::vector<std::int64_t>;  ///< of a block, from 0
  struct Values {
    std::map<std::string, std::variant<Tensor, Table>> outputs;
    std::shared_ptr<const Component> object;
    Inputs made_from;  ///< of an object, so that it can be made again for one of its items
    std::vector<char> failed;
    std::size_t readers = 0;
  };

  void run_node(std::size_t position);
  Inputs gather(std::size_t position, std::vector<char>& failed) const;
  std::shared_ptr<const Component> object(const PlannedInput& input) const;
  /// The inputs of a node for some of the block's rows, in their order, with objects made for them.
  Inputs of_rows(std::size_t position, const Inputs& in, const RowNumbers& rows) const;
  std::shared_ptr<const Component> object_of_rows(const PlannedInput& input,
                                                  const RowNumbers& rows) const;
  Outputs call(std::size_t position, const Inputs& in, const Rows& rows) const;
  Outputs call_item_by_item(std::size_t position, const Inputs& in, std::vector<char>& failed);
  void reduce_sound_items(std::size_t position, const Inputs& in, const Rows& rows);
  void keep(std::size_t position, const Outputs& outputs);
  void release_inputs(std::size_t position);

  const RunEnvironment& environment_;
  const StreamShape& shape_;
  const Store& store_;
  const SharedObjects& objects_;
  std::size_t unit_;
  Block block_;  // counted from the first item of the run
  std::vector<char> needed_;
  std::vector<Values> values_;
  mutable std::recursive_mutex row_objects_mutex_;
  mutable std::map<std::pair<std::size_t, RowNumbers>, std::shared_ptr<const Component>>
      row_objects_;
};

/// Makes, binds and prepares an object from the tensors of its inputs. A function asks
/// `object_of_row` for the objects at its side inputs as they are for one row of `rows`; without it
/// they serve all rows.
std::shared_ptr<const Component> make_object(const RunEnvironment& environment, std::size_t node,
                                             const Inputs& in, const Rows& rows,
                                             const ObjectOfRow& object_of_row = {});

}  // namespace pellucid
