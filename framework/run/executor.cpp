#include "run/executor.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "buffers/checksum.h"
#include "buffers/table_layout.h"
#include "isolation/recipe.h"
#include "run/flow.h"
#include "run/item_reader.h"

namespace pellucid {
namespace {

std::vector<StreamShape> shapes_of(const Plan& plan) {
  std::vector<StreamShape> shapes;
  for (std::size_t stream = 0; stream < plan.streams.size(); ++stream)
    shapes.emplace_back(plan, stream);
  return shapes;
}

std::int64_t items_of(const Specs::Value& announced) {
  if (const Spec* spec = std::get_if<Spec>(&announced)) return spec->items;
  if (const TableSpec* spec = std::get_if<TableSpec>(&announced)) return spec->items;
  return 1;
}

/// What is worked on is of no single size.
void remove_tensors(Inputs& in) {
  std::erase_if(in.edges(),
                [](const Inputs::Edge& edge) { return std::holds_alternative<Spec>(edge.spec); });
}

}  // namespace

Executor::Executor(const Plan& plan, Workspace& workspace, Progress& progress,
                   const ExecutorOptions& options)
    : plan_(plan),
      workspace_(workspace),
      progress_(progress),
      options_(options),
      environment_{&plan, workspace.node_scratch(), &abort_, {}},
      journal_(workspace.journal()),
      crossings_(crossings_of(plan)),
      budget_(plan.memory),
      shapes_(shapes_of(plan)),
      store_(plan, shapes_, workspace, budget_),
      sinks_(environment_, shapes_, workspace, options.overwrite),
      demand_(plan, shapes_, store_, sinks_),
      prepared_(plan.nodes.size(), 0),
      records_(plan.nodes.size()) {
  environment_.choices = workspace.folder() / "choices";
  environment_.progress = [this](std::size_t node, std::int64_t done, std::int64_t total) {
    progress_.within(node, done, total);
  };
}

Executor::~Executor() = default;

bool Executor::interrupted() const {
  return options_.interrupt != nullptr && options_.interrupt->load(std::memory_order_relaxed);
}

Inputs Executor::whole_inputs(std::size_t index, const FillEdge& fill) const {
  return inputs_of(plan_, index, [&](const PlannedInput& input, Inputs::Edge& edge) {
    const auto made = objects_.find({input.node, input.from});
    if (made != objects_.end()) edge.object = made->second;
    if (fill) fill(input, edge);
  });
}

bool Executor::works_on_tiles(std::size_t index) const {
  const PlannedNode& node = plan_.nodes[index];
  return !is_object(node.component->kind) && !plan_.streams[node.stream].tiles.empty();
}

void Executor::prepare_once(std::size_t index) {
  if (prepared_[index]) return;
  const PlannedNode& node = plan_.nodes[index];
  for (const PlannedInput& input : node.inputs)
    if (input.from.empty()) prepare_once(input.node);
  const bool has_tensors =
      std::any_of(node.inputs.begin(), node.inputs.end(),
                  [](const PlannedInput& input) { return is_data(input.type); });
  if (node.function)
    for (const std::size_t step : node.function->between) prepare_once(step);
  // Made by a pass, with its tensors or with the objects of its block.
  if (is_object(node.component->kind) && (has_tensors || node.object_per_block)) return;
  // Prepared when it is opened, or run: it is made anew, with the names of its files.
  if (node.component->kind == Kind::sink || node.component->kind == Kind::procedure) return;
  prepared_[index] = 1;
  const Rows none = Rows::of({node.first_item, 0, std::nullopt});
  if (node.function) {
    objects_[{index, ""}] = make_object(environment_, index, whole_inputs(index), none);
    return;
  }
  call_node(environment_, index, none, [&](NodeContext& context) {
    Inputs in = whole_inputs(index);
    if (works_on_tiles(index)) remove_tensors(in);
    if (node.used_here) node.instance->prepare(in, context);
    if (node.copied) note_prepared(*node.instance, in, context.facts());
  });
  if (is_object(node.component->kind)) objects_[{index, ""}] = node.instance;
}

void Executor::prepare(std::size_t stream) {
  for (const std::size_t node : shapes_[stream].stream().nodes) prepare_once(node);
}

bool Executor::run() {
  at::set_num_threads(plan_.threads);
  for (std::size_t s = 0; s < shapes_.size(); ++s) {
    if (interrupted()) break;
    if (const auto due = static_cast<std::int64_t>(demand_.due(s).size()); due > 0) {
      prepare(s);
      const auto& nodes = shapes_[s].stream().nodes;
      const bool procedure = plan_.nodes[nodes.back()].component->kind == Kind::procedure;
      progress_.begin(nodes, due);
      const bool done = procedure ? run_procedure(s) : run_stream(s);
      make_durable();
      progress_.end(nodes);
      if (!done) return false;
    }
    finish_reducers(s);
    for (const Crossing& crossing : crossings_)
      if (crossing.to == s) store_.drop(crossing.node, crossing.port);
  }
  if (interrupted()) {
    make_durable();
    return false;
  }
  sinks_.write_at_end(store_);
  make_durable();
  require_unchanged_files();
  return true;
}

bool Executor::run_stream(std::size_t stream) {
  const StreamShape& shape = shapes_[stream];
  const Reservation reservation =
      budget_.reserve(std::min(shape.stream().bytes, plan_.memory), "blocks in flight");
  Flow flow;
  flow.units = demand_.due(stream);
  flow.workers = shape.stream().in_flight;
  flow.threads = plan_.threads;
  flow.interrupt = options_.interrupt;
  flow.abort = &abort_;
  flow.read = [&](std::size_t unit) {
    auto pass = std::make_unique<Pass>(environment_, shape, store_, objects_, unit,
                                       demand_.unit(stream, unit));
    pass->run_sources();
    return pass;
  };
  flow.compute = [](Pass& pass) { pass.run_rest(); };
  flow.write = [&](Pass& pass) { write(shape, pass); };
  try {
    return run_flow(flow);
  } catch (...) {
    try {
      make_durable();
    } catch (const Error& error) {
      log_error(error.what());
    }
    throw;
  }
}

void Executor::write(const StreamShape& shape, Pass& pass) {
  // What is said of a block comes before the block: once that stands, nothing computes it again.
  for (const auto& [item, reason] : pass.failures) {
    journal_.note("skipped", "item " + std::to_string(item) + ": " + reason);
    log_warning("item " + std::to_string(item) + " is skipped: " + reason);
  }
  for (const SinkCall& call : pass.sinks)
    for (const PlannedInput& input : plan_.nodes[call.node].inputs)
      if (!input.from.empty())
        store_.mark_failed(input.node, input.from, pass.block(), call.failed);
  for (const Stored& item : pass.seen)
    note_seen(item.node, item.port, pass.unit(), item.produced.checksum);
  for (const Stored& item : pass.stored)
    store_.put(item.node, item.port, pass.unit(), item.produced);
  for (const SinkCall& call : pass.sinks) sinks_.write(call, pass.unit());
  for (const auto& [node, object] : pass.made)
    if (!plan_.nodes[node].object_per_block) objects_[{node, ""}] = object;
  const auto& nodes = shape.stream().nodes;
  for (std::size_t position = 0; position < nodes.size(); ++position) {
    NodeRecord& record = records_[nodes[position]];
    if (pass.seconds[position] == 0) continue;
    record.seconds += pass.seconds[position];
    ++record.blocks;
    progress_.advance(nodes[position], pass.block().count);
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - last_mark_ >= std::chrono::duration<double>(plan_.settings.durability)) make_durable();
  if (now < next_look_at_files_) return;
  require_unchanged_files();
  // Of a million files a look may take seconds, so it is not to take more than a fiftieth.
  const auto after = std::chrono::steady_clock::now();
  next_look_at_files_ = after + std::max<std::chrono::steady_clock::duration>(
                                    std::chrono::seconds(5), 50 * (after - now));
}

void Executor::make_durable() {
  const std::int64_t position = journal_.position();
  store_.sync();
  sinks_.sync();
  journal_.mark(position);
  last_mark_ = std::chrono::steady_clock::now();
}

bool Executor::run_procedure(std::size_t stream) {
  const std::size_t index = shapes_[stream].stream().nodes.back();
  const PlannedNode& node = plan_.nodes[index];
  const auto start = std::chrono::steady_clock::now();
  Inputs in = whole_inputs(index, [this](const PlannedInput& input, Inputs::Edge& edge) {
    const Spec* spec = std::get_if<Spec>(&edge.spec);
    if (spec != nullptr && spec->items == 1)
      edge.value = store_.tensor(input.node, input.from, 0, 1);
  });
  const StoreReader reader(environment_, store_, index, objects_);
  in.set_reader(&reader);

  Outputs outputs;
  RunEnvironment alone = environment_;
  alone.stop = options_.interrupt != nullptr ? options_.interrupt : &abort_;
  const Reservation reservation =
      budget_.reserve(std::min(shapes_[stream].stream().bytes, plan_.memory), node.name);
  // What it draws is for all items at once, however many they are.
  const Rows rows{{node.first_item, node.items, std::nullopt}, {0}};
  try {
    call_node(alone, index, rows, [&](NodeContext& context) {
      context.set_reader(reader);
      const auto procedure = new_instance<Procedure>(node, workspace_.settings_of(plan_, node));
      procedure->prepare(whole_inputs(index), context);
      procedure->run(in, outputs, context);
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
    const Outputs::Value value = found == outputs.all().end() ? Outputs::Value() : found->second;
    if (std::holds_alternative<std::shared_ptr<const Component>>(announced)) {
      if (const auto* object = std::get_if<std::shared_ptr<const Component>>(&value))
        objects_[{index, port}] = *object;
      continue;
    }
    if (!store_.keeps(index, port)) continue;
    const std::int64_t first_item = first_item_of(plan_, index, port);
    call_node(plan_, index, [&] { require_promised(port, announced, value, first_item); });
    const std::int64_t items = items_of(announced);
    for (std::size_t unit = 0; unit < store_.units(index, port); ++unit) {
      Block block;
      block.first = static_cast<std::int64_t>(unit) * plan_.block_items;
      block.count = std::min(plan_.block_items, items - block.first);
      Produced produced;
      if (const Tensor* tensor = std::get_if<Tensor>(&value)) {
        const Tensor part = tensor->narrow(0, block.first, block.count).cpu();
        const Inspection inspection = inspect(part);
        require_finite(plan_, index, port, part, inspection.first_nonfinite, Rows::of(block));
        produced.checksum = inspection.checksum;
        produced.value = part;
      } else {
        const Table& table = std::get<Table>(value);
        Table part =
            items == 1 ? table : rows_of_items(table, first_item + block.first, block.count);
        produced.checksum = rows_checksum(part);
        produced.value = std::move(part);
      }
      note_seen(index, port, unit, produced.checksum);
      if (!store_.holds(index, port, unit)) store_.put(index, port, unit, produced);
    }
  }
}

// Checksums of what no file of the run keeps must outlive this process for `replay`.
void Executor::note_seen(std::size_t index, const std::string& port, std::size_t unit,
                         std::uint64_t checksum) {
  const std::string name = journal_name(plan_.nodes[index]) + "." + port;
  seen_[name][unit] = checksum;
  if (!store_.in_file(index, port))
    journal_.note("seen", name + " " + std::to_string(unit) + " " + checksum_text(checksum));
}

void Executor::finish_reducers(std::size_t stream) {
  for (const std::size_t index : shapes_[stream].stream().nodes) {
    const PlannedNode& node = plan_.nodes[index];
    if (node.component->kind != Kind::reducer || !demand_.outputs_missing(index)) continue;
    prepare_once(index);
    Outputs outputs;
    const auto start = std::chrono::steady_clock::now();
    const Reservation reservation =
        budget_.reserve(std::min(node.working_bytes, plan_.memory), node.name);
    const Rows none = Rows::of({0, 0, std::nullopt});
    call_node(environment_, index, none, [&](NodeContext& context) {
      const StoredStates states(plan_, store_, index, shapes_[stream].units());
      dynamic_cast<const Reducer&>(*node.instance).finish(states, outputs, context);
    });
    put_whole(index, outputs);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    records_[index].seconds += spent.count();
  }
}

void Executor::require_unchanged_files() const {
  for (const PlannedNode& node : plan_.nodes)
    for (const SourceFile& file : node.files) {
      if (source_file(file.path) == file) continue;
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
  sinks_.close(provenance);
  store_.finish(provenance, options_.overwrite);
}

std::vector<std::string> Executor::failures() const {
  std::vector<std::string> lines;
  std::set<std::string> known;  // a block that was lost is noted again when it is computed again
  for (const Journal::Note& note : journal_.notes("skipped"))
    if (known.insert(note.text).second) lines.push_back(note.text);
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
      if (!store_.keeps(index, port)) return;
      for (std::size_t unit = 0; unit < store_.units(index, port); ++unit)
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
  std::vector<std::filesystem::path> files = sinks_.files();
  for (const auto& file : store_.result_files()) files.push_back(file);
  return files;
}

}  // namespace pellucid
