// Interrupt: SIGINT and SIGTERM as a wish to stop.
#pragma once

#include <atomic>

namespace pellucid {

/// While one lives, the first signal raises the flag and says so; the second ends the process at
/// once, as if nobody had caught it. One at a time.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  const std::atomic<bool>* flag() const;
};

}  // namespace pellucid
