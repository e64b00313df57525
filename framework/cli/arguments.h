// arguments: a command line, taken apart and checked.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <pellucid/error.h>

#include "cli/commands.h"

namespace pellucid {

/// The command line is wrong; the sentence says what to write instead.
class UsageError : public Error {
 public:
  using Error::Error;
};

class Arguments {
 public:
  /// Options may stand before and after the command. Throws UsageError.
  static Arguments parse(int argc, const char* const* argv);

  /// Null pointer where no command was given (then help or the version is asked for).
  const Command* command() const { return command_; }
  /// The command's FILE or NAME; empty where none was given.
  const std::string& operand() const { return operand_; }
  bool asks_for_help() const { return help_; }
  bool asks_for_version() const { return version_; }

  bool has(const std::string& option) const { return values_.count(option) != 0; }
  /// Value of an option; empty where it was not given.
  std::string text(const std::string& option) const;
  /// Values of an option that may be given several times, in their order.
  std::vector<std::string> texts(const std::string& option) const;

 private:
  const Command* command_ = nullptr;
  std::string operand_;
  bool help_ = false;
  bool version_ = false;
  std::map<std::string, std::vector<std::string>> values_;
};

}  // namespace pellucid
