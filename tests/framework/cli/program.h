// The program `pellucid` as a user starts it, in a folder of its own.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder.h"

namespace pellucid::testing {

namespace fs = std::filesystem;

/// How the program ended and what it said.
struct Answer {
  int code = -1;  ///< exit code; -1 where a signal ended it
  int signal = 0;
  std::string out;
  std::string err;
};

inline std::string text_of_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// A process of the program, started in `folder`; what it says goes to files there.
class Process {
 public:
  Process(const fs::path& folder, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment = {})
      : out_(folder / "said.out"), err_(folder / "said.err") {
    const char* const command = std::getenv("PELLUCID_COMMAND");
    if (command == nullptr) throw std::runtime_error("PELLUCID_COMMAND is not set");
    std::vector<std::string> words{command};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> variables = environment;
    for (char** variable = environ; *variable != nullptr; ++variable)
      variables.emplace_back(*variable);

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int create = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 1, out_.c_str(), create, 0644);
    posix_spawn_file_actions_addopen(&actions, 2, err_.c_str(), create, 0644);
    posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
    const int failed = posix_spawn(&process_, command, &actions, nullptr, pointers(words).data(),
                                   pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error(std::string("cannot start ") + command);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (process_ == 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  void send(int signal) const { ::kill(process_, signal); }

  bool is_over() {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == process_;
  }

  Answer wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
    Answer answer;
    if (WIFEXITED(status)) answer.code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) answer.signal = WTERMSIG(status);
    answer.out = text_of_file(out_);
    answer.err = text_of_file(err_);
    return answer;
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return pointers;
  }

  fs::path out_;
  fs::path err_;
  pid_t process_ = 0;
};

class ProgramTest : public ::testing::Test {
 protected:
  const fs::path& folder() const { return folder_.path(); }
  fs::path in_folder(const std::string& name) const { return folder_ / name; }

  Answer pellucid(const std::vector<std::string>& arguments,
                  const std::vector<std::string>& environment = {}) const {
    return Process(folder(), arguments, environment).wait();
  }

  /// Writes a pipeline of these nodes into the folder.
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(in_folder(name)) << text;
  }

  /// The same with the components that tests have in the search path.
  Answer with_trial(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--plugin-path", PELLUCID_TRIAL_PLUGINS});
    return pellucid(arguments);
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace pellucid::testing
