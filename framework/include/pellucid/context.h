// Context: what a run lends a node while it computes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include <pellucid/ports.h>
#include <pellucid/random.h>

namespace pellucid {

/// Thrown where a node notices that the run is to stop. Not an Error: nothing is wrong.
class PELLUCID_EXPORT Cancelled : public std::exception {
 public:
  Cancelled();
  Cancelled(const Cancelled&);
  ~Cancelled() override;
  const char* what() const noexcept override;
};

class PELLUCID_EXPORT Context {
 public:
  enum class Level { debug, info, warning };

  virtual ~Context();

  /// Where tensors live and computation happens.
  virtual at::Device device() const = 0;
  /// Threads this call may use (T of the plan); libtorch is already told.
  virtual int threads() const = 0;
  /// Somebody uses this output; a component may skip one that nobody wants.
  virtual bool wanted(const Port& out) const = 0;
  /// The run is to stop (signal, time limit, an error elsewhere).
  virtual bool cancelled() const = 0;
  virtual void log(Level level, const std::string& sentence) = 0;
  /// How far this call is, e.g. iterations: `done` of `total` (0: unknown).
  virtual void progress(std::int64_t done, std::int64_t total) = 0;
  /// A folder of this node alone that survives a restart (a Procedure's checkpoints).
  virtual std::filesystem::path scratch() = 0;
  /// Draws of this node for one purpose, e.g. "noise"; the same for every way to cut the data into
  /// blocks, tiles, threads and shards.
  virtual Random random(const std::string& purpose) const = 0;

  /// Throws Cancelled where the run is to stop; call it in every long loop.
  void stop_if_cancelled() const;
};

}  // namespace pellucid
