// wrapped: text in lines of a given width.
#pragma once

#include <cstddef>
#include <string>

namespace pellucid {

/// The words of a text in lines that end before column `width`, all but the first indented. A word
/// that is longer has a line of its own.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width);

/// The lines of a text, each behind so many spaces.
std::string indented(const std::string& text, std::size_t indent);

}  // namespace pellucid
