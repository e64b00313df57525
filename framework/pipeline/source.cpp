// Source: places in a text, and the refusal of files that are no text.
#include "pipeline/source.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace pellucid {
namespace {

/// Ten times what may be nested, because those in comments and quotes count too.
constexpr std::size_t kMostOpenBrackets = 1000;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

std::string hexadecimal(char byte) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto code = static_cast<unsigned char>(byte);
  return std::string("0x") + kDigits[code >> 4] + kDigits[code & 15];
}

struct Signature {
  std::string_view begin;
  std::string_view kind;
};

/// What the first bytes of a file say that it is; empty where they say nothing.
std::string_view kind_of_file(std::string_view text) {
  using namespace std::string_view_literals;
  static constexpr std::array kSignatures{
      Signature{"\x89HDF\r\n\x1A\n"sv, "an HDF5 file; `pellucid info` shows what it holds"sv},
      Signature{"\x89PNG"sv, "a PNG picture"sv},
      Signature{"\xFF\xD8\xFF"sv, "a JPEG picture"sv},
      Signature{"II*\0"sv, "a TIFF picture"sv},
      Signature{"MM\0*"sv, "a TIFF picture"sv},
      Signature{"\x93NUMPY"sv, "a NumPy array"sv},
      Signature{"%PDF"sv, "a PDF document"sv},
      Signature{"PK\x03\x04"sv, "a ZIP archive"sv},
      Signature{"\x1F\x8B"sv, "a gzip archive"sv},
      Signature{"\x7F"
                "ELF"sv,
                "a program"sv},
      Signature{"\xFF\xFE"sv, "UTF-16 text; save it as UTF-8"sv},
      Signature{"\xFE\xFF"sv, "UTF-16 text; save it as UTF-8"sv},
  };
  for (const Signature& signature : kSignatures)
    if (text.substr(0, signature.begin.size()) == signature.begin) return signature.kind;
  return {};
}

/// Reports the first byte that no text file holds. Returns whether there is none.
bool check_characters(const Source& source, Findings& findings) {
  const std::string_view text = source.text();
  for (std::size_t at = 0; at < text.size();) {
    const auto code = static_cast<unsigned char>(text[at]);
    const std::size_t length = character_length(text, at);
    if (length == 0) {
      findings.report(source.place_of_byte(at), "the byte " + hexadecimal(text[at]) +
                                                    " is not UTF-8 text; save the file as UTF-8");
      return false;
    }
    if (code == 0) {
      findings.report(source.place_of_byte(at),
                      "this is no text file: it holds a byte that is zero; a pipeline is a YAML "
                      "file, plain text");
      return false;
    }
    if ((code < 0x20 && code != '\t' && code != '\n' && code != '\r') || code == 0x7F) {
      findings.report(source.place_of_byte(at), "the control character " + hexadecimal(text[at]) +
                                                    " has no place in a pipeline; remove it");
      return false;
    }
    at += length;
  }
  return true;
}

/// Reports brackets that open far more often than they close: yaml-cpp would read them all before
/// it tells of the first. Returns whether there are none.
bool check_brackets(const Source& source, Findings& findings) {
  std::size_t open = 0;
  for (std::size_t at = 0; at < source.text().size(); ++at) {
    const char c = source.text()[at];
    if (c == '[' || c == '{') ++open;
    if ((c == ']' || c == '}') && open > 0) --open;
    if (open <= kMostOpenBrackets) continue;
    findings.report(source.place_of_byte(at),
                    "more than " + std::to_string(kMostOpenBrackets) + " brackets are open here");
    return false;
  }
  return true;
}

/// Reports tabs at the beginning of lines, once. Returns whether there are none.
bool check_indentation(const Source& source, Findings& findings) {
  std::size_t lines = 0;
  SourceLocation first;
  for (std::ptrdiff_t i = 0; source.line_start(i) < source.text().size(); ++i) {
    const std::string_view line = source.line(i);
    const std::size_t content = line.find_first_not_of(" \t");
    const std::size_t tab = line.find('\t');
    if (content == std::string_view::npos || tab == std::string_view::npos || tab > content)
      continue;
    if (line[content] == '#') continue;
    if (lines++ == 0) first = source.place(i, static_cast<std::ptrdiff_t>(tab));
  }
  if (lines == 0) return true;
  findings.report(
      first, "this line is indented with a tab; YAML is indented with spaces" +
                 (lines == 1 ? std::string() : " (" + std::to_string(lines) + " lines have tabs)"));
  return false;
}

}  // namespace

