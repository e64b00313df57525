// Store: where a run keeps what outlives a block: results, buffers between streams, states of
// reducers. It knows which blocks it holds, also after a restart.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "buffers/buffer.h"
#include "buffers/contiguous_file.h"
#include "buffers/journal.h"
#include "plan/plan.h"
#include "run/failures.h"

namespace pellucid {

class MemoryBudget;
class StreamShape;
class Workspace;

/// What a port gave for one block, with the checksum under which it is journalled and the rows that
/// failed (`on_item_error: skip`; empty: none).
struct Produced {
  std::variant<Tensor, Table> value;
  std::uint64_t checksum = 0;
  std::vector<char> failed;
};

/// What a node is called in the journal and in checksums: "restore", in a sweep "restore@LABEL"
/// where it belongs to one point.
std::string journal_name(const PlannedNode& node);

class Store {
 public:
  /// Lays out result files and buffers (or finds those of an earlier process and checks, by journal
  /// and checksum, which of their blocks count). `shapes` are those of the plan's streams.
  Store(const Plan& plan, const std::vector<StreamShape>& shapes, Workspace& workspace,
        MemoryBudget& budget);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  /// Some file or memory of the run is to hold this port.
  bool keeps(std::size_t node, const std::string& port) const;
  /// Every unit of it goes to a file and so to the journal; buffers may stay in memory alone.
  bool in_file(std::size_t node, const std::string& port) const;
  /// Units (blocks, or tiles of items) that a port's items come in.
  std::size_t units(std::size_t node, const std::string& port) const;
  bool holds(std::size_t node, const std::string& port, std::size_t unit) const;
  /// Keeps one unit: writes it, then journals it where it went to a file.
  void put(std::size_t node, const std::string& port, std::size_t unit, const Produced& produced);

  /// Items first .. first + count - 1, counted from the first item of the run, or a region of one.
  Tensor tensor(std::size_t node, const std::string& port, const Block& block) const;
  Tensor tensor(std::size_t node, const std::string& port, std::int64_t first,
                std::int64_t count) const {
    return tensor(node, port, Block{first, count, std::nullopt});
  }
  Table table(std::size_t node, const std::string& port, std::int64_t first,
              std::int64_t count) const;
  /// Rows of these items that failed; empty where none did.
  std::vector<char> failed(std::size_t node, const std::string& port, std::int64_t first,
                           std::int64_t count) const {
    return failures_.among(node, port, first, count);
  }
  /// Marks rows of a block as failed, also of a port that is not kept (it goes to a sink).
  void mark_failed(std::size_t node, const std::string& port, const Block& block,
                   const std::vector<char>& failed) {
    failures_.mark(node, port, block, failed);
  }
  /// A buffer that nobody will read again gives its memory back.
  void drop(std::size_t node, const std::string& port);

  /// States of reducers are kept under "state:PORT", one row a block.
  static std::string state_port(const std::string& port) { return "state:" + port; }

  void sync();
  /// Gives the results their final names, tables with exactly the rows they have.
  void finish(const std::string& provenance, bool overwrite);
  std::vector<std::filesystem::path> result_files() const;

 private:
  struct Slot;
  struct Point;
  using Place = std::pair<std::size_t, std::string>;

  Slot* find(std::size_t node, const std::string& port) const;
  Slot& slot(std::size_t node, const std::string& port) const;
  Slot& add_slot(std::size_t node, const std::string& port, std::size_t units);
  void add_slots();
  void lay_out_points();
  void open_results();
  void lay_out_buffers();
  void make_buffers(MemoryBudget& budget);
  void make_results(Slot& slot, MemoryBudget& budget);
  OnStored journalling(const Slot& slot);
  void restore_blocks();
  bool is_new(const Slot& slot);
  bool stands(Slot& slot, const Block& block, const Journal::Entry& entry);
  std::shared_ptr<const ContiguousFile> buffers_file();
  Block block_of(const Slot& slot, std::size_t unit) const;
  std::size_t unit_of(const Slot& slot, const Block& block) const;
  std::int64_t write_result_table(const Point& point, std::size_t number) const;
  void write_valid(const Point& point) const;

  const Plan& plan_;
  const std::vector<StreamShape>& shapes_;
  Workspace& workspace_;
  Journal& journal_;
  std::map<Place, std::unique_ptr<Slot>> slots_;
  std::vector<Point> points_;
  std::vector<ArrayLayout> buffer_arrays_;
  std::mutex buffers_mutex_;
  std::shared_ptr<const ContiguousFile> buffers_;
  bool buffers_are_new_ = false;
  Failures failures_;
  bool skips_ = false;
};

}  // namespace pellucid
