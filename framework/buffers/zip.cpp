#include "buffers/zip.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include <pellucid/error.h>

#include "base/bytes.h"

namespace pellucid {
namespace {

// Signatures and sizes of "APPNOTE.TXT - .ZIP File Format Specification", 4.3.
constexpr std::string_view kEntry("PK\x03\x04");
constexpr std::string_view kDirectoryEntry("PK\x01\x02");
constexpr std::string_view kEnd("PK\x05\x06");
constexpr std::string_view kEnd64("PK\x06\x06");
constexpr std::string_view kEnd64Locator("PK\x06\x07");
constexpr std::int64_t kEntrySize = 30;
constexpr std::size_t kDirectoryEntrySize = 46;
constexpr std::int64_t kEndSize = 22;
constexpr std::int64_t kLongestComment = 65535;
constexpr std::int64_t kLargestDirectory = std::int64_t{1} << 30;

/// Little-endian numbers in a buffer, refused outside of it.
class Bytes {
 public:
  explicit Bytes(std::string_view text) : text_(text) {}

  std::int64_t number(std::size_t offset, std::size_t width) const {
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- > 0;)
      value = value * 256 + static_cast<unsigned char>(piece(offset, width)[i]);
    return static_cast<std::int64_t>(value);
  }
  std::string_view piece(std::size_t offset, std::size_t width) const {
    if (offset > text_.size() || width > text_.size() - offset)
      throw Error("its directory is damaged");
    return text_.substr(offset, width);
  }

 private:
  std::string_view text_;
};

struct Directory {
  std::int64_t offset = 0;
  std::int64_t bytes = 0;
};

std::string read_range(const File& file, std::int64_t offset, std::int64_t count) {
  if (offset < 0 || count < 0 || offset > file.size() - count)
    throw Error("its directory points outside of the file");
  std::string bytes(static_cast<std::size_t>(count), '\0');
  file.read(bytes.data(), count, offset);
  return bytes;
}

Directory find_directory(const File& file) {
  const std::int64_t size = file.size();
  const std::int64_t tail_size = std::min(size, kEndSize + kLongestComment);
  const std::string tail = read_range(file, size - tail_size, tail_size);
  const std::size_t end = tail.rfind(kEnd);
  if (end == std::string::npos || end + kEndSize > tail.size())
    throw Error("it is truncated: the directory at its end is missing");
  const Bytes record(tail);
  Directory directory{record.number(end + 16, 4), record.number(end + 12, 4)};
  const bool has_64 = end >= 20 && record.piece(end - 20, 4) == kEnd64Locator;
  if (has_64) {
    const std::string end64 = read_range(file, record.number(end - 12, 8), 56);
    if (!end64.starts_with(kEnd64)) throw Error("its directory is damaged");
    directory = {Bytes(end64).number(48, 8), Bytes(end64).number(40, 8)};
  }
  if (directory.bytes > kLargestDirectory) throw Error("its directory is damaged");
  return directory;
}

/// Sizes and places above 4 GiB stand in an extra field; only those that are full are there.
void read_extra_64(const Bytes& extra, std::size_t length, std::int64_t& bytes,
                   std::int64_t& stored, std::int64_t& header) {
  for (std::size_t at = 0; at + 4 <= length;) {
    const auto tag = extra.number(at, 2);
    const auto width = static_cast<std::size_t>(extra.number(at + 2, 2));
    if (tag == 1) {
      std::size_t field = at + 4;
      for (std::int64_t* value : {&bytes, &stored, &header}) {
        if (*value != 0xffffffff) continue;
        *value = extra.number(field, 8);
        field += 8;
      }
    }
    at += 4 + width;
  }
}

}  // namespace

ZipReader::ZipReader(const std::filesystem::path& path) : file_(path, File::Mode::read) {
  try {
    const Directory directory = find_directory(file_);
    const std::string text = read_range(file_, directory.offset, directory.bytes);
    const Bytes bytes(text);
    for (std::size_t at = 0; at < text.size();) {
      if (bytes.piece(at, 4) != kDirectoryEntry) throw Error("its directory is damaged");
      const auto name_length = static_cast<std::size_t>(bytes.number(at + 28, 2));
      const auto extra_length = static_cast<std::size_t>(bytes.number(at + 30, 2));
      const auto comment_length = static_cast<std::size_t>(bytes.number(at + 32, 2));
      const std::string name(bytes.piece(at + kDirectoryEntrySize, name_length));
      std::int64_t stored = bytes.number(at + 20, 4);
      Entry entry{bytes.number(at + 24, 4), bytes.number(at + 42, 4)};
      const Bytes extra(bytes.piece(at + kDirectoryEntrySize + name_length, extra_length));
      read_extra_64(extra, extra_length, entry.bytes, stored, entry.header);
      if (bytes.number(at + 10, 2) != 0 || stored != entry.bytes)
        throw Error("its entry '" + name + "' is compressed; save it without compression");
      if (entry.bytes < 0 || entry.bytes > file_.size())
        throw Error("its entry '" + name + "' is larger than the file");
      if (!entries_.emplace(name, entry).second)
        throw Error("its entry '" + name + "' is there twice");
      at += kDirectoryEntrySize + name_length + extra_length + comment_length;
    }
  } catch (const Error& error) {
    throw Error("'" + path.string() + "' cannot be read as a zip archive: " + error.sentence());
  }
}

const ZipReader::Entry& ZipReader::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end())
    throw Error("'" + file_.path().string() + "' has no entry '" + name + "'");
  return found->second;
}

std::int64_t ZipReader::data_offset(const Entry& entry) const {
  const std::string header = read_range(file_, entry.header, kEntrySize);
  if (!header.starts_with(kEntry))
    throw Error("'" + file_.path().string() +
                "' is damaged: an entry is not where its directory says");
  const Bytes bytes(header);
  return entry.header + kEntrySize + bytes.number(26, 2) + bytes.number(28, 2);
}

std::string ZipReader::read(const std::string& name) const {
  std::string text(static_cast<std::size_t>(bytes(name)), '\0');
  read(name, text.data(), static_cast<std::int64_t>(text.size()), 0);
  return text;
}

void ZipReader::read(const std::string& name, void* to, std::int64_t count,
                     std::int64_t offset) const {
  const Entry& found = entry(name);
  if (offset < 0 || count < 0 || offset > found.bytes - count)
    throw Error("'" + file_.path().string() + "' is damaged: its entry '" + name + "' has " +
                bytes_text(found.bytes) + ", and " + bytes_text(count) + " are wanted at byte " +
                std::to_string(offset));
  file_.read(to, count, data_offset(found) + offset);
}

}  // namespace pellucid
