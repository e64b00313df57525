// Processes: those that compute for one isolated node, one for each call at a time.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "isolation/process.h"

namespace pellucid {

/// A process that has the plugin loaded. Throws Error where it ends, or takes too long.
std::unique_ptr<ChildProcess> process_with(const std::filesystem::path& plugin_file);

/// The process that described a plugin, for the first node that needs one.
class Spare {
 public:
  explicit Spare(std::unique_ptr<ChildProcess> process) : process_(std::move(process)) {}
  std::unique_ptr<ChildProcess> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(process_, nullptr);
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<ChildProcess> process_;
};

/// The component that processes make.
struct Origin {
  std::filesystem::path plugin_file;
  std::string plugin_checksum;
  std::string component;
  std::shared_ptr<Spare> spare;
};

class Processes {
 public:
  /// `origin` outlives it.
  Processes(const Origin& origin, Value settings);

  /// The first process, in which the settings are tried.
  void begin(Problems& problems);
  /// What it said of itself when it was made.
  const Words& made() const { return made_; }
  void allow(std::optional<double> timeout) { timeout_ = timeout; }

  Message ask(const Question& question);
  Message ask(Question question, Context& context, const ChildProcess::Answer& answer = {});
  /// Every process that computes has been prepared so.
  void prepare(const Inputs& in, Context& context);
  /// None is needed for now.
  void rest();
  /// What it has begun no other process can go on with: a sink's files are open.
  void stay() { stays_ = true; }

 private:
  struct Entry {
    std::unique_ptr<ChildProcess> process = {};
    bool prepared = false;
  };

  Entry started(Listener& listener) const;
  Words make(ChildProcess& process, Listener& listener) const;
  Message ask(const Question& question, Listener& listener, const ChildProcess::Answer& answer);
  Entry take(Listener& listener);
  void give_back(Entry entry);

  const Origin& origin_;
  Value settings_;
  Words made_;
  std::optional<double> timeout_;
  std::optional<std::pair<Inputs, Words>> prepared_;
  std::atomic<bool> stays_{false};
  std::mutex mutex_;
  std::vector<Entry> idle_;
};

}  // namespace pellucid
