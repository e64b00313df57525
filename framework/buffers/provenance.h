// How a file of results gets its provenance and its final name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "buffers/contiguous_file.h"

namespace pellucid {

/// Root attributes of every file that carries provenance.
Attributes result_attributes();

/// The dataset /provenance, a JSON text in so many reserved bytes; the last array of its file.
ArrayLayout provenance_array(std::int64_t bytes);

/// Writes the provenance into a complete file, syncs it and gives it its final name. `arrays` are
/// those of the part, or fewer rows of them; where they differ, or the text is longer than was
/// reserved, the contents go to a new file first. Throws Error where `to` exists and `overwrite` is
/// false.
void finish_file(const ContiguousFile& part, std::vector<ArrayLayout> arrays,
                 const std::filesystem::path& to, const std::string& provenance, bool overwrite);

/// Throws Error where a finished file stands at `to` and `overwrite` is false.
void require_free_name(const std::filesystem::path& to, bool overwrite);

}  // namespace pellucid
