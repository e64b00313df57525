// Journal: what a run has stored, one line an entry, each line with its own checksum.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "buffers/checksum.h"

namespace pellucid {

/// The append-only record of the blocks that stand in files. Any number of threads may call it.
///
///   node  port  block 17 holds what its key identifies, and has this checksum
///   node  port  block 17 was dropped
///   all entries before this byte were on the disk
///
/// A line torn by a crash, and all behind it, is cut off on opening.
class Journal {
 public:
  struct Entry {
    Key key;
    std::uint64_t checksum = 0;
    /// Before the last mark: surely on the disk. Otherwise it counts only if the block, read again,
    /// has this checksum.
    bool durable = false;
  };
  struct Place {
    std::string node;
    std::string port;
    std::int64_t block = 0;
    bool operator==(const Place&) const = default;
  };
  struct Note {
    std::string topic;
    std::string text;
    bool operator==(const Note&) const = default;
  };

  /// Opens or makes the file. Throws Error for one that is no journal.
  explicit Journal(const std::filesystem::path& path);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  /// The block is in its file, complete as far as this process can tell.
  void stored(const std::string& node, const std::string& port, std::int64_t block, const Key& key,
              std::uint64_t checksum);
  /// The block is no longer wanted in its file.
  void dropped(const std::string& node, const std::string& port, std::int64_t block);
  /// Anything else that a resumed run must know, e.g. ("skipped", "restore 17 ...").
  void note(const std::string& topic, const std::string& text);

  /// Where the journal ends now. Take it, sync the data files, then `mark` it.
  std::int64_t position() const;
  /// Appends that all entries before `position` are on the disk, and syncs the journal.
  void mark(std::int64_t position);

  /// The newest entry of a block; empty where it was never stored or is dropped.
  std::optional<Entry> find(const std::string& node, const std::string& port,
                            std::int64_t block) const;
  /// How many blocks of a port stand.
  std::int64_t count(const std::string& node, const std::string& port) const;
  /// All blocks behind the last mark, to be verified after a crash.
  std::vector<Place> unmarked() const;
  std::vector<Note> notes(const std::string& topic) const;
  /// Bytes that were cut off on opening; 0 after an orderly end.
  std::int64_t lost_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pellucid
