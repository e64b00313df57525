#include "conformance/watched.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

#include "conformance/report.h"

namespace pellucid::conformance {
namespace {

using Clock = std::chrono::steady_clock;

/// A process whose standard output is read line by line.
class Child {
 public:
  Child(const std::filesystem::path& program, std::vector<std::string> words) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw Error("no pipe can be made");
    words.insert(words.begin(), program.string());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    const int failed =
        posix_spawn(&process_, program.c_str(), &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    if (failed != 0) {
      process_ = 0;
      throw Error("'" + program.string() + "' cannot be started: " + ::strerror(failed));
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::close(output_);
    end();
  }

  enum class Said { line, nothing, end };
  /// The next line, if it is said before the deadline.
  Said next(std::string& line, Clock::time_point deadline) {
    for (;;) {
      if (const auto end = text_.find('\n'); end != std::string::npos) {
        line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return Said::line;
      }
      pollfd waiting{output_, POLLIN, 0};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      if (left.count() <= 0) return Said::nothing;
      const int ready = ::poll(
          &waiting, 1,
          static_cast<int>(std::min<std::int64_t>(left.count(), std::numeric_limits<int>::max())));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return Said::nothing;
      char bytes[4096];
      const ssize_t count = ::read(output_, bytes, sizeof bytes);
      if (count <= 0) return Said::end;
      text_.append(bytes, static_cast<std::size_t>(count));
    }
  }

  /// Kills it where it still runs, and says how it ended.
  std::string end() {
    if (process_ == 0) return {};
    ::kill(process_, SIGKILL);
    return wait();
  }
  std::string wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
    if (WIFSIGNALED(status)) {
      const int signal = WTERMSIG(status);
      return "the process was ended by signal " + std::to_string(signal) + " (" +
             ::strsignal(signal) + ")";
    }
    return "the process ended with exit code " + std::to_string(WEXITSTATUS(status));
  }

 private:
  pid_t process_ = 0;
  int output_ = -1;
  std::string text_;
};

}  // namespace

std::vector<Finding> test_watched(const std::filesystem::path& program,
                                  const std::vector<std::string>& arguments,
                                  const std::string& component,
                                  const std::vector<std::string>& checks, double seconds) {
  std::vector<std::string> left = checks;
  std::vector<Finding> findings;
  const auto done = [&](const Finding& finding) {
    findings.push_back(finding);
    std::erase(left, finding.check);
  };
  while (!left.empty()) {
    std::vector<std::string> words = arguments;
    words.insert(words.end(), {"--component", component, "--json"});
    for (const std::string& check : left) words.insert(words.end(), {"--check", check});
    Child child(program, words);
    std::string running = kCases, text;
    Child::Said said;
    const auto allowed =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    auto deadline = Clock::now() + allowed;
    while ((said = child.next(text, deadline)) == Child::Said::line) {
      const Line line = read_line(text);
      // What a plugin prints is no sign that its check goes on.
      if (!line.starting.empty() || line.finding) deadline = Clock::now() + allowed;
      if (!line.starting.empty()) running = line.starting;
      if (line.finding) done(*line.finding);
    }
    const std::string how = said == Child::Said::nothing ? child.end() : child.wait();
    if (left.empty() || (!findings.empty() && findings.back().check == kCases &&
                         findings.back().verdict.state == Verdict::State::not_applicable))
      break;
    const std::string why = said == Child::Said::nothing
                                ? "it did not end within " + std::to_string(int(seconds)) + " s"
                                : how;
    // Without a case there is nothing to go on with.
    std::vector<std::string> lost{running};
    if (running == kCases || std::find(left.begin(), left.end(), running) == left.end())
      lost = left;
    for (std::size_t i = 0; i < lost.size(); ++i)
      done({component, lost[i], i == 0 ? failed(why) : not_applicable("not run: " + why), 0});
  }
  return findings;
}

}  // namespace pellucid::conformance
