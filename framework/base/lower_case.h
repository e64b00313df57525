// lower_case: names without regard to capitals.
#pragma once

#include <string>

namespace pellucid {

/// The text with the letters A to Z in lower case; other bytes, those of UTF-8 included, stay.
inline std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace pellucid
