#include "cli/arguments.h"

#include <algorithm>
#include <utility>

#include <boost/program_options.hpp>

namespace pellucid {
namespace {

namespace po = boost::program_options;

po::options_description described(const std::vector<Option>& options) {
  po::options_description all;
  auto add = all.add_options();
  add("help,h", "");
  add("version", "");
  for (const Option& option : options) {
    if (*option.value == '\0') add(option.name, option.summary);
    else add(option.name, po::value<std::vector<std::string>>(), option.summary);
  }
  return all;
}

// "'check' has no option '--overwite'; did you mean ...".
std::string no_such_option(const Command* command, const std::string& option,
                           const std::vector<Option>& options) {
  std::vector<std::string> names{"--help"};
  for (const Option& known : options) names.push_back(std::string("--") + known.name);
  const std::string nearest = nearest_name(option, names);
  const std::string subject =
      command != nullptr ? "'pellucid " + std::string(command->name) + "'" : "pellucid";
  const std::string help = command != nullptr ? "`pellucid help " + std::string(command->name) + "`"
                                              : "`pellucid --help`";
  return subject + " has no option '" + option + "'; " +
         (nearest.empty() ? help + " lists them" : "did you mean '" + nearest + "'?");
}

// Splits the words into options and the rest; which command is meant is not known yet.
po::parsed_options split(const std::vector<std::string>& words) {
  const std::vector<Option> options = all_options();
  const po::options_description all = described(options);
  // A word that begins a command's options is never taken for a shortened one.
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  try {
    return po::command_line_parser(words).options(all).style(style).allow_unregistered().run();
  } catch (const po::invalid_command_line_syntax& error) {
    const std::string name = error.get_option_name();
    if (error.kind() == po::invalid_syntax::extra_parameter)
      throw UsageError("the option '" + name + "' takes no value");
    for (const Option& option : options)
      if (name == std::string("--") + option.name)
        throw UsageError("the option '" + name + "' needs a value: " + name + " " + option.value);
    throw UsageError("the option '" + name + "' needs a value");
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
}

}  // namespace

Arguments Arguments::parse(int argc, const char* const* argv) {
  Arguments arguments;
  std::vector<std::string> operands;
  std::vector<std::string> unknown;
  std::vector<std::pair<std::string, std::string>> given;
  const po::parsed_options parsed = split({argv + 1, argv + argc});
  for (const po::option& option : parsed.options) {
    if (option.unregistered) unknown.push_back(option.original_tokens.front());
    else if (option.string_key.empty()) operands.push_back(option.value.front());
    else if (option.string_key == "help") arguments.help_ = true;
    else if (option.string_key == "version") arguments.version_ = true;
    else given.emplace_back(option.string_key, option.value.empty() ? "" : option.value.front());
  }

  if (!operands.empty()) {
    arguments.command_ = find_command(operands.front());
    if (arguments.command_ == nullptr) throw UsageError(unknown_command(operands.front()));
    operands.erase(operands.begin());
  }
  const Command* command = arguments.command_;
  const std::vector<Option> options = command != nullptr ? command->options : all_options();
  for (const std::string& word : unknown) {
    const std::string name = word.substr(0, word.find('='));
    throw UsageError(no_such_option(command, name, options));
  }
  if (command == nullptr) {
    if (arguments.help_ || arguments.version_) return arguments;
    throw UsageError(
        "a command is missing, as in: pellucid run FILE; `pellucid --help` lists them");
  }

  for (auto& [name, value] : given) {
    const auto known = std::find_if(options.begin(), options.end(),
                                    [&name = name](const Option& o) { return name == o.name; });
    if (known == options.end()) throw UsageError(no_such_option(command, "--" + name, options));
    auto& values = arguments.values_[name];
    if (!values.empty() && !known->repeated)
      throw UsageError("the option '--" + name + "' stands there twice");
    values.push_back(std::move(value));
  }
  if (arguments.help_) return arguments;

  const std::size_t most = command->operand == Command::Operand::none ? 0 : 1;
  if (operands.size() > most)
    throw UsageError("'pellucid " + std::string(command->name) + "' does not expect '" +
                     operands[most] + "'" +
                     (most == 1 ? std::string(" after its ") + command->operand_name : ""));
  if (operands.empty() && command->operand == Command::Operand::required)
    throw UsageError(std::string("a ") + command->operand_name +
                     " is missing, as in: " + command->examples.front());
  if (!operands.empty()) arguments.operand_ = operands.front();
  return arguments;
}

std::string Arguments::text(const std::string& option) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::string() : found->second.front();
}

std::vector<std::string> Arguments::texts(const std::string& option) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

}  // namespace pellucid
