// Sinks: the files that nodes of a run write, each as far as it has come.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "run/pass.h"

namespace pellucid {

class Workspace;

class Sinks {
 public:
  /// Opens every sink of the plan where an earlier process left it: behind the last block that is
  /// in its parts, by the journal's last mark or, for later blocks, by their checksums. A sink that
  /// cannot go on there begins again; one whose files have their names stays closed.
  Sinks(const RunEnvironment& environment, const std::vector<StreamShape>& shapes,
        Workspace& workspace, bool overwrite);
  Sinks(const Sinks&) = delete;
  Sinks& operator=(const Sinks&) = delete;
  ~Sinks();

  /// Units that a sink has, always the first ones of its stream.
  std::size_t written(std::size_t node) const;
  /// Writes one unit and journals it.
  void write(const SinkCall& call, std::size_t unit);
  /// Writes those sinks that wait for everything else.
  void write_at_end(const Store& store);
  /// What was written is on disk when this returns.
  void sync();
  /// Gives all files their final names.
  void close(const std::string& provenance);
  std::vector<std::filesystem::path> files() const;

 private:
  struct Open {
    std::unique_ptr<Sink> sink;  // null: an earlier process gave its files their names
    std::size_t written = 0;
    std::vector<std::filesystem::path> files;  // of a closed one
  };

  bool was_closed(std::size_t node, const StreamShape& shape, Open& open) const;
  void resume(std::size_t node, const StreamShape& shape, Open& open);
  void start_where_it_can(std::size_t node, const StreamShape& shape, std::size_t first_unit,
                          std::size_t marked, Open& open);
  void forget(std::size_t node, std::size_t first_unit, std::size_t end);
  bool finishing() const { return !journal_.notes("finishing").empty(); }
  void start(std::size_t node, const StreamShape& shape, std::size_t first_unit, Open& open);
  bool has(const Open& open, const PlannedNode& node, const StreamShape& shape, std::size_t unit,
           std::uint64_t checksum) const;

  const RunEnvironment& environment_;
  const Plan& plan_;
  Workspace& workspace_;
  Journal& journal_;
  bool overwrite_;
  std::map<std::size_t, Open> sinks_;
};

}  // namespace pellucid
