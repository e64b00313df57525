#include "run/executor.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "buffers/checksum.h"
#include "buffers/table_layout.h"
#include "run/channel.h"
#include "run/provenance.h"

namespace pellucid {
namespace {

// A sink's entries in the journal, which has no port of its own.
constexpr const char* kSinkPort = "*";

// Inputs of a Procedure, read from the store item by item.
class StoreReader final : public ItemReader {
 public:
  StoreReader(const RunEnvironment& environment, const Store& store, std::size_t node,
              const SharedObjects& objects)
      : environment_(environment), store_(store), node_(node), objects_(objects) {}

  Tensor tensor(const std::string& port, std::int64_t first, std::int64_t count) const override {
    const PlannedInput& in = input(port);
    const Spec* spec = environment_.plan->tensor_spec(in.node, in.from);
    require_range(port, first, count, spec->items);
    return store_.tensor(in.node, in.from, first, count);
  }

  Table table(const std::string& port, std::int64_t first, std::int64_t count) const override {
    const PlannedInput& in = input(port);
    require_range(port, first, count, environment_.plan->table_spec(in.node, in.from)->items);
    return store_.table(in.node, in.from, first, count);
  }

  const Component& object(const std::string& port, std::int64_t item) const override {
    return *made(input(port).node, item);
  }

 private:
  const PlannedInput& input(const std::string& port) const {
    for (const PlannedInput& in : environment_.plan->nodes[node_].inputs)
      if (in.port == port) return in;
    throw Error("input '" + port + "' is not connected");
  }

  static void require_range(const std::string& port, std::int64_t first, std::int64_t count,
                            std::int64_t items) {
    if (first < 0 || count < 0 || first + count > items)
      throw ShapeError("items " + std::to_string(first) + " to " + std::to_string(first + count) +
                       " of input '" + port + "' were asked for; it has " + std::to_string(items));
  }

  std::shared_ptr<const Component> made(std::size_t index, std::int64_t item) const {
    const PlannedNode& node = environment_.plan->nodes[index];
    if (const auto shared = objects_.find(index); shared != objects_.end()) return shared->second;
    if (!node.object_per_block) return node.instance;
    const std::lock_guard lock(mutex_);
    auto& known = made_[{index, item}];
    if (known) return known;
    Inputs in;
    for (const PlannedInput& input : node.inputs) {
      Inputs::Edge edge;
      edge.name = input.port;
      if (const Spec* spec = environment_.plan->tensor_spec(input.node, input.from)) {
        edge.value = store_.tensor(input.node, input.from, spec->items == 1 ? 0 : item, 1);
        edge.spec = spec_of_rows(*spec, 1, std::nullopt);
      } else {
        edge.object = made(input.node, item);
      }
      in.add(std::move(edge));
    }
    Block block{node.first_item + item, 1, std::nullopt};
    in.set_block(block);
    known = make_object(environment_, index, in, Rows::of(block));
    return known;
  }

  const RunEnvironment& environment_;
  const Store& store_;
  std::size_t node_;
  const SharedObjects& objects_;
  mutable std::recursive_mutex mutex_;
  mutable std::map<std::pair<std::size_t, std::int64_t>, std::shared_ptr<const Component>> made_;
};

// States of a Reducer, read from the store block by block.
class StoredStates final : public States {
 public:
  StoredStates(const Store& store, const PlannedNode& node, std::size_t index, std::int64_t blocks)
      : store_(store), node_(node), index_(index), blocks_(blocks) {}
  std::int64_t count() const override { return blocks_; }
  Outputs at(std::int64_t block) const override {
    Outputs state;
    for (const auto& [port, spec] : node_.state.all()) {
      const std::string stored = Store::state_port(port);
      if (std::holds_alternative<Spec>(spec)) {
        const Spec& of_one = std::get<Spec>(spec);
        state.set(port, store_.tensor(index_, stored, block * of_one.items, of_one.items));
      } else {
        state.set(port, store_.table(index_, stored, block, 1));
      }
    }
    return state;
  }

