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
  /// in its parts, by the journal's last mark or, for later blocks, by their checksums.
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
    std::unique_ptr<Sink> sink;
    std::size_t written = 0;
  };

  void resume(std::size_t node, const StreamShape& shape, Open& open);
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
