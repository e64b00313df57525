// node_call: the one place where the run calls into a component. It lends the node its context,
// tags its memory, and turns whatever it throws into an Error with place and name.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "isolation/call_site.h"
#include "plan/plan.h"

namespace pellucid {

/// What all nodes of a run share.
struct RunEnvironment {
  const Plan* plan = nullptr;
  std::filesystem::path scratch;  ///< folder for nodes' own folders
  /// Raised where the run is to stop after the current block.
  const std::atomic<bool>* stop = nullptr;
  /// How far a call is, for the progress display: (node index, done, total).
  std::function<void(std::size_t, std::int64_t, std::int64_t)> progress;
  std::filesystem::path choices = {};  ///< folder of the run's FFT plans
};

/// Rows of a call and the items they speak of: items first .. first + count - 1, or many variants
/// of one item.
struct Rows {
  Block block;                      ///< with absolute item numbers
  std::vector<std::int64_t> items;  ///< item of each row

  static Rows of(const Block& block);
};

/// The first `count` rows of what a node is given.
Rows rows_of(const Inputs& in, std::size_t count);

class NodeContext final : public Context, public CallSite {
 public:
  NodeContext(const RunEnvironment& environment, std::size_t node, const Rows& rows,
              const std::string& draw = {});
  ~NodeContext() override;

  at::Device device() const override;
  int threads() const override;
  bool wanted(const Port& out) const override;
  bool cancelled() const override;
  void log(Level level, const std::string& sentence) override;
  void progress(std::int64_t done, std::int64_t total) override;
  std::filesystem::path scratch() override;
  Random random(const std::string& purpose) const override;

  CallFacts facts() const override;
  double seconds() const override;
  std::optional<double> timeout() const override;
  void begin_again() override { start_ = std::chrono::steady_clock::now(); }
  const ItemReader* reader() const override { return reader_; }
  /// What a Procedure reads from.
  void set_reader(const ItemReader& reader) { reader_ = &reader; }

 private:
  CallFacts drawing() const;

  const RunEnvironment& environment_;
  std::size_t node_;
  const Rows& rows_;
  std::string draw_;  // tells apart the calls of a function with `fresh: true`
  const ItemReader* reader_ = nullptr;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Calls `action` for a node: memory is counted for it, and every exception but Cancelled leaves as
/// an Error that names node and place.
void call_node(const Plan& plan, std::size_t node, const std::function<void()>& action);
/// The same with a context for these rows. A node that gives up because its `timeout:` is over, or
/// takes longer without noticing, ends in an Error; Cancelled is left to a run that is to stop.
void call_node(const RunEnvironment& environment, std::size_t node, const Rows& rows,
               const std::function<void(NodeContext&)>& action, const std::string& draw = {});

/// The node whose call this thread is in, by its name for draws; empty outside of calls.
const std::string& calling_node();

/// A new component for a node, from these settings (its own, or with paths of the run). Throws
/// ConfigError where the factory refuses them, Error where it gives no `T`. For use in `call_node`.
std::unique_ptr<Component> new_component(const PlannedNode& node, const Value& settings);
template <class T>
std::unique_ptr<T> new_instance(const PlannedNode& node, const Value& settings) {
  std::unique_ptr<Component> made = new_component(node, settings);
  T* const wanted = dynamic_cast<T*>(made.get());
  if (wanted == nullptr) throw Error("its plugin made something else than it declared");
  made.release();
  return std::unique_ptr<T>(wanted);
}

/// Runs a source or stage on the rows and checks what it gives: every output that `infer` promised,
/// with its shape and dtype. `in` holds tensors, specs of the rows and objects; `tile` (cut axes
/// alone) is what its inputs are cut to.
Outputs compute(const RunEnvironment& environment, std::size_t node, const Inputs& in,
                const Rows& rows, const std::optional<Region>& tile = {},
                const std::string& draw = {});

/// Throws Error or ShapeError where a port was not given what `infer` announced for all its items;
/// rows of a table must speak of as many items from `first_item` on.
void require_promised(const std::string& port, const Specs::Value& announced,
                      const Outputs::Value& given, std::int64_t first_item);

/// Throws Error naming the item of an output's first non-finite value, at row-major position
/// `place`
/// (-1: there is none), where the node does not allow any.
void require_finite(const Plan& plan, std::size_t node, const std::string& port,
                    const Tensor& output, std::int64_t place, const Rows& rows);

/// A tile (cut axes alone) cuts this edge: its last axes are those of the tile.
bool is_cut(const Region& tile, const Spec& edge);
/// The region of a node's item that a tile stands for, as its component sees it: along all axes of
/// its first output, or input, that is cut.
std::optional<Region> item_region(const Plan& plan, const PlannedNode& node,
                                  const std::optional<Region>& tile);
/// Spec of `count` items of an edge, or of the part of one that a tile cuts out.
Spec spec_of_rows(const Spec& whole, std::int64_t count, const std::optional<Region>& tile);

}  // namespace pellucid
