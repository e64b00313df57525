// Component: the base of everything that a pipeline can `use`.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <pellucid/context.h>
#include <pellucid/ports.h>

namespace pellucid {

/// Constructors only store settings; `prepare` does the work that needs files or tensors.
///
/// `prepare` runs once, on one thread, after the plan is made; from then on the instance is const
/// and all workers use it at once.
class PELLUCID_EXPORT Component {
 public:
  Component();
  Component(const Component&) = delete;
  Component& operator=(const Component&) = delete;
  virtual ~Component();

  /// Loads weights, plans transforms. For an object, `in` holds the specs and tensors of its
  /// inputs: of one block where they have N items. For all others it holds the specs of all items
  /// (none in a tiled stream, whose blocks differ), no tensors, and the objects: prepared, or, where
  /// an object is made anew for each block, only bound. In a test an input may be missing; ask with
  /// `in.find` where it can be done without.
  virtual void prepare(const Inputs& in, Context& context);

  /// How far outputs may differ, relative to their largest value, where blocks or threads are cut
  /// otherwise: by default 1e-5, the rounding of one pass in float32. Iterations that stop by a rule
  /// declare more.
  virtual double tolerance() const;
};

/// A component that computes on blocks and so declares what that takes.
class PELLUCID_EXPORT Worker : public Component {
 public:
  /// The specs of the outputs, given those of the inputs (sources read headers only).
  /// Throws ShapeError or ConfigError for what it could not compute.
  virtual void infer(const Inputs& in, Specs& out) const = 0;

  /// Bytes that one call allocates beyond its inputs and outputs, what libraries take by malloc
  /// included. `in` holds the specs of one block.
  virtual std::int64_t working_bytes(const Inputs& in) const;
};

/// Items in, items out, each item on its own. A Stage without inputs is a source: its outputs'
/// `items` say how many there are, and `in.block()` says which to give.
class PELLUCID_EXPORT Stage : public Worker {
 public:
  virtual void process(const Inputs& in, Outputs& out, Context& context) const = 0;

  /// How far, in samples of the inputs along each axis of an item, an output sample looks beyond
  /// its own place; empty (the default): the whole item is needed, so `tile:` cannot cut it. Only
  /// nodes whose inputs and outputs all have the same size along the axes that are cut are ever
  /// tiled, so a stage that changes sizes leaves this as it is.
  ///
  /// In a tiled run `process` gets a region grown by the halo (clipped at the item's borders) and
  /// returns outputs for all of it; the framework cuts the halo off.
  virtual std::optional<std::vector<std::int64_t>> halo(const Inputs& in) const;
};

/// States of a Reducer, in block order; none of a block whose items all failed (`on_item_error:
/// skip`), so there may be none at all.
class PELLUCID_EXPORT States {
 public:
  virtual ~States();
  virtual std::int64_t count() const = 0;
  /// State of block number `index`, with the outputs as `reduce` set them.
  virtual Outputs at(std::int64_t index) const = 0;
};

/// All items in, one result out: a sum over the data, a summary table. Nothing depends on the order
/// or number of workers, because states are journalled per block and finished in block order.
class PELLUCID_EXPORT Reducer : public Worker {
 public:
  ~Reducer() override;

  /// Spec of the state of one block: tensors of any shape (items = 1), tables with the most rows a
  /// block can add. Handles are `Out<...>` like those of outputs, but are not in `ports()`.
  virtual void infer_state(const Inputs& in, Specs& state) const = 0;
  /// The state of one block. Items that failed before are left out: there are as many rows as the
  /// tensors have, and `in.item(row)` says which they are.
  virtual void reduce(const Inputs& in, Outputs& state, Context& context) const = 0;
  /// Outputs of all states. Rows of a table with as many items as the inputs are numbered as
  /// `in.item` numbers those, rows of any other table from 0.
  virtual void finish(const States& states, Outputs& out, Context& context) const = 0;
};

/// Runs once over whole inputs with random access (`in.items`, `in.at`), its own checkpoint folder
/// (`context.scratch()`), progress and cancellation: training, exhaustive analyses. It asks
/// for items from 0 on, whichever part of a dataset they are; rows of its tables are numbered as
/// those of a Reducer. Its outputs have the items that `infer` said. It draws as one item, item 0:
/// `context.random` gives tensors (1, shape...).
class PELLUCID_EXPORT Procedure : public Worker {
 public:
  ~Procedure() override;

  virtual void run(const Inputs& in, Outputs& out, Context& context) const = 0;
};

/// Where a sink continues: everything of blocks before is on disk.
struct SinkStart {
  std::int64_t first_item = 0;  ///< items before this one stay
  bool resumed = false;         ///< `.part` files of an earlier process are there
  /// An earlier process was giving files their final names: those without a part have theirs.
  bool finishing = false;
  bool overwrite = false;  ///< finished files may be replaced
  /// Room to reserve in files that can carry the provenance handed to `close`.
  std::int64_t provenance_bytes = 0;
};

/// Writes what a run computed. Called by one thread, in block order. It writes under `NAME.part`
/// and `close` renames, so that a file with its final name is always complete.
class PELLUCID_EXPORT Sink : public Component {
 public:
  /// Opens the parts and discards all from `start.first_item` on. `in` holds the whole specs.
  /// Throws Error where a finished file would be replaced without `overwrite`.
  virtual void open(const Inputs& in, const SinkStart& start, Context& context) = 0;
  virtual void write(const Inputs& in, Context& context) = 0;
  /// All that was written is on disk when this returns.
  virtual void sync() = 0;
  /// Gives the files their final names. `provenance` (JSON) says how they were made; a format that
  /// can carry it does.
  virtual void close(const std::string& provenance) = 0;

  /// Checks settings against the inputs' specs while planning; may return how many bytes it will
  /// write at most, so that a plan that does not fit on the disk is refused.
  virtual std::int64_t check(const Inputs& in) const;
  /// What stands in the part files for a block, one tensor for each tensor input in the order of
  /// the file, bit for bit as `write` got it; empty (the default) where the format cannot tell.
  virtual std::vector<Tensor> stored(const Block& block) const;
  /// False for a format that cannot be cut back after a crash (multi-page TIFF): it is then written
  /// at the end, from buffers kept for it.
  virtual bool incremental() const;
  /// `write` takes blocks that are regions of an item (a tiled run); otherwise it is called with
  /// whole items at the end.
  virtual bool takes_regions() const;
  /// The files it makes, as they are finally called; for the report of a run.
  virtual std::vector<std::string> files() const;
};

/// What is handed along edges as a whole: operators, priors, functionals, models.
class PELLUCID_EXPORT Object : public Component {
 public:
  /// Right after construction: the specs of the object's own inputs, from which (with its settings
  /// and file headers) follows all that `infer` of other nodes may ask.
  virtual void bind(const Inputs& specs);
  /// Bytes it keeps once prepared.
  virtual std::int64_t resident_bytes() const;
};

}  // namespace pellucid