std::size_t character_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  if (first < 0xE0) return within(1, 0x80, 0xBF) ? 2 : 0;
  if (first < 0xF0) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return within(1, low, high) && within(2, 0x80, 0xBF) ? 3 : 0;
  }
  const unsigned low = first == 0xF0 ? 0x90 : 0x80;
  const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
  return within(1, low, high) && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
}

Source::Source(std::string name, std::string text, const std::filesystem::path& folder)
    : name_(std::make_shared<const std::string>(std::move(name))), text_(std::move(text)) {
  if (!folder.empty()) folder_ = std::make_shared<const std::string>(folder.string());
  if (text_.compare(0, kByteOrderMark.size(), kByteOrderMark) == 0)
    text_.erase(0, kByteOrderMark.size());
  line_starts_.push_back(0);
  for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1))
    line_starts_.push_back(at + 1);
  if (line_starts_.size() > 1 && line_starts_.back() == text_.size()) line_starts_.pop_back();
}

std::size_t Source::line_start(std::ptrdiff_t line) const {
  const auto index = static_cast<std::size_t>(line);
  return index < line_starts_.size() ? line_starts_[index] : text_.size();
}

std::string_view Source::line(std::ptrdiff_t line) const {
  const std::size_t begin = line_start(line);
  std::size_t end = line_start(line + 1);
  if (end > begin && text_[end - 1] == '\n') --end;
  if (end > begin && text_[end - 1] == '\r') --end;
  return std::string_view(text_).substr(begin, end - begin);
}

SourceLocation Source::place(std::ptrdiff_t line, std::ptrdiff_t byte) const {
  const auto lines = static_cast<std::ptrdiff_t>(line_starts_.size());
  const bool behind = line < 0 || line >= lines;
  if (behind) line = lines - 1;
  const std::string_view text = this->line(line);
  const auto length = static_cast<std::ptrdiff_t>(text.size());
  byte = behind ? length : std::clamp<std::ptrdiff_t>(byte, 0, length);

  if (line != last_line_ || byte < last_byte_) {
    last_line_ = line;
    last_byte_ = 0;
    last_column_ = 1;
  }
  for (; last_byte_ < byte; ++last_byte_)
    if (!is_continuation(text[static_cast<std::size_t>(last_byte_)])) ++last_column_;
  return {name_, static_cast<std::int32_t>(line + 1), last_column_, folder_};
}

SourceLocation Source::place_of_byte(std::size_t byte) const {
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), byte);
  const auto line = std::distance(line_starts_.begin(), next) - 1;
  return place(line,
               static_cast<std::ptrdiff_t>(byte - line_starts_[static_cast<std::size_t>(line)]));
}

std::optional<Source> read_source(const std::filesystem::path& file, const std::string& name,
                                  const std::optional<SourceLocation>& asked_from,
                                  Findings& findings) {
  const SourceLocation where =
      asked_from.value_or(SourceLocation{std::make_shared<const std::string>(name)});
  const auto refuse = [&](const std::string& reason) {
    findings.report(where, (asked_from ? "'" + name + "' " : "the file ") + reason);
    return std::nullopt;
  };

  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) return refuse("does not exist");
  if (std::filesystem::is_directory(status)) return refuse("is a folder, not a pipeline");
  if (!std::filesystem::is_regular_file(status)) return refuse("cannot be read: it is no file");

  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (!error && size > kMostBytesOfAFile)
    return refuse("is too large for a pipeline: it has " + std::to_string(size) +
                  " bytes, at most " + std::to_string(kMostBytesOfAFile) + " are read");
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream.good() && !stream.eof()) return refuse("cannot be read");

  const auto absolute = std::filesystem::absolute(file, error);
  return Source(name, std::move(text), absolute.parent_path().lexically_normal());
}

bool check_text(const Source& source, Findings& findings) {
  const std::string& text = source.text();
  if (const std::string_view kind = kind_of_file(text); !kind.empty()) {
    findings.report(source.whole(), "a pipeline is a YAML file; this is " + std::string(kind));
    return false;
  }
  if (text.size() > kMostBytesOfAFile) {
    findings.report(source.whole(), "the text is too large for a pipeline: it has " +
                                        std::to_string(text.size()) + " bytes, at most " +
                                        std::to_string(kMostBytesOfAFile) + " are read");
    return false;
  }
  return check_characters(source, findings) && check_brackets(source, findings) &&
         check_indentation(source, findings);
}

}  // namespace pellucid