 private:
  const Store& store_;
  const PlannedNode& node_;
  std::size_t index_;
  std::int64_t blocks_;
};

}  // namespace

struct Executor::OpenSink {
  std::unique_ptr<Sink> sink;
  Inputs whole;
  std::size_t stream = 0;
};

Executor::Executor(const Plan& plan, Workspace& workspace, Progress& progress,
                   const ExecutorOptions& options)
    : plan_(plan),
      workspace_(workspace),
      progress_(progress),
      options_(options),
      environment_{&plan, workspace.node_scratch(), &abort_, {}},
      journal_(workspace.journal()),
      budget_(plan.memory),
      prepared_(plan.nodes.size(), 0),
      records_(plan.nodes.size()) {
  environment_.progress = [this](std::size_t node, std::int64_t done, std::int64_t total) {
    progress_.within(node, done, total);
  };
  for (std::size_t s = 0; s < plan.streams.size(); ++s) shapes_.emplace_back(plan, s);
  store_ = std::make_unique<Store>(plan, workspace, journal_, budget_);
  open_sinks();
  demand_ = std::make_unique<Demand>(plan_, shapes_, *store_, sink_progress_);
}

Executor::~Executor() = default;

bool Executor::interrupted() const {
  return options_.interrupt != nullptr && options_.interrupt->load(std::memory_order_relaxed);
}

Inputs Executor::whole_inputs(std::size_t index) const {
  Inputs in;
  std::vector<std::string> open;
  const PlannedNode& node = plan_.nodes[index];
  for (const PlannedInput& input : node.inputs) {
    Inputs::Edge edge;
    edge.name = input.port;
    if (input.open) open.push_back(input.port);
    if (const Spec* spec = plan_.tensor_spec(input.node, input.from)) edge.spec = *spec;
    else if (const TableSpec* table = plan_.table_spec(input.node, input.from)) edge.spec = *table;
    else if (const auto made = objects_.find(input.node); made != objects_.end())
      edge.object = made->second;
    else edge.object = plan_.nodes[input.node].instance;
    in.add(std::move(edge));
  }
  in.set_open(std::move(open));
  in.set_block({node.first_item, node.items, std::nullopt});
  return in;
}

void Executor::open_sinks() {
  for (std::size_t index = 0; index < plan_.nodes.size(); ++index) {
    const PlannedNode& node = plan_.nodes[index];
    if (node.component->kind != Kind::sink) continue;
    auto& open = *(sinks_[index] = std::make_unique<OpenSink>());
    SinkProgress& progress = sink_progress_[index];
    open.whole = whole_inputs(index);
    open.stream = node.stream;
    const StreamShape& shape = shapes_[node.stream];

    std::size_t point = 0;
    for (std::size_t p = 0; p < plan_.points.size(); ++p)
      if (plan_.points[p].label == node.point) point = p;
    const Value settings = with_output_paths(node.settings, node.component->fields(),
                                             workspace_.point_folder(plan_, point));
    const Rows rows = Rows::of({0, 0, std::nullopt});
    const auto make = [&](std::size_t first_unit) {
      call_node(plan_, index, [&] {
        Problems problems;
        auto made = node.component->create(settings, problems);
        if (!problems.empty()) throw ConfigError(problems.front().sentence, problems.front().where);
        open.sink.reset(dynamic_cast<Sink*>(made.release()));
        NodeContext context(environment_, index, rows);
        open.sink->prepare(open.whole, context);
        progress.at_end = !open.sink->incremental() ||
                          (!shape.stream().tiles.empty() && shape.stream().tiles.size() > 1 &&
                           !open.sink->takes_regions());
        const bool finishing = !journal_.notes("finishing").empty();
        SinkStart start;
        start.first_item = progress.at_end ? 0
                                           : std::min<std::int64_t>(
                                                 node.items, first_unit >= shape.units()
                                                                 ? node.items
                                                                 : shape.block(first_unit).first);
        start.resumed = first_unit > 0 || finishing;
        start.finishing = finishing;
        start.overwrite = options_.overwrite;
        start.provenance_bytes = provenance_bytes(plan_);
        open.sink->open(open.whole, start, context);
        progress.written = first_unit;
      });
    };

    // Units that stand before the last mark count; later ones only if the sink, asked, still has
    // exactly what was journalled.
    std::size_t durable = 0;
    std::size_t journalled = 0;
    while (const auto entry = journal_.find(journal_name(node), kSinkPort,
                                            static_cast<std::int64_t>(journalled))) {
      if (entry->durable && durable == journalled) ++durable;
      ++journalled;
    }
    make(journalled);
    for (std::size_t unit = durable; unit < journalled && !progress.at_end; ++unit) {
      const auto entry =
          journal_.find(journal_name(node), kSinkPort, static_cast<std::int64_t>(unit));
      Block block = shape.block(unit);
      block.first += node.first_item;
      const std::vector<Tensor> stored = open.sink->stored(block);
      Checksum sum;
      for (const Tensor& tensor : stored) sum.add(tensor);
      if (!stored.empty() && sum.value() == entry->checksum) continue;
      make(unit);
      break;
    }
  }
}

void Executor::prepare_once(std::size_t index) {
  if (prepared_[index]) return;
  const PlannedNode& node = plan_.nodes[index];
  for (const PlannedInput& input : node.inputs)
    if (input.from.empty()) prepare_once(input.node);
  const bool has_tensors =
      std::any_of(node.inputs.begin(), node.inputs.end(), [](const PlannedInput& input) {
        return input.type == PortType::tensor || input.type == PortType::table;
      });
  if (node.function)
    for (const std::size_t step : node.function->between) prepare_once(step);
  if (is_object(node.component->kind) && has_tensors) return;  // made by a pass, with its tensors
  if (node.component->kind == Kind::sink) return;              // prepared when it was opened
  prepared_[index] = 1;
  if (node.function) {
    // Without side inputs that have items, it serves every item.
    Rows all;
    all.block = {0, std::numeric_limits<std::int64_t>::max(), std::nullopt};
    objects_[index] = make_object(environment_, index, whole_inputs(index), all);
    return;
  }
  call_node(plan_, index, [&] {
    const Rows rows = Rows::of({node.first_item, 0, std::nullopt});
    NodeContext context(environment_, index, rows);
    node.instance->prepare(whole_inputs(index), context);
  });
  if (is_object(node.component->kind)) objects_[index] = node.instance;
}

void Executor::prepare(std::size_t stream) {
  at::set_num_threads(plan_.threads);
  for (const std::size_t node : shapes_[stream].stream().nodes) prepare_once(node);
}

bool Executor::run() {
  for (std::size_t s = 0; s < shapes_.size(); ++s) {
    if (interrupted()) break;
    if (demand_->units_due(s) > 0) {
      prepare(s);
      const auto& nodes = shapes_[s].stream().nodes;
      const bool procedure = plan_.nodes[nodes.back()].component->kind == Kind::procedure;
      progress_.begin(nodes, static_cast<std::int64_t>(demand_->units_due(s)));
      const bool done = procedure ? run_procedure(s) : run_stream(s);
      make_durable();
      progress_.end(nodes);
      if (!done) return false;
    }
    finish_reducers(s);
  }
  if (interrupted()) {
    make_durable();
    return false;
  }
  write_late_sinks();
  make_durable();
  require_unchanged_files();
  return true;
}

bool Executor::run_stream(std::size_t stream) {
  const StreamShape& shape = shapes_[stream];
  const PlannedStream& planned = shape.stream();
  const int workers = planned.in_flight;
  const std::int64_t fits = planned.block_bytes > 0
                                ? std::max<std::int64_t>(1, plan_.memory / planned.block_bytes)
                                : std::numeric_limits<std::int64_t>::max();
  // One block being read ahead and one being written, beside those being computed.
  const std::size_t in_flight = static_cast<std::size_t>(std::min<std::int64_t>(workers + 2, fits));

  const std::int64_t bytes = static_cast<std::int64_t>(in_flight) * planned.block_bytes;
  const Reservation reservation =
      budget_.reserve(std::min(bytes, plan_.memory), "blocks in flight");

  Channel<std::unique_ptr<Pass>> ready(1);
  Channel<std::unique_ptr<Pass>> done(in_flight);
  Channel<char> tickets(in_flight);
  for (std::size_t i = 0; i < in_flight; ++i) tickets.push(0);

  std::mutex mutex;
  std::exception_ptr first_error;
  std::atomic<bool> stopped_early{false};
  std::atomic<int> working{workers};
  const auto fail = [&] {
    {
      const std::lock_guard lock(mutex);
      if (!first_error) first_error = std::current_exception();
    }
    abort_ = true;
    tickets.close();
    ready.close();
  };

  std::thread reader([&] {
    at::set_num_threads(plan_.threads);
    try {
      for (std::size_t unit = 0; unit < shape.units(); ++unit) {
        std::vector<char> needed = demand_->unit(stream, unit);
        if (needed.empty()) continue;
        if (interrupted()) {
          stopped_early = true;
          break;
        }
        if (!tickets.pop() || abort_) break;
        auto pass =
            std::make_unique<Pass>(environment_, shape, *store_, objects_, unit, std::move(needed));
        pass->run_sources();
        if (!ready.push(std::move(pass))) break;
      }
    } catch (...) {
      fail();
    }
    ready.close();
  });

  std::vector<std::thread> pool;
  for (int w = 0; w < workers; ++w)
    pool.emplace_back([&] {
      at::set_num_threads(plan_.threads);
      try {
        while (auto pass = ready.pop()) {
          if (abort_) break;
          (*pass)->run_rest();
          if (!done.push(std::move(*pass))) break;
        }
      } catch (...) {
        fail();
      }
      if (--working == 0) done.close();
    });

  // Blocks may be computed out of order; they are written in order.
  std::map<std::size_t, std::unique_ptr<Pass>> waiting;
  std::size_t next = 0;
  const auto skip_idle = [&] {
    while (next < shape.units() && demand_->unit(stream, next).empty()) ++next;
  };
  try {
    while (auto pass = done.pop()) {
      waiting.emplace((*pass)->unit(), std::move(*pass));
      for (skip_idle(); !waiting.empty() && waiting.begin()->first == next; skip_idle()) {
        write(shape, *waiting.begin()->second);
        waiting.erase(waiting.begin());
        ++next;
        tickets.push(0);
      }
    }
  } catch (...) {
    fail();
    done.close();
  }
  reader.join();
  for (std::thread& worker : pool) worker.join();
  if (first_error) {
    try {
      make_durable();
    } catch (const Error& error) {
      log_error(error.what());
    }
    std::rethrow_exception(first_error);
  }
  return !stopped_early;
}

void Executor::write(const StreamShape& shape, Pass& pass) {
  for (const Stored& item : pass.stored)
    store_->put(item.node, item.port, pass.unit(), pass.block(), item.produced);
  for (SinkCall& call : pass.sinks) {
    OpenSink& open = *sinks_.at(call.node);
    if (sink_progress_.at(call.node).at_end) continue;
    const PlannedNode& node = plan_.nodes[call.node];
    call_node(plan_, call.node, [&] {
      const Rows rows = Rows::of(call.in.block());
      NodeContext context(environment_, call.node, rows);
      open.sink->write(call.in, context);
    });
    journal_.stored(journal_name(node), kSinkPort, static_cast<std::int64_t>(pass.unit()), Key{},
                    call.checksum);
    for (const PlannedInput& input : node.inputs)
      if (!input.from.empty())
        store_->mark_failed(input.node, input.from, pass.block(), call.failed);
  }
  for (const auto& [item, reason] : pass.failures) {
    journal_.note("skipped", "item " + std::to_string(item) + ": " + reason);
    log_warning("item " + std::to_string(item) + " is skipped: " + reason);
  }
  for (const Stored& item : pass.seen) {
    const PlannedNode& node = plan_.nodes[item.node];
    const std::string name = journal_name(node) + "." + item.port;
    seen_[name][pass.unit()] = item.produced.checksum;
    if (!store_->keeps(item.node, item.port))
      journal_.note("seen", name + " " + std::to_string(pass.unit()) + " " +
                                checksum_text(item.produced.checksum));
  }
  for (const auto& [node, object] : pass.made)
    if (!plan_.nodes[node].object_per_block) objects_[node] = object;
  const auto& nodes = shape.stream().nodes;
  for (std::size_t position = 0; position < nodes.size(); ++position) {
    NodeRecord& record = records_[nodes[position]];
    if (pass.seconds[position] == 0) continue;
    record.seconds += pass.seconds[position];
    ++record.blocks;
    progress_.advance(nodes[position], pass.block().count);
  }
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - last_mark_;
  if (since.count() >= plan_.settings.durability) make_durable();
}

void Executor::make_durable() {
  const std::int64_t position = journal_.position();
  store_->sync();
  for (auto& [index, open] : sinks_) {
    if (!sink_progress_.at(index).at_end)
      call_node(plan_, index, [&, sink = open->sink.get()] { sink->sync(); });
  }
  journal_.mark(position);
  last_mark_ = std::chrono::steady_clock::now();
}

bool Executor::run_procedure(std::size_t stream) {
  const std::size_t index = shapes_[stream].stream().nodes.back();
  const PlannedNode& node = plan_.nodes[index];
  const auto start = std::chrono::steady_clock::now();
  Inputs in = whole_inputs(index);
  const StoreReader reader(environment_, *store_, index, objects_);
  in.set_reader(&reader);
  for (Inputs::Edge& edge : in.edges())
    for (const PlannedInput& input : node.inputs) {
      if (input.port != edge.name) continue;
      const Spec* spec = plan_.tensor_spec(input.node, input.from);
      if (spec != nullptr && spec->items == 1)
        edge.value = store_->tensor(input.node, input.from, 0, 1);
    }

  Outputs outputs;
  RunEnvironment alone = environment_;
  alone.stop = options_.interrupt != nullptr ? options_.interrupt : &abort_;
  at::set_num_threads(plan_.threads * plan_.workers);
  const Rows rows = Rows::of({node.first_item, node.items, std::nullopt});
  try {
    call_node(plan_, index, [&] {
      NodeContext context(alone, index, rows);
      dynamic_cast<const Procedure&>(*node.instance).run(in, outputs, context);
    });
  } catch (const Cancelled&) {
    return false;
  }
  put_whole(index, outputs);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  records_[index].seconds += spent.count();
  ++records_[index].blocks;
  progress_.advance(index, node.items);
  return true;
}

// Outputs that come as a whole are stored block by block, as those of a stream are.
void Executor::put_whole(std::size_t index, const Outputs& outputs) {
  const PlannedNode& node = plan_.nodes[index];
  for (const auto& [port, announced] : node.outputs.all()) {
    const auto found = outputs.all().find(port);
    const bool given =
        found != outputs.all().end() && !std::holds_alternative<std::monostate>(found->second);
    if (std::holds_alternative<std::shared_ptr<const Component>>(announced)) {
      if (given) objects_[index] = std::get<std::shared_ptr<const Component>>(found->second);
      continue;
    }
    if (!store_->keeps(index, port)) continue;
    call_node(plan_, index, [&] {
      if (!given) throw Error("output '" + port + "' was promised but is not set");
      if (const Spec* spec = std::get_if<Spec>(&announced)) {
        const Tensor& tensor = std::get<Tensor>(found->second);
        if (!tensor.defined() || tensor.dim() == 0 || tensor.size(0) != spec->items)
          throw ShapeError("output '" + port + "' was promised as " + spec->text() + ", but is " +
                           (tensor.defined() ? shape_text(tensor.sizes()) : "not set"));
      }
    });
    std::int64_t items = 1;
    if (const Spec* spec = std::get_if<Spec>(&announced)) items = spec->items;
    if (const TableSpec* spec = std::get_if<TableSpec>(&announced)) items = spec->items;
    for (std::size_t unit = 0; unit < store_->units(index, port); ++unit) {
      Block block;
      block.first = static_cast<std::int64_t>(unit) * plan_.block_items;
      block.count = std::min(plan_.block_items, items - block.first);
      Produced produced;
      if (const Tensor* tensor = std::get_if<Tensor>(&found->second)) {
        const Tensor part = tensor->narrow(0, block.first, block.count).cpu();
        const Inspection inspection = inspect(part);
        require_finite(plan_, index, port, part, inspection.first_nonfinite, Rows::of(block));
        produced.checksum = inspection.checksum;
        produced.value = part;
      } else {
        const Table& table = std::get<Table>(found->second);
        Table part(table.columns());
        for (std::int64_t row = 0; row < table.rows(); ++row) {
          const std::int64_t item = table.item(row);
          if (item < block.first || item >= block.first + block.count) continue;
          std::vector<Cell> cells;
          for (std::size_t column = 0; column < table.columns().size(); ++column)
            cells.push_back(table.cell(row, static_cast<std::int64_t>(column)));
          part.add(item, std::move(cells));
        }
        produced.checksum = rows_checksum(part);
        produced.value = std::move(part);
      }
      seen_[journal_name(node) + "." + port][unit] = produced.checksum;
      if (!store_->holds(index, port, unit)) store_->put(index, port, unit, block, produced);
    }
  }
}

void Executor::finish_reducers(std::size_t stream) {
  for (const std::size_t index : shapes_[stream].stream().nodes) {
    const PlannedNode& node = plan_.nodes[index];
    if (node.component->kind != Kind::reducer || !demand_->outputs_missing(index)) continue;
    prepare_once(index);
    Outputs outputs;
    const auto start = std::chrono::steady_clock::now();
    call_node(plan_, index, [&] {
      const Rows rows = Rows::of({0, 0, std::nullopt});
      NodeContext context(environment_, index, rows);
      const StoredStates states(*store_, node, index,
                                static_cast<std::int64_t>(shapes_[stream].units()));
      dynamic_cast<const Reducer&>(*node.instance).finish(states, outputs, context);
    });
    put_whole(index, outputs);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    records_[index].seconds += spent.count();
  }
}

void Executor::write_late_sinks() {
  for (auto& [index, open] : sinks_) {
    SinkProgress& progress = sink_progress_.at(index);
    if (!progress.at_end || progress.closed) continue;
    const PlannedNode& node = plan_.nodes[index];
    for (std::int64_t first = 0; first < node.items; first += plan_.block_items) {
      Block block{first, std::min(plan_.block_items, node.items - first), std::nullopt};
      Inputs in = open->whole;
      for (Inputs::Edge& edge : in.edges())
        for (const PlannedInput& input : node.inputs) {
          if (input.port != edge.name) continue;
          if (Spec* spec = std::get_if<Spec>(&edge.spec)) {
            const bool single = spec->items == 1;
            edge.value = store_->tensor(input.node, input.from, single ? 0 : first,
                                        single ? 1 : block.count);
            spec->items = single ? 1 : block.count;
          } else if (TableSpec* table = std::get_if<TableSpec>(&edge.spec)) {
            edge.value = store_->table(input.node, input.from, first, block.count);
            table->items = block.count;
          }
        }
      block.first += node.first_item;
      in.set_block(block);
      call_node(plan_, index, [&, sink = open->sink.get()] {
        const Rows rows = Rows::of(block);
        NodeContext context(environment_, index, rows);
        sink->write(in, context);
      });
    }
    call_node(plan_, index, [sink = open->sink.get()] { sink->sync(); });
  }
}

void Executor::require_unchanged_files() const {
  for (const PlannedNode& node : plan_.nodes)
    for (const SourceFile& file : node.files) {
      std::error_code failed;
      const auto bytes = std::filesystem::file_size(file.path, failed);
      const auto time = failed ? std::filesystem::file_time_type()
                               : std::filesystem::last_write_time(file.path, failed);
      if (!failed && bytes == file.bytes && time.time_since_epoch().count() == file.modified)
        continue;
      Error error("the input file '" + file.path.string() +
                  "' changed while the run was reading it; nothing was given its final name. Run "
                  "again with --overwrite when the file is at rest");
      error.attribute(node.where, node.name, node.use);
      throw error;
    }
}

void Executor::finish(const std::string& provenance) {
  if (journal_.notes("finishing").empty()) {
    journal_.note("finishing", "results get their names");
    journal_.mark(journal_.position());
  }
  for (auto& [index, open] : sinks_)
    call_node(plan_, index, [&, sink = open->sink.get()] { sink->close(provenance); });
  store_->finish(provenance, options_.overwrite);
}

std::vector<std::string> Executor::failures() const {
  std::vector<std::string> lines;
  for (const Journal::Note& note : journal_.notes("skipped")) lines.push_back(note.text);
  return lines;
}

std::map<std::string, std::uint64_t> Executor::checksums() const {
  auto all = seen_;
  for (const Journal::Note& note : journal_.notes("seen")) {
    const std::size_t first = note.text.find(' ');
    const std::size_t second = note.text.find(' ', first + 1);
    const std::string name = note.text.substr(0, first);
    const auto unit = std::stoull(note.text.substr(first + 1, second - first - 1));
    all[name].emplace(unit, std::stoull(note.text.substr(second + 1), nullptr, 16));
  }
  std::map<std::string, std::uint64_t> sums;
  for (std::size_t index = 0; index < plan_.nodes.size(); ++index) {
    const PlannedNode& node = plan_.nodes[index];
    const auto add_stored = [&](const std::string& port) {
      if (!store_->keeps(index, port)) return;
      for (std::size_t unit = 0; unit < store_->units(index, port); ++unit)
        if (const auto entry =
                journal_.find(journal_name(node), port, static_cast<std::int64_t>(unit)))
          all[journal_name(node) + "." + port].emplace(unit, entry->checksum);
    };
    for (const auto& [port, value] : node.outputs.all()) add_stored(port);
    for (const auto& [port, value] : node.state.all()) add_stored(Store::state_port(port));
  }
  for (const auto& [name, units] : all) {
    Checksum sum;
    for (const auto& [unit, checksum] : units) {
      const std::uint64_t pair[] = {unit, checksum};
      sum.add(pair, sizeof pair);
    }
    sums[name] = sum.value();
  }
  return sums;
}

std::vector<std::filesystem::path> Executor::files() const {
  std::vector<std::filesystem::path> files;
  for (const auto& [index, open] : sinks_)
    for (const std::string& file : open->sink->files()) files.emplace_back(file);
  for (const auto& file : store_->result_files()) files.push_back(file);
  return files;
}

}  // namespace pellucid
