// log: messages to standard error and to a file, by spdlog.
#include "base/log.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <unistd.h>

#include <pellucid/error.h>

namespace pellucid {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// Standard error, with status lines that are wiped before each message and drawn again after it.
class ScreenSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void show(const std::string& lines) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (lines == status_) return;
    wipe();
    status_ = lines;
    draw();
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    wipe();
    if (message.level == spdlog::level::warn) std::fputs("warning: ", stderr);
    if (message.level == spdlog::level::err) std::fputs("error: ", stderr);
    std::fwrite(message.payload.data(), 1, message.payload.size(), stderr);
    std::fputc('\n', stderr);
    draw();
  }

  void flush_() override { std::fflush(stderr); }

  void wipe() {
    if (status_.empty()) return;
    std::fputs("\r\033[K", stderr);
    const auto breaks = std::count(status_.begin(), status_.end(), '\n');
    for (auto line = breaks; line > 0; --line) std::fputs("\033[A\033[K", stderr);
  }

  void draw() {
    std::fputs(status_.c_str(), stderr);
    std::fflush(stderr);
  }

  std::string status_;
};

struct Sinks {
  std::shared_ptr<ScreenSink> screen = std::make_shared<ScreenSink>();
  std::shared_ptr<spdlog::sinks::sink> file;
  std::mutex choice;  // guards `file`
};

/// Never destroyed: threads may still speak while the process ends.
Sinks& sinks() {
  static Sinks* const all = [] {
    auto* const made = new Sinks;
    made->screen->set_level(spdlog::level::warn);
    return made;
  }();
  return *all;
}

}  // namespace

void start_logging(const LogSettings& settings) {
  std::shared_ptr<spdlog::sinks::sink> file;
  if (!settings.file.empty()) {
    try {
      file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file.string());
      file->set_pattern("%Y-%m-%d %H:%M:%S.%e [%t] %l: %v");
    } catch (const spdlog::spdlog_ex& failure) {
      throw Error("the log '" + settings.file.string() + "' cannot be written: " + failure.what());
    }
  }
  sinks().screen->set_level(spdlog_level(settings.shown));
  const std::lock_guard<std::mutex> lock(sinks().choice);
  sinks().file = std::move(file);
}

void log_message(LogLevel level, const std::string& sentence) {
  const spdlog::details::log_msg message("pellucid", spdlog_level(level),
                                         spdlog::string_view_t(sentence));
  if (is_shown(level)) sinks().screen->log(message);
  std::shared_ptr<spdlog::sinks::sink> file;
  {
    const std::lock_guard<std::mutex> lock(sinks().choice);
    file = sinks().file;
  }
  if (!file) return;
  file->log(message);
  file->flush();
}

bool is_shown(LogLevel level) { return sinks().screen->should_log(spdlog_level(level)); }

bool is_interactive() {
  static const bool terminal = isatty(STDERR_FILENO) != 0;
  return terminal;
}

void show_status(const std::string& lines) {
  if (is_interactive() && is_shown(LogLevel::info)) sinks().screen->show(lines);
}

}  // namespace pellucid
