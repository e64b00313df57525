#include "buffers/provenance.h"

#include <algorithm>

#include <pellucid/version.h>

namespace pellucid {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kCopyPiece = std::int64_t{8} << 20;

/// The first elements of an array, as many as the other one has.
void copy_elements(const ContiguousFile& from, const ContiguousFile& to, std::size_t array) {
  const std::int64_t count = to.arrays()[array].numel();
  const std::int64_t element = to.arrays()[array].element.bytes();
  const std::int64_t piece = std::max<std::int64_t>(kCopyPiece / element, 1);
  std::string bytes(static_cast<std::size_t>(std::min(piece, count) * element), '\0');
  for (std::int64_t first = 0; first < count; first += piece) {
    const std::int64_t here = std::min(piece, count - first);
    from.read_bytes(array, first, here, bytes.data());
    to.write_bytes(array, first, here, bytes.data());
  }
}

/// Padded with spaces and a line end: still the same JSON.
void write_text_of(const ContiguousFile& file, const std::string& text) {
  std::string padded = text;
  padded.resize(static_cast<std::size_t>(file.arrays().back().bytes()) - 1, ' ');
  padded += '\n';
  file.write_bytes(file.arrays().size() - 1, 0, 1, padded.data());
}

}  // namespace

Attributes result_attributes() { return {{"pellucid", std::string(kVersion)}}; }

ArrayLayout provenance_array(std::int64_t bytes) {
  return {"/provenance", ElementType::text(bytes), {}, {}};
}

void require_free_name(const fs::path& to, bool overwrite) {
  if (!overwrite && fs::exists(to))
    throw Error("'" + to.string() +
                "' exists already; choose another name, or replace it with --overwrite");
}

void finish_file(const ContiguousFile& part, std::vector<ArrayLayout> arrays, const fs::path& to,
                 const std::string& provenance, bool overwrite) {
  require_free_name(to, overwrite);
  const auto needed = static_cast<std::int64_t>(provenance.size()) + 1;
  if (needed > arrays.back().bytes()) arrays.back() = provenance_array(needed);
  if (arrays == part.arrays()) {
    write_text_of(part, provenance);
    part.sync();
    return replace_file(part.path(), to);
  }
  const ContiguousFile exact =
      ContiguousFile::create(part.path().string() + ".exact", arrays, result_attributes());
  for (std::size_t array = 0; array + 1 < arrays.size(); ++array) copy_elements(part, exact, array);
  write_text_of(exact, provenance);
  exact.sync();
  replace_file(exact.path(), to);
  std::error_code ignored;
  fs::remove(part.path(), ignored);
}

}  // namespace pellucid
