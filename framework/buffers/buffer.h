// Buffer: the items of a tensor edge that outlive their block, in memory while there is room and in
// an HDF5 file otherwise. TableBuffer: the rows of a table edge.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/spec.h>

#include "buffers/contiguous_file.h"
#include "buffers/memory.h"

namespace pellucid {

/// Where a buffer's blocks stand in a file: the array that `array_of(path, spec)` described, or the
/// first of those that `table_arrays` did.
struct BufferPlace {
  std::shared_ptr<const ContiguousFile> file;
  std::size_t array = 0;
};

/// Told of every block that has just been written to the file, with the checksum of its elements in
/// row-major order: the time to journal it. May be called by any thread that wants memory.
using OnStored = std::function<void(const Block& block, std::uint64_t checksum)>;

/// Any number of threads may put and get blocks. A block is a range of items, or a region of one.
class Buffer {
 public:
  enum class Keep {
    stored,  ///< results: a block stands in the file when `put` returns
    cached,  ///< intermediates: in memory while the budget has room; written when it has not
  };

  /// `place` is asked for once, when the first block goes to the file.
  Buffer(std::string name, Spec spec, Keep keep, std::function<BufferPlace()> place,
         MemoryBudget& budget, OnStored on_stored);
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  const Spec& spec() const { return spec_; }

  /// The tensor is (count, shape...), or (1, region's size...). A block put again replaces itself.
  void put(const Block& block, const Tensor& values);
  /// An earlier process wrote this block, so it is in the file.
  void restore(const Block& block);
  /// Checksum of what stands in the file for a block: to be compared with the journal's before
  /// `restore`.
  std::uint64_t stored_checksum(const Block& block);

  bool holds(const Block& block) const;
  /// (count, shape...), or (1, size...) for a region, put together from the blocks. May share
  /// memory with a cached block, so it is not to be written to. Throws Error where a part is
  /// missing.
  Tensor get(const Block& wanted) const;
  Tensor get(std::int64_t first, std::int64_t count) const { return get({first, count, {}}); }

  /// Forgets a block, or all; their memory goes back to the budget. Space in the file stays.
  void drop(const Block& block);
  void drop();
  /// Writes what is only in memory; then every block survives this process.
  void store();

  std::int64_t cached_bytes() const;

 private:
  /// First item, then the region's offset: blocks in this order are in the order of the edge.
  using Position = std::pair<std::int64_t, std::vector<std::int64_t>>;
  struct Entry {
    Block block;
    Tensor values;  ///< undefined where it is only in the file
    Reservation reservation;
    bool stored = false;
    std::uint64_t version = 0;  ///< tells a block that was replaced while it was written
  };
  static Position position_of(const Block& block);

  const BufferPlace& place() const;
  void write(const Block& block, const Tensor& values);
  std::int64_t write_last_cached();
  std::int64_t reclaim(std::int64_t wanted);
  std::vector<std::pair<Block, Tensor>> parts_of(const Block& wanted) const;

  const std::string name_;
  const Spec spec_;
  const Keep keep_;
  const OnStored on_stored_;
  MemoryBudget& budget_;
  std::function<BufferPlace()> find_place_;
  mutable std::once_flag place_found_;
  mutable BufferPlace place_;

  mutable std::mutex mutex_;
  std::map<Position, Entry> entries_;
  std::int64_t longest_block_ = 0;
  std::uint64_t versions_ = 0;
  std::optional<MemoryBudget::Cache> cache_;  // last, because its end waits for calls into the rest
};

/// The rows of a table in a file: block after block at slots wide enough for the most rows its
/// items can have, columns apart. Any number of threads may put and get blocks.
class TableBuffer {
 public:
  /// `first_item`: number that rows have in their `item` column for the first item of the edge.
  TableBuffer(std::string name, TableSpec spec, BufferPlace place, std::int64_t first_item = 0);

  /// What a file must have for it, below `path`.
  static std::vector<ArrayLayout> arrays(const std::string& path, const TableSpec& spec);

  /// Writes the rows of a block and gives their checksum, to be journalled. Throws ShapeError for
  /// more rows than the spec allows.
  std::uint64_t put(const Block& block, const Table& rows);
  void restore(const Block& block);
  std::uint64_t stored_checksum(const Block& block) const;
  bool holds(const Block& block) const;
  /// The rows that speak of items first .. first + count - 1. Throws Error where a block is
  /// missing.
  Table get(std::int64_t first, std::int64_t count) const;
  /// Rows of all blocks.
  std::int64_t rows() const;
  /// Visits the rows of the blocks in order, a block at a time.
  void for_each_block(const std::function<void(const Table& rows)>& visit) const;
  void drop();

 private:
  struct Held {
    std::int64_t items = 0;
    std::int64_t rows = 0;
  };
  std::int64_t stored_rows(const Block& block) const;
  Table read(std::int64_t first, const Held& held) const;

  const std::string name_;
  const TableSpec spec_;
  const BufferPlace place_;
  const std::int64_t first_item_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, Held> blocks_;
};

}  // namespace pellucid
