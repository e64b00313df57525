#include "run/store.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>
#include <sstream>

#include <ATen/ops/ones.h>
#include <pellucid/version.h>

#include "buffers/buffer.h"
#include "buffers/result_file.h"
#include "run/pass.h"
#include "run/provenance.h"
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

Column valid_column() {
  return {"valid", Column::Type::truth, "", 0, "the item was read and computed"};
}

// What stands in a table's row for an item that failed.
Cell missing_cell(const Column& column) {
  switch (column.type) {
    case Column::Type::integer:
      return std::int64_t{0};
    case Column::Type::real:
      return std::numeric_limits<double>::quiet_NaN();
    case Column::Type::text:
      return std::string();
    case Column::Type::truth:
      return false;
  }
  return false;
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
  std::optional<Spec> spec;
  std::optional<TableSpec> table_spec;
  std::vector<std::pair<std::size_t, std::size_t>> results;  // point, number in its result file
  std::vector<std::unique_ptr<Buffer>> tensors;              // one a result, or one buffer
  std::unique_ptr<TableBuffer> table;
  std::vector<std::atomic<char>> held;
  std::size_t array = 0;  // in buffers.h5
  bool in_buffers = false;
};

struct Store::Point {
  std::filesystem::path file;
  ResultLayout layout;
  std::optional<ResultFile> result;
  std::vector<Place> tables;  // slot of each table of the layout
  std::vector<Place> valid;   // port whose failed items a trailing tensor marks
  bool named = false;         // has its final name already
  bool empty() const { return layout.tensors.empty() && layout.tables.empty(); }
};

