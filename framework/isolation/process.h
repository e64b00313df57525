// ChildProcess: a fresh process of this program that has one plugin loaded and computes for one
// node. Whatever ends it ends a call with an Error, and nothing else.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "isolation/call_site.h"
#include "isolation/link.h"

namespace pellucid {

/// What a call hears and answers while the other process computes.
class Listener {
 public:
  virtual ~Listener();
  virtual void log(Context::Level level, const std::string& sentence) = 0;
  virtual void progress(std::int64_t done, std::int64_t total) = 0;
  /// The call is to stop.
  virtual bool cancelled() = 0;
  /// Seconds since it began, and how long it may take.
  virtual void begin_again() = 0;
  virtual double seconds() = 0;
  virtual std::optional<double> timeout() = 0;
};

/// A question to a child: words, and what a component is given.
struct Question {
  Words words;
  const Inputs* in = nullptr;
  std::vector<std::int64_t> items = {};  ///< of each row; empty: they follow each other
  std::string doing;                     ///< "computing items 4 to 7", for errors
  std::string advice = {};               ///< where that ends the process
};

class ChildProcess {
 public:
  /// Answers what a component asks for while it computes (items of a Procedure, states of a
  /// Reducer): words, what it is given, tensors.
  struct Reply {
    Words words;
    std::vector<Tensor> tensors = {};
    std::shared_ptr<const Component> object = {};
  };
  using Answer = std::function<Reply(const Words& question)>;

  /// Starts a process that loads the plugin. Throws PluginError where it cannot.
  ChildProcess(const std::filesystem::path& plugin_file, Listener& listener);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  /// What it answers; what it throws is thrown here. Throws Error where the process ends, or has to
  /// be ended because it does not keep to its timeout: after that `is_over`.
  Message ask(const Question& question, Listener& listener, const Answer& answer = {});
  bool is_over() const { return process_ == 0; }
  /// As described by the plugin itself.
  const Words& plugin() const { return plugin_; }

 private:
  struct Known {
    int level = 0;
    std::weak_ptr<const Component> object;
  };

  void start();
  Message wait_for_reply(const Question& question, Listener& listener, const Answer& answer);
  void answer_question(const Words& asked, const Answer& answer);
  std::int64_t number_of(const Inputs::Edge& edge, Message& message);
  void forget_objects(Message& message);
  void hear(Context::Level level, const std::string& sentence, Listener& listener);
  void read_lines();
  [[noreturn]] void report_end(const Question& question);
  [[noreturn]] void end_late(const Question& question, double timeout);
  bool has_ended() const;
  int wait_for_end();
  void close();
  std::string last_lines() const;

  std::unique_ptr<Link> link_;
  pid_t process_ = 0;
  bool outlived_ = false;  // it had to be killed after the link was lost
  int said_ = -1;          // what it writes to standard output and error
  std::string line_;
  std::deque<std::string> lines_;
  Words plugin_;
  std::map<std::int64_t, Known> known_;
  std::vector<std::int64_t> sent_;  // with the question in flight
};

}  // namespace pellucid
