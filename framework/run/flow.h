// flow: blocks on their way through a stream: one thread reads ahead, workers compute, and the
// calling thread takes what they finish, in order.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "run/pass.h"

namespace pellucid {

struct Flow {
  std::vector<std::size_t> units;  ///< in this order
  int workers = 1;
  int threads = 1;  ///< of each worker
  /// Reads what a unit needs; on the reading thread.
  std::function<std::unique_ptr<Pass>(std::size_t unit)> read;
  /// On a worker.
  std::function<void(Pass&)> compute;
  /// On the calling thread, in the order of the units.
  std::function<void(Pass&)> write;
  /// Another thread wishes no further units to begin; may be null.
  const std::atomic<bool>* interrupt = nullptr;
  /// Raised here when something throws, so that what others compute can be cancelled.
  std::atomic<bool>* abort = nullptr;
};

/// One unit is read ahead and one waits to be written, at most, beside those being computed. False
/// where it was interrupted. The first exception of any thread is thrown once all have stopped; what
/// was complete by then, in order, has been written.
bool run_flow(const Flow& flow);

}  // namespace pellucid
