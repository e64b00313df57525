#include "buffers/journal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <mutex>
#include <unordered_map>

#include <pellucid/error.h>

#include "buffers/file.h"

namespace pellucid {
namespace {

// A line is: kind, fields, and the checksum of all before it, separated by single spaces.
//   block NODE PORT BLOCK KEY CHECKSUM ~SUM
//   dropped NODE PORT BLOCK ~SUM
//   note TOPIC TEXT... ~SUM    (in the text "\\n" is a line end, "\\\\" a backslash)
//   mark POSITION ~SUM
constexpr const char* kFirstLine = "pellucid-journal 1\n";
constexpr std::size_t kSumLength = 2 + 16;  // " ~" and the digits

std::string sealed(const std::string& body) {
  return body + " ~" +
         checksum_text(checksum(body.data(), static_cast<std::int64_t>(body.size()))) + "\n";
}

std::optional<std::uint64_t> hexadecimal(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

std::optional<std::int64_t> decimal(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

/// The line without its checksum; empty where that does not agree.
std::string_view opened(std::string_view line) {
  if (line.size() <= kSumLength) return {};
  const std::string_view body = line.substr(0, line.size() - kSumLength);
  const std::string_view sum = line.substr(body.size());
  if (sum[0] != ' ' || sum[1] != '~') return {};
  const auto value = hexadecimal(sum.substr(2));
  if (!value || *value != checksum(body.data(), static_cast<std::int64_t>(body.size()))) return {};
  return body;
}

std::string_view next_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::string one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') line += "\\n";
    else if (c == '\\') line += "\\\\";
    else line += c;
  }
  return line;
}

std::string lines_of(std::string_view line) {
  std::string text;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool escaped = line[at] == '\\' && at + 1 < line.size();
    if (escaped) ++at;
    text += escaped && line[at] == 'n' ? '\n' : line[at];
  }
  return text;
}

void require_word(const std::string& word) {
  const bool plain = !word.empty() && std::none_of(word.begin(), word.end(), [](unsigned char c) {
    return c <= ' ' || c == 0x7f;
  });
  if (!plain) throw Error("the journal takes names without spaces, got '" + word + "'");
}

}  // namespace

struct Journal::Impl {
  struct Stored {
    Key key;
    std::uint64_t checksum;
    std::int64_t end;  // of its line, in bytes of the file
  };
  using Blocks = std::unordered_map<std::int64_t, Stored>;

  explicit Impl(const std::filesystem::path& path) : file(path, File::Mode::append) { load(); }

  /// "node port" names a list of blocks; the last one is remembered, because lines come in runs.
  Blocks& blocks_of(std::string_view port) {
    if (last != nullptr && last->first == port) return last->second;
    last = &*ports.try_emplace(std::string(port)).first;
    return last->second;
  }

  const Stored* find(const std::string& node, const std::string& port, std::int64_t block) const {
    const auto blocks = ports.find(node + " " + port);
    if (blocks == ports.end()) return nullptr;
    const auto entry = blocks->second.find(block);
    return entry == blocks->second.end() ? nullptr : &entry->second;
  }

  void load() {
    std::string text(static_cast<std::size_t>(file.size()), '\0');
    file.read(text.data(), static_cast<std::int64_t>(text.size()), 0);
    const std::string_view first_line(kFirstLine);
    const bool torn_at_birth = first_line.substr(0, text.size()) == text;
    if (torn_at_birth) {
      file.resize(0);
      file.append(kFirstLine);
    } else if (text.compare(0, first_line.size(), first_line) != 0) {
      throw Error("'" + file.path().string() +
                  "' is no journal of this version of Pellucid; choose another folder with --run, "
                  "or replace it with --overwrite");
    }
    end = static_cast<std::int64_t>(first_line.size());
    if (torn_at_birth) return;

    const std::string_view all(text);
    while (true) {
      const std::size_t stop = all.find('\n', static_cast<std::size_t>(end));
      if (stop == std::string_view::npos) break;
      const auto start = static_cast<std::size_t>(end);
      const std::int64_t line_end = static_cast<std::int64_t>(stop) + 1;
      if (!take(opened(all.substr(start, stop - start)), line_end)) break;
      end = line_end;
    }
    lost = static_cast<std::int64_t>(text.size()) - end;
    if (lost > 0) file.resize(end);
  }