Store::Store(const Plan& plan, Workspace& workspace, Journal& journal, MemoryBudget& budget)
    : plan_(plan), workspace_(workspace), journal_(journal) {
  for (const PlannedNode& node : plan.nodes)
    skips_ = skips_ || node.on_item_error == OnItemError::skip;
  add_slots();
  lay_out_points();
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
    from_stream = node.component->kind != Kind::procedure && node.component->kind != Kind::reducer;
    if (from_stream) return StreamShape(plan_, node.stream).units();
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
    for (std::size_t s = 0; s < plan_.streams.size(); ++s)
      if (s != stream && StreamShape(plan_, s).position(node) >= 0) return true;
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
      const bool whole =
          producer.component->kind == Kind::reducer || producer.component->kind == Kind::procedure;
      if (whole || consumer.at_end || used_elsewhere(consumer_index, producer.stream))
        add(input.node, input.from);
    }
  }
  for (std::size_t index = 0; index < plan_.nodes.size(); ++index) {
    const PlannedNode& node = plan_.nodes[index];
    if (node.component->kind != Kind::reducer) continue;
    const std::size_t blocks = StreamShape(plan_, node.stream).units();
    for (const auto& [port, value] : node.state.all()) {
      Slot& slot = add_slot(index, state_port(port), blocks);
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
    point.layout.provenance_bytes = provenance_bytes(plan_);
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

  const bool finishing = !journal_.notes("finishing").empty();
  for (Point& point : points_) {
    if (point.empty()) continue;
    std::filesystem::create_directories(point.file.parent_path());
    const std::filesystem::path part = point.file.string() + ".part";
    if (std::filesystem::exists(part) && workspace_.resumed()) {
      point.result = ResultFile::open(part, point.layout);
    } else if (finishing && std::filesystem::exists(point.file)) {
      point.named = true;
    } else {
      point.result = ResultFile::create(part, point.layout);
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
  buffers_ = std::make_shared<const ContiguousFile>(
      std::filesystem::exists(file) && workspace_.resumed()
          ? ContiguousFile::open(file, buffer_arrays_)
          : ContiguousFile::create(file, buffer_arrays_, {}, ContiguousFile::Space::sparse));
  return buffers_;
}

void Store::make_buffers(MemoryBudget& budget) {
  for (auto& [place, slot] : slots_) {
    const PlannedNode& node = plan_.nodes[slot->node];
    const std::string name = node.name + "." + slot->port;
    if (slot->table_spec) {
      slot->table = std::make_unique<TableBuffer>(
          name, *slot->table_spec, BufferPlace{buffers_file(), slot->array},
          slot->from_stream && slot->table_spec->items > 1 ? node.first_item : 0);
      continue;
    }
    Slot* const owner = slot.get();
    const auto journalled = [this, owner](const Block& block, std::uint64_t checksum) {
      const PlannedNode& node = plan_.nodes[owner->node];
      journal_.stored(journal_name(node), owner->port,
                      static_cast<std::int64_t>(unit_of(*owner, block)),
                      Key::parse(node.key).value_or(Key{}), checksum);
    };
    if (slot->results.empty()) {
      const bool state = slot->port.rfind(state_port(""), 0) == 0;
      slot->tensors.push_back(std::make_unique<Buffer>(
          name, *slot->spec, state ? Buffer::Keep::stored : Buffer::Keep::cached,
          [this, array = slot->array] {
            return BufferPlace{buffers_file(), array};
          },
          budget, journalled));
    }
    for (std::size_t r = 0; r < slot->results.size(); ++r) {
      const auto [point, number] = slot->results[r];
      if (points_[point].named) continue;
      const ResultFile& file = *points_[point].result;
      slot->tensors.push_back(std::make_unique<Buffer>(
          name, *slot->spec, Buffer::Keep::stored,
          [&file, array = file.layout().tensor_array(number)] {
            return BufferPlace{file.file(), array};
          },
          budget, r == 0 ? OnStored(journalled) : OnStored()));
    }
  }
}

Block Store::block_of(const Slot& slot, std::size_t unit) const {
  const PlannedNode& node = plan_.nodes[slot.node];
  if (slot.port.rfind(state_port(""), 0) == 0) {
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

// Blocks before the last mark are there; later ones count if, read again, they are what was
// journalled.
void Store::restore_blocks() {
  if (!workspace_.resumed()) return;
  for (auto& [place, slot] : slots_) {
    const PlannedNode& node = plan_.nodes[slot->node];
    bool named = false;
    for (const auto& [point, number] : slot->results) named = named || points_[point].named;
    for (std::size_t unit = 0; unit < slot->units; ++unit) {
      const auto entry =
          journal_.find(journal_name(node), slot->port, static_cast<std::int64_t>(unit));
      if (!entry) continue;
      const Block block = block_of(*slot, unit);
      if (!named) {
        if (slot->table) {
          if (!entry->durable && slot->table->stored_checksum(block) != entry->checksum) continue;
          slot->table->restore(block);
        } else {
          bool intact = true;
          for (const auto& buffer : slot->tensors)
            intact =
                intact && (entry->durable || buffer->stored_checksum(block) == entry->checksum);
          if (!intact) continue;
          for (const auto& buffer : slot->tensors) buffer->restore(block);
        }
      }
      slot->held[unit] = 1;
    }
  }
  for (const Journal::Note& note : journal_.notes("failed")) {
    std::istringstream text(note.text);
    std::size_t node = 0;
    std::string port;
    std::int64_t item = 0;
    text >> node >> port;
    while (text >> item) failed_[{node, port}][item] = 1;
  }
}

bool Store::keeps(std::size_t node, const std::string& port) const {
  return find(node, port) != nullptr;
}

std::size_t Store::units(std::size_t node, const std::string& port) const {
  return slot(node, port).units;
}

bool Store::holds(std::size_t node, const std::string& port, std::size_t unit) const {
  return slot(node, port).held[unit] != 0;
}

void Store::put(std::size_t node, const std::string& port, std::size_t unit, const Block&,
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

Tensor Store::tensor(std::size_t node, const std::string& port, std::int64_t first,
                     std::int64_t count) const {
  return slot(node, port).tensors.front()->get(first, count);
}

Table Store::table(std::size_t node, const std::string& port, std::int64_t first,
                   std::int64_t count) const {
  return slot(node, port).table->get(first, count);
}

void Store::mark_failed(std::size_t node, const std::string& port, const Block& block,
                        const std::vector<char>& failed) {
  std::string items;
  const std::lock_guard lock(failed_mutex_);
  for (std::size_t row = 0; row < failed.size(); ++row) {
    const std::int64_t item = block.first + static_cast<std::int64_t>(row);
    if (!failed[row] || std::exchange(failed_[{node, port}][item], 1)) continue;
    items += " " + std::to_string(item);
  }
  if (!items.empty()) journal_.note("failed", std::to_string(node) + " " + port + items);
}

std::vector<char> Store::failed(std::size_t node, const std::string& port, std::int64_t first,
                                std::int64_t count) const {
  const std::lock_guard lock(failed_mutex_);
  const auto found = failed_.find({node, port});
  if (found == failed_.end()) return {};
  std::vector<char> flags(static_cast<std::size_t>(count), 0);
  bool any = false;
  for (auto item = found->second.lower_bound(first);
       item != found->second.end() && item->first < first + count; ++item) {
    flags[static_cast<std::size_t>(item->first - first)] = 1;
    any = true;
  }
  return any ? flags : std::vector<char>();
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
  for (Point& point : points_) {
    if (point.empty() || point.named) continue;
    std::vector<std::int64_t> rows;
    for (std::size_t t = 0; t < point.tables.size(); ++t) {
      const Place& place = point.tables[t];
      const Slot& slot = *slots_.at(place);
      const std::int64_t first_item =
          slot.from_stream && slot.table_spec->items > 1 ? plan_.nodes[place.first].first_item : 0;
      std::int64_t row = 0;
      std::int64_t next_item = first_item;
      const auto add_failed = [&](Table& part, std::int64_t until) {
        for (; next_item < until; ++next_item) {
          if (failed(place.first, place.second, next_item - first_item, 1).empty()) continue;
          std::vector<Cell> cells;
          for (const Column& column : part.columns()) cells.push_back(missing_cell(column));
          part.add(next_item, std::move(cells));
        }
      };
      const auto write_part = [&](const Table& part) {
        if (part.rows() > 0) point.result->write_rows(t, row, part);
        row += part.rows();
      };
      slot.table->for_each_block([&](const Table& block) {
        Table part = block;
        if (skips_) {
          part = Table(point.layout.tables[t].columns);
          for (std::int64_t r = 0; r < block.rows(); ++r) {
            add_failed(part, block.item(r));
            std::vector<Cell> cells;
            for (std::size_t c = 0; c < block.columns().size(); ++c)
              cells.push_back(block.cell(r, static_cast<std::int64_t>(c)));
            cells.push_back(true);
            part.add(block.item(r), std::move(cells));
            next_item = block.item(r) + 1;
          }
        }
        write_part(part);
      });
      if (skips_) {
        Table rest(point.layout.tables[t].columns);
        add_failed(rest, first_item + slot.table_spec->items);
        write_part(rest);
      }
      rows.push_back(row);
    }
    const std::size_t first_valid = point.layout.tensors.size() - point.valid.size();
    for (std::size_t v = 0; v < point.valid.size(); ++v) {
      const Place& place = point.valid[v];
      const std::int64_t items = point.layout.tensors[first_valid + v].spec.items;
      Tensor flags = at::ones({items}, at::TensorOptions().dtype(at::kBool));
      const std::vector<char> bad = failed(place.first, place.second, 0, items);
      for (std::size_t i = 0; i < bad.size(); ++i)
        if (bad[i]) flags.data_ptr<bool>()[i] = false;
      point.result->file()->write(point.layout.tensor_array(first_valid + v), 0, flags);
    }
    point.result->finish(point.file, rows, provenance, overwrite);
    point.named = true;
  }
}

std::vector<std::filesystem::path> Store::result_files() const {
  std::vector<std::filesystem::path> files;
  for (const Point& point : points_)
    if (!point.empty()) files.push_back(point.file);
  return files;
}

}  // namespace pellucid
