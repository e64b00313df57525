#include "isolation/process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "base/log.h"
#include "isolation/recipe.h"
#include "isolation/server.h"
#include "plugin/stamp.h"

namespace pellucid {

Listener::~Listener() = default;

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLinesKept = 20;
constexpr std::size_t kLongestLine = 1000;
/// How often a call looks whether it is to stop.
constexpr int kLook = 20;
/// What a component has, after its timeout, to notice that it is over.
constexpr double kGrace = 0.5;
/// What a process has to end by itself when it is no longer needed.
constexpr auto kParting = std::chrono::seconds(2);
/// Where its end of the socket is.
constexpr int kSocket = 3;
/// How much of what it prints is read at a look: what a pipe holds.
constexpr int kReads = 16;

/// The program `pellucid` that belongs to this library, installed or in a build tree.
fs::path program() {
  if (const char* named = std::getenv("PELLUCID_COMMAND")) return named;
  Dl_info place{};
  if (dladdr(reinterpret_cast<const void*>(&program), &place) && place.dli_fname) {
    std::error_code none;
    const fs::path folder = fs::weakly_canonical(place.dli_fname, none).parent_path();
    for (const fs::path& up : {folder.parent_path(), folder.parent_path().parent_path()})
      if (fs::path file = up / "bin" / "pellucid"; fs::exists(file, none)) return file;
  }
  throw Error(
      "the program 'pellucid' is not found beside libpellucid.so, so nothing can be isolated; "
      "PELLUCID_COMMAND in the environment may name it");
}

/// A descriptor out of the way of those that the child is given.
int moved_up(int descriptor) {
  const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 16);
  ::close(descriptor);
  return moved;
}

[[noreturn]] void cannot_start(const std::string& why) {
  throw Error("no process can be started for an isolated node: " + why);
}

std::string ending(int status) {
  if (WIFEXITED(status))
    return "ended itself with exit code " + std::to_string(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  const char* const words = ::sigdescr_np(signal);
  std::string name = words != nullptr ? words : "unknown";
  name.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(name.front())));
  return "was ended by signal " + std::to_string(signal) + " (" + name + ")";
}

/// Whose fault that is, and what may be done, as the rest of a sentence.
std::string cause(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
    return "; the system ends processes so where memory runs out: a smaller `block:`, or fewer "
           "`workers:`, take less";
  return "; this is a fault of its plugin";
}

}  // namespace

ChildProcess::ChildProcess(const fs::path& plugin_file, Listener& listener) {
  start();
  const std::string doing = "its plugin '" + plugin_file.string() + "' was loaded";
  try {
    const Message ready = wait_for_reply({{}, nullptr, {}, "it was started"}, listener, {});
    if (ready.head.at("stamp") != std::string(host_stamp()))
      throw Error("the program '" + program().string() +
                  "' is of another build than this library; install both together");
    const Words load{{"op", "load"}, {"file", fs::absolute(plugin_file).string()}};
    plugin_ = ask({load, nullptr, {}, doing}, listener).head;
  } catch (...) {
    close();
    throw;
  }
}

ChildProcess::~ChildProcess() { close(); }