  bool take(std::string_view body, std::int64_t line_end) {
    const std::string_view kind = next_word(body);
    if (kind == "block") return take_block(body, line_end);
    if (kind == "dropped") {
      const std::string_view port = next_port(body);
      const auto block = decimal(body);
      if (block) blocks_of(port).erase(*block);
      return block.has_value();
    }
    if (kind == "note") {
      const std::string_view topic = next_word(body);
      notes.push_back({std::string(topic), lines_of(body)});
      return true;
    }
    const auto position = decimal(body);
    if (kind != "mark" || !position) return false;
    marked = std::max(marked, *position);
    return true;
  }

  bool take_block(std::string_view body, std::int64_t line_end) {
    const std::string_view port = next_port(body);
    const auto block = decimal(next_word(body));
    const auto key = Key::parse(next_word(body));
    const auto sum = hexadecimal(body);
    if (!block || !key || !sum) return false;
    blocks_of(port)[*block] = {*key, *sum, line_end};
    return true;
  }

  /// The first two words.
  static std::string_view next_port(std::string_view& body) {
    const std::string_view whole = body;
    const std::size_t length = next_word(body).size() + 1 + next_word(body).size();
    return whole.substr(0, length);
  }

  void append(const std::string& body) {
    const std::string line = sealed(body);
    file.append(line);
    end += static_cast<std::int64_t>(line.size());
  }

  File file;
  mutable std::mutex mutex;
  std::unordered_map<std::string, Blocks> ports;
  std::pair<const std::string, Blocks>* last = nullptr;
  std::vector<Note> notes;
  std::int64_t end = 0;
  std::int64_t marked = 0;
  std::int64_t lost = 0;
};

Journal::Journal(const std::filesystem::path& path) : impl_(std::make_unique<Impl>(path)) {}
Journal::~Journal() = default;

void Journal::stored(const std::string& node, const std::string& port, std::int64_t block,
                     const Key& key, std::uint64_t checksum) {
  require_word(node);
  require_word(port);
  const std::string place = node + " " + port;
  const std::lock_guard lock(impl_->mutex);
  impl_->append("block " + place + " " + std::to_string(block) + " " + key.text() + " " +
                checksum_text(checksum));
  impl_->blocks_of(place)[block] = {key, checksum, impl_->end};
}

void Journal::dropped(const std::string& node, const std::string& port, std::int64_t block) {
  require_word(node);
  require_word(port);
  const std::string place = node + " " + port;
  const std::lock_guard lock(impl_->mutex);
  impl_->append("dropped " + place + " " + std::to_string(block));
  impl_->blocks_of(place).erase(block);
}

void Journal::note(const std::string& topic, const std::string& text) {
  require_word(topic);
  const std::lock_guard lock(impl_->mutex);
  impl_->append("note " + topic + " " + one_line(text));
  impl_->notes.push_back({topic, text});
}

std::int64_t Journal::position() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->end;
}

void Journal::mark(std::int64_t position) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->append("mark " + std::to_string(position));
    impl_->marked = std::max(impl_->marked, position);
  }
  impl_->file.sync();
}

std::optional<Journal::Entry> Journal::find(const std::string& node, const std::string& port,
                                            std::int64_t block) const {
  const std::lock_guard lock(impl_->mutex);
  const auto* stored = impl_->find(node, port, block);
  if (stored == nullptr) return {};
  return Entry{stored->key, stored->checksum, stored->end <= impl_->marked};
}

std::int64_t Journal::count(const std::string& node, const std::string& port) const {
  const std::lock_guard lock(impl_->mutex);
  const auto blocks = impl_->ports.find(node + " " + port);
  return blocks == impl_->ports.end() ? 0 : static_cast<std::int64_t>(blocks->second.size());
}

std::vector<Journal::Place> Journal::unmarked() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Place> places;
  for (const auto& [name, blocks] : impl_->ports) {
    const std::size_t space = name.find(' ');
    for (const auto& [block, stored] : blocks)
      if (stored.end > impl_->marked)
        places.push_back({name.substr(0, space), name.substr(space + 1), block});
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::tie(a.node, a.port, a.block) < std::tie(b.node, b.port, b.block);
  });
  return places;
}

std::vector<Journal::Note> Journal::notes(const std::string& topic) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Note> chosen;
  std::copy_if(impl_->notes.begin(), impl_->notes.end(), std::back_inserter(chosen),
               [&](const Note& note) { return note.topic == topic; });
  return chosen;
}

std::int64_t Journal::lost_bytes() const { return impl_->lost; }

}  // namespace pellucid
