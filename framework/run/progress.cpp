#include "run/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/log.h"

namespace pellucid {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string formatted(const char* format, auto... values) {
  char text[128];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// A bar of `width` cells, filled in eighths of a cell.
std::string bar(double fraction, int width) {
  static const char* const parts[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
  const int eighths = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * width * 8));
  std::string text;
  for (int cell = 0; cell < width; ++cell) text += parts[std::clamp(eighths - 8 * cell, 0, 8)];
  return text;
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 10) return formatted("%.1f s", seconds);
  if (seconds < 100) return formatted("%.0f s", seconds);
  if (seconds < 3600) return formatted("%d:%02d min", int(seconds / 60), int(seconds) % 60);
  return formatted("%d:%02d h", int(seconds / 3600), int(seconds / 60) % 60);
}

Progress::Progress(const Plan& plan, bool shown, Listener listener)
    : shown_(shown), terminal_(is_interactive()), listener_(std::move(listener)) {
  for (const PlannedNode& node : plan.nodes) {
    Line line;
    line.name = node.point.empty() ? node.name : node.name + " (" + node.point + ")";
    lines_.push_back(std::move(line));
  }
}

Progress::~Progress() { close(); }

void Progress::begin(const std::vector<std::size_t>& nodes, std::int64_t units) {
  const std::lock_guard lock(mutex_);
  for (const std::size_t node : nodes) {
    lines_[node].active = true;
    lines_[node].units = units;
    lines_[node].begin = Clock::now();
  }
  show(false);
}

void Progress::advance(std::size_t node, std::int64_t items) {
  const std::lock_guard lock(mutex_);
  Line& line = lines_[node];
  ++line.done;
  line.items += items;
  line.call_done = line.call_total = 0;
  show(false);
}

void Progress::within(std::size_t node, std::int64_t done, std::int64_t total) {
  const std::lock_guard lock(mutex_);
  lines_[node].call_done = done;
  lines_[node].call_total = total;
  show(false);
}

void Progress::end(const std::vector<std::size_t>& nodes) {
  const std::lock_guard lock(mutex_);
  for (const std::size_t node : nodes) {
    Line& line = lines_[node];
    if (!line.active) continue;
    if (shown_ && line.done > 0) log_info(plain_text(line));
    line.active = false;
    line.finished = true;
  }
  show(true);
}

void Progress::close() {
  const std::lock_guard lock(mutex_);
  if (shown_ && terminal_) show_status("");
}

std::string Progress::plain_text(const Line& line) const {
  const double spent = seconds_since(line.begin);
  const double left =
      line.done > 0 ? spent / static_cast<double>(line.done) * double(line.units - line.done) : 0;
  std::string text =
      formatted("%-20s %lld of %lld blocks, %.3g items/s", line.name.c_str(),
                static_cast<long long>(line.done), static_cast<long long>(line.units),
                static_cast<double>(line.items) / std::max(spent, 1e-9));
  if (line.done < line.units) text += ", " + duration_text(left) + " left";
  else text += ", took " + duration_text(spent);
  return text;
}

std::string Progress::terminal_text() const {
  std::string text;
  for (const Line& line : lines_) {
    if (!line.active) continue;
    const double spent = seconds_since(line.begin);
    double done = static_cast<double>(line.done);
    if (line.call_total > 0)
      done += static_cast<double>(line.call_done) / static_cast<double>(line.call_total);
    const double fraction = line.units > 0 ? done / static_cast<double>(line.units) : 0;
    if (!text.empty()) text += "\n";
    text += formatted("%-20.20s ", line.name.c_str()) + "│" + bar(fraction, 24) + "│" +
            formatted(" %3.0f %%", 100 * fraction);
    if (line.items > 0) text += formatted("  %.3g items/s", double(line.items) / spent);
    if (fraction > 0 && fraction < 1)
      text += "  " + duration_text(spent * (1 - fraction) / fraction) + " left";
    if (line.call_total > 0)
      text += formatted("  (%lld of %lld)", static_cast<long long>(line.call_done),
                        static_cast<long long>(line.call_total));
  }
  return text;
}

void Progress::show(bool force) {
  const double interval = terminal_ || listener_ ? 0.1 : 10;
  if (!force && seconds_since(shown_at_) < interval) return;
  shown_at_ = Clock::now();
  if (listener_)
    for (const Line& line : lines_)
      if (line.active || line.finished) listener_(line.name, line.done, line.units);
  if (!shown_) return;
  if (terminal_) {
    show_status(terminal_text());
  } else if (!force) {
    for (const Line& line : lines_)
      if (line.active && line.done > 0 && line.done < line.units) log_info(plain_text(line));
  }
}

}  // namespace pellucid