void ChildProcess::start() {
  int sockets[2], pipe[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
    cannot_start(std::strerror(errno));
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    const int failure = errno;
    ::close(sockets[0]);
    ::close(sockets[1]);
    cannot_start(std::strerror(failure));
  }
  link_ = std::make_unique<Link>(sockets[0]);
  said_ = pipe[0];
  ::fcntl(said_, F_SETFL, O_NONBLOCK);
  const int theirs = moved_up(sockets[1]);
  const int saying = moved_up(pipe[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, saying, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, saying, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&actions, theirs, kSocket);
  posix_spawn_file_actions_addclosefrom_np(&actions, kSocket + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // In a group of its own: a terminal's Ctrl-C is for this process, which tells the others.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::string command = program().string(), word = kServe, socket = std::to_string(kSocket);
  char* const words[] = {command.data(), word.data(), socket.data(), nullptr};
  const int failure =
      ::posix_spawn(&process_, command.c_str(), &actions, &attributes, words, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  ::close(theirs);
  ::close(saying);
  if (failure == 0) return;
  process_ = 0;
  ::close(said_);
  cannot_start("'" + command + "': " + std::strerror(failure));
}

Message ChildProcess::ask(const Question& question, Listener& listener, const Answer& answer) {
  if (is_over()) throw Error("its process has ended before");
  Message message{question.words, {}};
  message.head["recipes"] = Words::array();
  forget_objects(message);
  sent_.clear();
  try {
    if (question.in != nullptr)
      message.head["in"] =
          wire_of(*question.in, question.items, message.tensors,
                  [&](const Inputs::Edge& edge) { return number_of(edge, message); });
    link_->send(message);
    message.tensors.clear();
    return wait_for_reply(question, listener, answer);
  } catch (const LinkLost&) {
    report_end(question);
  } catch (const nlohmann::json::exception& error) {
    ::kill(-process_, SIGKILL);
    wait_for_end();
    throw Error("its process gave an answer that cannot be read while " + question.doing +
                last_lines());
  } catch (...) {
    for (const std::int64_t number : sent_) known_.erase(number);
    throw;
  }
}

Message ChildProcess::wait_for_reply(const Question& question, Listener& listener,
                                     const Answer& answer) {
  bool told = false;
  while (true) {
    pollfd ready[] = {{link_->socket(), POLLIN, 0}, {said_, POLLIN, 0}};
    ::poll(ready, said_ < 0 ? 1 : 2, kLook);
    read_lines();
    if (ready[0].revents != 0) {
      Message message;
      try {
        message = link_->receive();
      } catch (const LinkLost&) {
        report_end(question);
      }
      const std::string op = message.head.at("op");
      if (op == "done") return message;
      if (op == "failed") throw_from(message.head.at("error"));
      if (op == "log") {
        hear(static_cast<Context::Level>(message.head.at("level").get<int>()),
             message.head.at("sentence"), listener);
      } else if (op == "progress") {
        listener.progress(message.head.at("done"), message.head.at("total"));
      } else {
        answer_question(message.head, answer);
      }
    } else if (has_ended() && !link_->has_message()) {
      report_end(question);
    }
    if (!told && listener.cancelled()) {
      told = true;
      link_->send({{{"op", "cancel"}}, {}});
    }
    const std::optional<double> timeout = listener.timeout();
    if (timeout && listener.seconds() > *timeout + kGrace) end_late(question, *timeout);
  }
}

void ChildProcess::answer_question(const Words& asked, const Answer& answer) {
  Message message;
  try {
    if (!answer) throw Error("a component asked for what only a Procedure or a Reducer is given");
    Reply reply = answer(asked);
    message.head = {{"op", "answer"}, {"words", std::move(reply.words)}};
    message.tensors = std::move(reply.tensors);
    message.head["recipes"] = Words::array();
    if (reply.object) {
      Inputs::Edge edge;
      edge.name = "object";
      edge.object = reply.object;
      message.head["object"] = number_of(edge, message);
    }
  } catch (const std::exception& error) {
    message = {{{"op", "failed"}, {"error", wire_of(error)}}, {}};
  }
  link_->send(message);
}

// Recipes stand behind those of their own inputs.
std::int64_t ChildProcess::number_of(const Inputs::Edge& edge, Message& message) {
  const std::shared_ptr<const Recipe> recipe = recipe_of(*edge.object);
  if (!recipe)
    throw Error("input '" + edge.name +
                "' is an object that only this process has, so no other can work with it");
  const int level = recipe->prepared ? 2 : recipe->bound ? 1 : 0;
  Known& known = known_[recipe->number];
  if (known.level >= level && !known.object.expired()) return recipe->number;
  known = {level, edge.object};
  sent_.push_back(recipe->number);
  const auto number = [&](const Inputs::Edge& inner) { return number_of(inner, message); };
  Words json{{"number", recipe->number},
             {"node", recipe->node},
             {"use", recipe->use},
             {"where", wire_of(recipe->where)},
             {"file", fs::absolute(recipe->plugin_file).string()},
             {"component", recipe->component},
             {"settings", wire_of(recipe->settings)}};
  if (recipe->bound) json["bound"] = wire_of(*recipe->bound, {}, message.tensors, number);
  if (recipe->prepared) {
    json["prepared"] = wire_of(recipe->prepared->in, {}, message.tensors, number);
    json["facts"] = wire_of(recipe->prepared->facts);
  }
  message.head["recipes"].push_back(std::move(json));
  return recipe->number;
}

void ChildProcess::forget_objects(Message& message) {
  Words gone = Words::array();
  for (auto known = known_.begin(); known != known_.end();) {
    if (known->second.object.expired()) {
      gone.push_back(known->first);
      known = known_.erase(known);
    } else {
      ++known;
    }
  }
  message.head["forget"] = std::move(gone);
}

void ChildProcess::hear(Context::Level level, const std::string& sentence, Listener& listener) {
  lines_.push_back(sentence);
  if (lines_.size() > kLinesKept) lines_.pop_front();
  listener.log(level, sentence);
}

void ChildProcess::read_lines() {
  char text[4096];
  ssize_t count = 0;
  for (int reads = 0; said_ >= 0 && reads < kReads; ++reads) {
    count = ::read(said_, text, sizeof text);
    if (count <= 0) break;
    for (const char letter : std::string_view(text, static_cast<std::size_t>(count))) {
      if (letter != '\n') {
        if (line_.size() < kLongestLine) line_ += letter;
        continue;
      }
      log_debug("an isolated node says: " + line_);
      lines_.push_back(std::exchange(line_, {}));
      if (lines_.size() > kLinesKept) lines_.pop_front();
    }
  }
  if (count != 0 || said_ < 0) return;
  ::close(said_);
  said_ = -1;
}

std::string ChildProcess::last_lines() const {
  std::string text;
  for (const std::string& line : lines_) text += "\n  | " + line;
  if (!line_.empty()) text += "\n  | " + line_;
  return text.empty() ? "; it had said nothing" : "; the last that it said:" + text;
}

// It may have left the socket to a process that it has started itself.
bool ChildProcess::has_ended() const {
  siginfo_t state{};
  return ::waitid(P_PID, static_cast<id_t>(process_), &state, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         state.si_pid != 0;
}

int ChildProcess::wait_for_end() {
  int status = 0;
  const auto deadline = Clock::now() + kParting;
  while (::waitpid(process_, &status, WNOHANG) == 0) {
    if (Clock::now() > deadline) {
      outlived_ = true;
      ::kill(-process_, SIGKILL);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ::kill(-process_, SIGKILL);  // what it has started itself
  process_ = 0;
  read_lines();
  return status;
}

void ChildProcess::report_end(const Question& question) {
  const int status = wait_for_end();
  if (outlived_)
    throw Error("its process sent what is no message while " + question.doing +
                ", so it was ended; this is a fault of its plugin" + last_lines());
  throw Error("its process " + ending(status) + " while " + question.doing + cause(status) +
              question.advice + last_lines());
}

void ChildProcess::end_late(const Question& question, double timeout) {
  ::kill(-process_, SIGKILL);
  wait_for_end();
  char text[96];
  std::snprintf(text, sizeof text, "took longer than its timeout of %g s while ", timeout);
  throw Error(text + question.doing + ", and did not stop, so its process was ended" +
              last_lines());
}

void ChildProcess::close() {
  if (process_ != 0) {
    try {
      link_->send({{{"op", "end"}}, {}});
    } catch (const Error&) {  // it is gone
    }
    wait_for_end();
  }
  link_.reset();
  if (said_ >= 0) ::close(said_);
  said_ = -1;
}

}  // namespace pellucid
