#include "run/sinks.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/log.h"
#include "buffers/checksum.h"
#include "plan/edges.h"
#include "run/item_reader.h"
#include "run/workspace.h"

namespace pellucid {
namespace {

// A sink's entries in the journal, which has no port of its own.
constexpr const char* kPort = "*";

}  // namespace

Sinks::Sinks(const RunEnvironment& environment, const std::vector<StreamShape>& shapes,
             Workspace& workspace, bool overwrite)
    : environment_(environment),
      plan_(*environment.plan),
      workspace_(workspace),
      journal_(workspace.journal()),
      overwrite_(overwrite) {
  for (std::size_t node = 0; node < plan_.nodes.size(); ++node) {
    if (plan_.nodes[node].component->kind != Kind::sink) continue;
    const StreamShape& shape = shapes[plan_.nodes[node].stream];
    Open& open = sinks_[node];
    if (!was_closed(node, shape, open)) resume(node, shape, open);
  }
}

Sinks::~Sinks() = default;

// A note of a closed sink has its name in the first line and a file in each of the others.
bool Sinks::was_closed(std::size_t index, const StreamShape& shape, Open& open) const {
  for (const Journal::Note& note : journal_.notes("closed")) {
    std::istringstream lines(note.text);
    std::string line;
    std::getline(lines, line);
    if (line != journal_name(plan_.nodes[index])) continue;
    open.written = shape.units();
    while (std::getline(lines, line)) open.files.emplace_back(line);
    return true;
  }
  return false;
}

void Sinks::resume(std::size_t index, const StreamShape& shape, Open& open) {
  const PlannedNode& node = plan_.nodes[index];
  std::vector<Journal::Entry> entries;
  while (const auto entry =
             journal_.find(journal_name(node), kPort, static_cast<std::int64_t>(entries.size())))
    entries.push_back(*entry);
  const auto lost = std::find_if(entries.begin(), entries.end(),
                                 [](const Journal::Entry& entry) { return !entry.durable; });
  const auto marked = static_cast<std::size_t>(lost - entries.begin());
  start_where_it_can(index, shape, entries.size(), marked, open);
  for (std::size_t unit = marked; unit < open.written; ++unit) {
    if (has(open, node, shape, unit, entries[unit].checksum)) continue;
    forget(index, unit, entries.size());
    start_where_it_can(index, shape, unit, marked, open);
    return;
  }
}

// Where it left off, else at the last mark, else at its first item.
void Sinks::start_where_it_can(std::size_t index, const StreamShape& shape, std::size_t first_unit,
                               std::size_t marked, Open& open) {
  try {
    start(index, shape, first_unit, open);
  } catch (const Error& error) {
    const auto taken = [&] {
      const auto files = open.sink ? open.sink->files() : std::vector<std::string>();
      return std::any_of(files.begin(), files.end(),
                         [](const std::string& file) { return std::filesystem::exists(file); });
    };
    // A name that is taken is the user's to free, and costs nothing of what was written.
    if (first_unit == 0 || (!finishing() && !overwrite_ && taken())) throw;
    const std::size_t next = marked < first_unit ? marked : 0;
    log_warning(std::string(error.what()) + "; it is written again from " +
                (next == 0 ? "its first item" : "the last mark") + " on");
    forget(index, next, first_unit);
    start_where_it_can(index, shape, next, 0, open);
  }
}

// From the last one on, so that what is left is without a gap whenever the process ends.
void Sinks::forget(std::size_t index, std::size_t first_unit, std::size_t end) {
  while (end-- > first_unit)
    journal_.dropped(journal_name(plan_.nodes[index]), kPort, static_cast<std::int64_t>(end));
}

void Sinks::start(std::size_t index, const StreamShape& shape, std::size_t first_unit, Open& open) {
  const PlannedNode& node = plan_.nodes[index];
  const Value settings = workspace_.settings_of(plan_, node);
  call_node(plan_, index, [&] {
    open.sink.reset();  // closes its files before they are opened again
    open.sink = new_instance<Sink>(node, settings);
    open.written = first_unit;
    const Inputs whole = inputs_of(plan_, index);
    const Rows none = Rows::of({0, 0, std::nullopt});
    NodeContext context(environment_, index, none);
    open.sink->prepare(whole, context);
    SinkStart start;
    start.first_item = first_unit >= shape.units() ? node.items : shape.block(first_unit).first;
    start.finishing = finishing();
    start.resumed = first_unit > 0 || start.finishing;
    start.overwrite = overwrite_;
    start.provenance_bytes = workspace_.provenance_bytes();
    open.sink->open(whole, start, context);
  });
}

bool Sinks::has(const Open& open, const PlannedNode& node, const StreamShape& shape,
                std::size_t unit, std::uint64_t checksum) const {
  Block block = shape.block(unit);
  block.first += node.first_item;
  block.region = item_region(plan_, node, block.region);
  const std::vector<Tensor> stored = open.sink->stored(block);
  Checksum sum;
  for (const Tensor& tensor : stored) sum.add(tensor);
  return !stored.empty() && sum.value() == checksum;
}

std::size_t Sinks::written(std::size_t node) const { return sinks_.at(node).written; }

void Sinks::write(const SinkCall& call, std::size_t unit) {
  Open& open = sinks_.at(call.node);
  call_node(plan_, call.node, [&] {
    const Rows rows = Rows::of(call.in.block());
    NodeContext context(environment_, call.node, rows);
    open.sink->write(call.in, context);
  });
  journal_.stored(journal_name(plan_.nodes[call.node]), kPort, static_cast<std::int64_t>(unit),
                  Key{}, call.checksum);
}

void Sinks::write_at_end(const Store& store) {
  for (auto& [index, open] : sinks_) {
    const PlannedNode& node = plan_.nodes[index];
    if (!node.at_end || !open.sink) continue;
    for (std::int64_t first = 0; first < node.items; first += plan_.block_items) {
      const std::int64_t count = std::min(plan_.block_items, node.items - first);
      const Inputs in = stored_inputs(plan_, store, index, first, count);
      call_node(plan_, index, [&, sink = open.sink.get()] {
        const Rows rows = Rows::of(in.block());
        NodeContext context(environment_, index, rows);
        sink->write(in, context);
      });
    }
    call_node(plan_, index, [sink = open.sink.get()] { sink->sync(); });
  }
}

void Sinks::sync() {
  for (auto& [index, open] : sinks_)
    if (!plan_.nodes[index].at_end && open.sink)
      call_node(plan_, index, [sink = open.sink.get()] { sink->sync(); });
}

void Sinks::close(const std::string& provenance) {
  for (auto& [index, open] : sinks_) {
    if (!open.sink) continue;
    call_node(plan_, index, [&, sink = open.sink.get()] { sink->close(provenance); });
    std::string note = journal_name(plan_.nodes[index]);
    for (const std::string& file : open.sink->files()) note += "\n" + file;
    journal_.note("closed", note);
  }
}

std::vector<std::filesystem::path> Sinks::files() const {
  std::vector<std::filesystem::path> all;
  for (const auto& [index, open] : sinks_) {
    all.insert(all.end(), open.files.begin(), open.files.end());
    if (!open.sink) continue;
    for (const std::string& file : open.sink->files()) all.emplace_back(file);
  }
  return all;
}

}  // namespace pellucid
