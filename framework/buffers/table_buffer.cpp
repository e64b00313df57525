// TableBuffer: rows of tables at fixed slots of a file.

#include <algorithm>

#include "buffers/buffer.h"
#include "buffers/table_layout.h"

namespace pellucid {

// After the columns comes `PATH.rows`: at the first item of a block, how many rows it has.

TableBuffer::TableBuffer(std::string name, TableSpec spec, BufferPlace place,
                         std::int64_t first_item)
    : name_(std::move(name)),
      spec_(std::move(spec)),
      place_(std::move(place)),
      first_item_(first_item) {}

std::vector<ArrayLayout> TableBuffer::arrays(const std::string& path, const TableSpec& spec) {
  std::vector<ArrayLayout> arrays =
      table_arrays(path, spec.columns, spec.items * spec.rows_per_item);
  arrays.push_back({path + ".rows", at::kLong, {spec.items}, {}});
  return arrays;
}

std::uint64_t TableBuffer::put(const Block& block, const Table& rows) {
  if (rows.columns() != spec_.columns)
    throw ShapeError("'" + name_ + "' takes " + spec_.text() + ", got a table of other columns");
  const std::int64_t most = block.count * spec_.rows_per_item;
  if (rows.rows() > most)
    throw ShapeError("'" + name_ + "' announced at most " + std::to_string(most) + " rows for " +
                     std::to_string(block.count) + " items, got " + std::to_string(rows.rows()));
  const std::uint64_t sum =
      write_rows(*place_.file, place_.array, block.first * spec_.rows_per_item, rows);
  const std::int64_t count = rows.rows();
  place_.file->write_bytes(place_.array + spec_.columns.size() + 1, block.first, 1, &count);
  const std::lock_guard lock(mutex_);
  blocks_[block.first] = {block.count, count};
  return sum;
}

void TableBuffer::restore(const Block& block) {
  const std::int64_t rows = stored_rows(block);
  const std::lock_guard lock(mutex_);
  blocks_[block.first] = {block.count, rows};
}

std::uint64_t TableBuffer::stored_checksum(const Block& block) const {
  return rows_checksum(read(block.first, {block.count, stored_rows(block)}));
}

bool TableBuffer::holds(const Block& block) const {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(block.first);
  return found != blocks_.end() && found->second.items == block.count;
}

Table TableBuffer::get(std::int64_t first, std::int64_t count) const {
  std::vector<std::pair<std::int64_t, Held>> blocks;
  {
    const std::lock_guard lock(mutex_);
    auto block = blocks_.upper_bound(first);
    if (block != blocks_.begin()) --block;  // may reach into the range
    for (; block != blocks_.end() && block->first < first + count; ++block)
      blocks.push_back(*block);
  }
  Table all(spec_.columns);
  std::int64_t covered = first;
  for (const auto& [start, held] : blocks) {
    const std::int64_t end = start + held.items;
    if (end <= first) continue;
    if (start > covered) break;
    covered = end;
    const bool whole = start >= first && end <= first + count;
    const Table rows = read(start, held);
    all.append(whole ? rows : rows_of_items(rows, first_item_ + first, count));
  }
  if (covered < first + count)
    throw Error("'" + name_ + "' does not hold the rows of item " + std::to_string(covered) +
                "; this is a mistake in Pellucid");
  return all;
}

std::int64_t TableBuffer::rows() const {
  const std::lock_guard lock(mutex_);
  std::int64_t rows = 0;
  for (const auto& [first, held] : blocks_) rows += held.rows;
  return rows;
}

void TableBuffer::for_each_block(const std::function<void(const Table&)>& visit) const {
  std::map<std::int64_t, Held> blocks;
  {
    const std::lock_guard lock(mutex_);
    blocks = blocks_;
  }
  for (const auto& [first, held] : blocks) visit(read(first, held));
}

void TableBuffer::drop() {
  const std::lock_guard lock(mutex_);
  blocks_.clear();
}

std::int64_t TableBuffer::stored_rows(const Block& block) const {
  std::int64_t rows = 0;
  place_.file->read_bytes(place_.array + spec_.columns.size() + 1, block.first, 1, &rows);
  // A torn write may leave any number here; the checksum of what it points at decides.
  return std::clamp<std::int64_t>(rows, 0, block.count * spec_.rows_per_item);
}

Table TableBuffer::read(std::int64_t first, const Held& held) const {
  return read_rows(*place_.file, place_.array, spec_.columns, first * spec_.rows_per_item,
                   held.rows);
}

}  // namespace pellucid
