// terminal: emphasis for those who watch. Plain text where standard output is no terminal or
// NO_COLOR is set.
#pragma once

#include <string>

namespace pellucid {

std::string bold(const std::string& text);
std::string red(const std::string& text);

}  // namespace pellucid
