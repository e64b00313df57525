#include "cli/terminal.h"

#include <unistd.h>

#include <cstdlib>

namespace pellucid {
namespace {

std::string emphasised(const char* code, const std::string& text) {
  static const bool plain = std::getenv("NO_COLOR") != nullptr || isatty(STDOUT_FILENO) == 0;
  return plain ? text : std::string("\033[") + code + "m" + text + "\033[0m";
}

}  // namespace

std::string bold(const std::string& text) { return emphasised("1", text); }
std::string red(const std::string& text) { return emphasised("31", text); }

}  // namespace pellucid
