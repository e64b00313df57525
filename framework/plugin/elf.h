// elf: what can be learnt from a shared library's file without opening it as one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pellucid {

struct ElfLibrary {
  std::vector<std::string> needed;    ///< names of the libraries it is linked with
  std::vector<std::string> run_path;  ///< folders to look for them in; may begin with $ORIGIN
};

/// Reads a shared library of this machine that is there to its last byte: the system's loader would
/// die of a signal in one that is cut off. Throws PluginError with the end of a sentence that
/// begins with the file's name ("is cut off: ...").
ElfLibrary read_elf(std::string_view bytes);

}  // namespace pellucid
