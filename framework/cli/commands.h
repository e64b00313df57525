// commands: what the command line offers, as plain data from which it is parsed and `--help`
// printed.
#pragma once

#include <string>
#include <vector>

namespace pellucid {

/// An option of one or several commands; the same name means the same everywhere.
struct Option {
  const char* name;   ///< "items", without the dashes
  const char* value;  ///< "A:B", for the help; empty for a flag
  const char* summary;
  bool repeated = false;  ///< may be given several times
};

struct Command {
  enum class Operand { none, optional, required };

  const char* name;
  const char* operand_name;  ///< "FILE"; empty where there is none
  Operand operand;
  bool reads_pipeline;      ///< the operand is a pipeline file
  const char* summary;      ///< a few words, for the list of commands
  const char* description;  ///< paragraphs, for its own help
  std::vector<Option> options;
  std::vector<const char*> examples;
};

/// All commands, in the order of the help.
const std::vector<Command>& commands();

/// The command of this name, or null pointer.
const Command* find_command(const std::string& name);

/// "there is no command 'chek'; did you mean 'check'?".
std::string unknown_command(const std::string& name);

/// Every option that any command has, once.
std::vector<Option> all_options();

/// What `pellucid --help` and `pellucid COMMAND --help` print.
std::string general_help();
std::string help_of(const Command& command);

}  // namespace pellucid
