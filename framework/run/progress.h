// Progress: how far each node is, as bars with rate and time left on a terminal and as plain lines
// elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace pellucid {

class Progress {
 public:
  /// Called about ten times a second with (node name, done, total) of every node that moved.
  using Listener = std::function<void(const std::string&, std::int64_t, std::int64_t)>;

  Progress(const Plan& plan, bool shown, Listener listener = {});
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// A stream begins; its nodes have this many units to do.
  void begin(const std::vector<std::size_t>& nodes, std::int64_t units);
  /// A unit of a node is done.
  void advance(std::size_t node, std::int64_t items);
  /// How far the current call of a node is (iterations), shown behind its bar.
  void within(std::size_t node, std::int64_t done, std::int64_t total);
  void end(const std::vector<std::size_t>& nodes);
  /// Takes the display off the terminal.
  void close();

 private:
  struct Line {
    std::string name;
    bool active = false;
    bool finished = false;
    std::int64_t units = 0;
    std::int64_t done = 0;
    std::int64_t items = 0;
    std::int64_t call_done = 0;
    std::int64_t call_total = 0;
    std::chrono::steady_clock::time_point begin;
  };
  void show(bool force);
  std::string terminal_text() const;
  std::string plain_text(const Line& line) const;

  std::mutex mutex_;
  std::vector<Line> lines_;
  bool shown_;
  bool terminal_;
  Listener listener_;
  std::chrono::steady_clock::time_point shown_at_{};
};

/// "1:05 h", "12 min", "8.1 s": for people.
std::string duration_text(double seconds);

}  // namespace pellucid
