#include "run/store.h"

#include <algorithm>
#include <optional>
#include <set>

#include <ATen/ops/ones.h>

#include "base/log.h"
#include "buffers/buffer.h"
#include "buffers/result_file.h"
#include "plan/edges.h"
#include "run/pass.h"
#include "run/provenance.h"
#include "run/result_tables.h"
#include "run/workspace.h"

namespace pellucid {
namespace {

// Where an array of a node stands in buffers.h5; sweeps have nodes of equal names.
std::string buffer_path(const PlannedNode& node, const std::string& port) {
  return "/" + journal_name(node) + "/" + port;
}

std::string result_path(const PlannedNode& node, const std::string& port) {
  return "/" + node.name + "/" + port;
}

}  // namespace

std::string journal_name(const PlannedNode& node) {
  return node.point.empty() ? node.name : node.name + "@" + node.point;
}

struct Store::Slot {
  std::size_t node = 0;
  std::string port;
  std::size_t units = 0;
  bool from_stream = true;  // its units are those of the node's stream
  bool of_state = false;    // a reducer's: one row a block
  std::optional<Spec> spec;
  std::optional<TableSpec> table_spec;
  std::vector<std::pair<std::size_t, std::size_t>> results;  // point, number in its result file
  // One for each result that is still written (or, where all have their names, one to read from),
  // or one buffer.
  std::vector<std::unique_ptr<Buffer>> tensors;
  std::unique_ptr<TableBuffer> table;
  std::vector<std::atomic<char>> held;
  std::size_t array = 0;  // in buffers.h5
  bool in_buffers = false;
};

struct Store::Point {
  std::filesystem::path file;
  ResultLayout layout;
  std::optional<ResultFile> result;
  std::vector<Place> tables;                    // slot of each table of the layout
  std::vector<Place> valid;                     // port whose failed items a trailing tensor marks
  std::shared_ptr<const ContiguousFile> named;  // it has its final name: to be read only
  bool is_new = false;                          // nothing of an earlier process is in it
  bool empty() const { return layout.tensors.empty() && layout.tables.empty(); }
};

Store::Store(const Plan& plan, const std::vector<StreamShape>& shapes, Workspace& workspace,
             MemoryBudget& budget)
    : plan_(plan),
      shapes_(shapes),
      workspace_(workspace),
      journal_(workspace.journal()),
      failures_(journal_) {
  for (const PlannedNode& node : plan.nodes)
    skips_ = skips_ || node.on_item_error == OnItemError::skip;
  add_slots();
  lay_out_points();
  open_results();
  lay_out_buffers();
  make_buffers(budget);
  restore_blocks();
}

Store::~Store() = default;

Store::Slot* Store::find(std::size_t node, const std::string& port) const {
  const auto found = slots_.find({node, port});
  return found == slots_.end() ? nullptr : found->second.get();
}

Store::Slot& Store::slot(std::size_t node, const std::string& port) const {
  Slot* const found = find(node, port);
  if (found == nullptr) throw Error("nothing keeps '" + plan_.nodes[node].name + "." + port + "'");
  return *found;
}

Store::Slot& Store::add_slot(std::size_t node, const std::string& port, std::size_t units) {
  auto& slot = slots_[{node, port}];
  if (!slot) {
    slot = std::make_unique<Slot>();
    slot->node = node;
    slot->port = port;
    slot->units = units;
    slot->held = std::vector<std::atomic<char>>(units);
  }
  return *slot;
}

// What must outlive its block: results, edges into other streams, what late sinks and procedures
// read, states of reducers.
void Store::add_slots() {
  const auto units_of = [&](std::size_t index, const std::string& port, bool& from_stream) {
    const PlannedNode& node = plan_.nodes[index];
    from_stream = !gives_whole(node.component->kind);
    if (from_stream) return shapes_[node.stream].units();
    std::int64_t items = 1;
    if (const Spec* spec = plan_.tensor_spec(index, port)) items = spec->items;
    if (const TableSpec* spec = plan_.table_spec(index, port)) items = spec->items;
    return static_cast<std::size_t>((items + plan_.block_items - 1) / plan_.block_items);
  };
  const auto add = [&](std::size_t index, const std::string& port) -> Slot& {
    bool from_stream = true;
    const std::size_t units = units_of(index, port, from_stream);
    Slot& slot = add_slot(index, port, units);
    slot.from_stream = from_stream;
    if (const Spec* spec = plan_.tensor_spec(index, port)) slot.spec = *spec;
    if (const TableSpec* spec = plan_.table_spec(index, port)) slot.table_spec = *spec;
    return slot;
  };

  for (const PlannedResult& result : plan_.results)
    add(result.node, result.port).results.emplace_back(result.point, 0);
  // An object with an instance for each block stands in every stream that uses it.
  const auto used_elsewhere = [&](std::size_t node, std::size_t stream) {
    for (std::size_t s = 0; s < shapes_.size(); ++s)
      if (s != stream && shapes_[s].position(node) >= 0) return true;
    return false;
  };
  for (std::size_t consumer_index = 0; consumer_index < plan_.nodes.size(); ++consumer_index) {
    const PlannedNode& consumer = plan_.nodes[consumer_index];
    if (!consumer.computed) continue;
    for (const PlannedInput& input : consumer.inputs) {
      if (input.from.empty() || (plan_.tensor_spec(input.node, input.from) == nullptr &&
                                 plan_.table_spec(input.node, input.from) == nullptr))
        continue;
      const PlannedNode& producer = plan_.nodes[input.node];
      const bool whole = gives_whole(producer.component->kind);
      if (whole || consumer.at_end || used_elsewhere(consumer_index, producer.stream))
        add(input.node, input.from);
    }
  }
  for (std::size_t index = 0; index < plan_.nodes.size(); ++index) {
    const PlannedNode& node = plan_.nodes[index];
    if (node.component->kind != Kind::reducer) continue;
    const std::size_t blocks = shapes_[node.stream].units();
    for (const auto& [port, value] : node.state.all()) {
      Slot& slot = add_slot(index, state_port(port), blocks);
      slot.of_state = true;
      if (const Spec* spec = std::get_if<Spec>(&value)) {
        slot.spec = *spec;
        slot.spec->items *= static_cast<std::int64_t>(blocks);
      } else {
        slot.table_spec = std::get<TableSpec>(value);
        slot.table_spec->items = static_cast<std::int64_t>(blocks);
      }
    }
  }
}

void Store::lay_out_points() {
  points_.resize(plan_.points.size());
  for (std::size_t p = 0; p < points_.size(); ++p) {
    Point& point = points_[p];
    point.file = workspace_.point_folder(plan_, p) / "result.h5";
    point.layout.provenance_bytes = workspace_.provenance_bytes();
    for (auto& [place, slot] : slots_)
      for (auto& [of_point, number] : slot->results) {
        if (of_point != p) continue;
        const std::string path = result_path(plan_.nodes[slot->node], slot->port);
        if (slot->spec) {
          number = point.layout.tensors.size();
          point.layout.tensors.push_back({path, *slot->spec});
        } else {
          number = point.layout.tables.size();
          std::vector<Column> columns = slot->table_spec->columns;
          if (skips_) columns.push_back(valid_column());
          point.layout.tables.push_back(
              {path, columns, slot->table_spec->items * slot->table_spec->rows_per_item});
          point.tables.push_back(place);
        }
      }
    if (!skips_) continue;
    // One truth value an item, for every tensor that ends in a file.
    std::set<Place> marked;
    for (const auto& [place, slot] : slots_)
      for (const auto& [of_point, number] : slot->results)
        if (of_point == p && slot->spec) marked.insert(place);
    for (const std::size_t index : plan_.points[p].nodes) {
      const PlannedNode& sink = plan_.nodes[index];
      if (sink.component->kind != Kind::sink) continue;
      for (const PlannedInput& input : sink.inputs)
        if (plan_.tensor_spec(input.node, input.from) != nullptr)
          marked.emplace(input.node, input.from);
    }
    for (const Place& place : marked) {
      const Spec* spec = plan_.tensor_spec(place.first, place.second);
      Spec flags;
      flags.items = spec->items;
      flags.dtype = at::kBool;
      point.layout.tensors.push_back(
          {result_path(plan_.nodes[place.first], place.second + ".valid"), flags});
      point.valid.push_back(place);
    }
  }
}

void Store::open_results() {
  const bool finishing = !journal_.notes("finishing").empty();
  for (Point& point : points_) {
    if (point.empty()) continue;
    std::filesystem::create_directories(point.file.parent_path());
    const std::filesystem::path part = point.file.string() + ".part";
    if (finishing && is_result_of(workspace_.id(), point.file)) {
      std::vector<ArrayLayout> arrays = point.layout.arrays();
      arrays.resize(point.layout.tensors.size());
      point.named = std::make_shared<const ContiguousFile>(
          ContiguousFile::open(point.file, std::move(arrays), File::Mode::read));
      std::filesystem::remove(part);
    } else if (std::filesystem::exists(part) && workspace_.resumed()) {
      point.result = ResultFile::open(part, point.layout);
    } else {
      point.result = ResultFile::create(part, point.layout);
      point.is_new = true;
    }
  }
}

void Store::lay_out_buffers() {
  for (auto& [place, slot] : slots_) {
    const std::string path = buffer_path(plan_.nodes[slot->node], slot->port);
    if (slot->table_spec) {
      slot->in_buffers = true;
      slot->array = buffer_arrays_.size();
      for (ArrayLayout& array : TableBuffer::arrays(path, *slot->table_spec))
        buffer_arrays_.push_back(std::move(array));
    } else if (slot->results.empty()) {
      slot->in_buffers = true;
      slot->array = buffer_arrays_.size();
      buffer_arrays_.push_back(array_of(path, *slot->spec));
    }
  }
}

std::shared_ptr<const ContiguousFile> Store::buffers_file() {
  const std::lock_guard lock(buffers_mutex_);
  if (buffers_) return buffers_;
  const std::filesystem::path file = workspace_.buffers_file();
  buffers_are_new_ = !workspace_.has_buffers();
  if (buffers_are_new_) workspace_.begin_buffers();
  buffers_ = std::make_shared<const ContiguousFile>(
      buffers_are_new_
          ? ContiguousFile::create(file, buffer_arrays_, {}, ContiguousFile::Space::sparse)
          : ContiguousFile::open(file, buffer_arrays_));
  return buffers_;
}

void Store::make_buffers(MemoryBudget& budget) {
  for (auto& [place, slot] : slots_) {
    const PlannedNode& node = plan_.nodes[slot->node];
    const std::string name = node.name + "." + slot->port;
    if (slot->table_spec) {
      slot->table = std::make_unique<TableBuffer>(
          name, *slot->table_spec, BufferPlace{buffers_file(), slot->array},
          slot->of_state ? 0 : first_item_of(plan_, slot->node, slot->port));
    } else if (!slot->results.empty()) {
      make_results(*slot, budget);
    } else {
      slot->tensors.push_back(std::make_unique<Buffer>(
          name, *slot->spec, slot->of_state ? Buffer::Keep::stored : Buffer::Keep::cached,
          [this, array = slot->array] {
            return BufferPlace{buffers_file(), array};
          },
          budget, journalling(*slot)));
    }
  }
}

void Store::make_results(Slot& slot, MemoryBudget& budget) {
  const auto add = [&](std::shared_ptr<const ContiguousFile> file, std::size_t array) {
    // Only the first one journals.
    slot.tensors.push_back(std::make_unique<Buffer>(
        plan_.nodes[slot.node].name + "." + slot.port, *slot.spec, Buffer::Keep::stored,
        [file = std::move(file), array] {
          return BufferPlace{file, array};
        },
        budget, slot.tensors.empty() ? journalling(slot) : OnStored()));
  };
  for (const auto& [point, number] : slot.results)
    if (points_[point].result)
      add(points_[point].result->file(), points_[point].layout.tensor_array(number));
  if (!slot.tensors.empty()) return;
  const auto& [point, number] = slot.results.front();
  add(points_[point].named, points_[point].layout.tensor_array(number));
}

OnStored Store::journalling(const Slot& slot) {
  return [this, &slot](const Block& block, std::uint64_t checksum) {
    const PlannedNode& node = plan_.nodes[slot.node];
    journal_.stored(journal_name(node), slot.port, static_cast<std::int64_t>(unit_of(slot, block)),
                    Key::parse(node.key).value_or(Key{}), checksum);
  };
}

Block Store::block_of(const Slot& slot, std::size_t unit) const {
  const PlannedNode& node = plan_.nodes[slot.node];
  if (slot.of_state) {
    const std::int64_t rows =
        slot.spec ? slot.spec->items / static_cast<std::int64_t>(slot.units) : 1;
    return {static_cast<std::int64_t>(unit) * rows, rows, std::nullopt};
  }
  if (slot.from_stream) {
    Block block = StreamShape::block_of(plan_.streams[node.stream], plan_, unit);
    if (block.region && slot.spec) block.region = region_of(*block.region, *slot.spec);
    return block;
  }
  const std::int64_t items = slot.spec ? slot.spec->items : slot.table_spec->items;
  const std::int64_t first = static_cast<std::int64_t>(unit) * plan_.block_items;
  return {first, std::min(plan_.block_items, items - first), std::nullopt};
}

std::size_t Store::unit_of(const Slot& slot, const Block& block) const {
  if (!block.region) {
    const std::int64_t length = block_of(slot, 0).count;
    return static_cast<std::size_t>(block.first / std::max<std::int64_t>(1, length));
  }
  const auto& tiles = plan_.streams[plan_.nodes[slot.node].stream].tiles;
  const auto tile = std::find_if(tiles.begin(), tiles.end(), [&](const Region& candidate) {
    return region_of(candidate, *slot.spec) == *block.region;
  });
  return static_cast<std::size_t>(block.first) * tiles.size() +
         static_cast<std::size_t>(tile - tiles.begin());
}

// A block that does not count leaves the journal, so that no later mark makes it count.
void Store::restore_blocks() {
  if (!workspace_.resumed()) return;
  bool lost = false;
  for (auto& [place, slot] : slots_) {
    const std::string name = journal_name(plan_.nodes[slot->node]);
    for (std::size_t unit = 0; unit < slot->units; ++unit) {
      const auto number = static_cast<std::int64_t>(unit);
      const auto entry = journal_.find(name, slot->port, number);
      if (!entry) continue;
      const Block block = block_of(*slot, unit);
      if (!stands(*slot, block, *entry)) {
        journal_.dropped(name, slot->port, number);
        lost = lost || entry->durable;
        continue;
      }
      if (slot->table) slot->table->restore(block);
      for (const auto& buffer : slot->tensors) buffer->restore(block);
      slot->held[unit] = 1;
    }
  }
  if (lost)
    log_warning("a file that this run had written in '" + workspace_.folder().string() +
                "' or in its scratch folder is gone; what was in it is computed again");
}

// Blocks before the last mark are there; later ones count if, read again, they are what was
// journalled.
bool Store::stands(Slot& slot, const Block& block, const Journal::Entry& entry) {
  if (is_new(slot)) return false;
  if (entry.durable) return true;
  if (slot.table) return slot.table->stored_checksum(block) == entry.checksum;
  return std::all_of(slot.tensors.begin(), slot.tensors.end(), [&](const auto& buffer) {
    return buffer->stored_checksum(block) == entry.checksum;
  });
}

// A file that holds this port was not there and had to be made.
bool Store::is_new(const Slot& slot) {
  if (slot.in_buffers) {
    buffers_file();
    return buffers_are_new_;
  }
  return std::any_of(slot.results.begin(), slot.results.end(),
                     [this](const auto& result) { return points_[result.first].is_new; });
}

bool Store::keeps(std::size_t node, const std::string& port) const {
  return find(node, port) != nullptr;
}

bool Store::in_file(std::size_t node, const std::string& port) const {
  const Slot* const slot = find(node, port);
  return slot != nullptr && (slot->table || slot->of_state || !slot->results.empty());
}

std::size_t Store::units(std::size_t node, const std::string& port) const {
  return slot(node, port).units;
}

bool Store::holds(std::size_t node, const std::string& port, std::size_t unit) const {
  return slot(node, port).held[unit] != 0;
}

void Store::put(std::size_t node, const std::string& port, std::size_t unit,
                const Produced& produced) {
  Slot& slot = this->slot(node, port);
  const Block block = block_of(slot, unit);
  mark_failed(node, port, block, produced.failed);
  if (slot.table) {
    const std::uint64_t sum = slot.table->put(block, std::get<Table>(produced.value));
    journal_.stored(journal_name(plan_.nodes[node]), port, static_cast<std::int64_t>(unit),
                    Key::parse(plan_.nodes[node].key).value_or(Key{}), sum);
  } else {
    // The first buffer journals, so it is put last: an entry means that all copies stand.
    for (std::size_t copy = slot.tensors.size(); copy-- > 0;)
      slot.tensors[copy]->put(block, std::get<Tensor>(produced.value));
  }
  slot.held[unit] = 1;
}

Tensor Store::tensor(std::size_t node, const std::string& port, const Block& block) const {
  return slot(node, port).tensors.front()->get(block);
}

Table Store::table(std::size_t node, const std::string& port, std::int64_t first,
                   std::int64_t count) const {
  return slot(node, port).table->get(first, count);
}

void Store::drop(std::size_t node, const std::string& port) {
  Slot* const slot = find(node, port);
  if (slot == nullptr || !slot->results.empty() || slot->table) return;
  for (const auto& buffer : slot->tensors) buffer->drop();
}

void Store::sync() {
  for (const Point& point : points_)
    if (point.result) point.result->file()->sync();
  const std::lock_guard lock(buffers_mutex_);
  if (buffers_) buffers_->sync();
}

void Store::finish(const std::string& provenance, bool overwrite) {
  for (const Point& point : points_) {
    if (!point.result) continue;
    std::vector<std::int64_t> rows;
    for (std::size_t table = 0; table < point.tables.size(); ++table)
      rows.push_back(write_result_table(point, table));
    write_valid(point);
    point.result->finish(point.file, rows, provenance, overwrite);
  }
}

std::int64_t Store::write_result_table(const Point& point, std::size_t number) const {
  const auto& [node, port] = point.tables[number];
  const Slot& slot = this->slot(node, port);
  if (!skips_) return write_table(*point.result, number, *slot.table);
  const std::int64_t first = first_item_of(plan_, node, port);
  return write_table_with_failures(*point.result, number, *slot.table, first,
                                   slot.table_spec->items,
                                   [&, node = node, &port = port](std::int64_t item) {
                                     return !failures_.among(node, port, item - first, 1).empty();
                                   });
}

void Store::write_valid(const Point& point) const {
  const std::size_t first = point.layout.tensors.size() - point.valid.size();
  for (std::size_t v = 0; v < point.valid.size(); ++v) {
    const auto& [node, port] = point.valid[v];
    const std::int64_t items = point.layout.tensors[first + v].spec.items;
    const Tensor valid = at::ones({items}, at::TensorOptions().dtype(at::kBool));
    const std::vector<char> bad = failures_.among(node, port, 0, items);
    for (std::size_t i = 0; i < bad.size(); ++i)
      if (bad[i]) valid.data_ptr<bool>()[i] = false;
    point.result->file()->write(point.layout.tensor_array(first + v), 0, valid);
  }
}

std::vector<std::filesystem::path> Store::result_files() const {
  std::vector<std::filesystem::path> files;
  for (const Point& point : points_)
    if (!point.empty()) files.push_back(point.file);
  return files;
}

}  // namespace pellucid
