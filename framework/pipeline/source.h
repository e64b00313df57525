// Source: one text that a pipeline is read from, and the places in it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pellucid/error.h>

#include "pipeline/findings.h"

namespace pellucid {

/// Larger files are not pipelines.
inline constexpr std::size_t kMostBytesOfAFile = std::size_t{2} << 20;

/// A file, or the overrides of a command line (one a line).
class Source {
 public:
  /// `folder`: where relative paths in the text start from; empty: the working directory.
  Source(std::string name, std::string text, const std::filesystem::path& folder);

  const std::string& name() const { return *name_; }
  const std::string& text() const { return text_; }

  /// The place of a byte of a line, both counted from 0, moved into the text where it lies outside.
  SourceLocation place(std::ptrdiff_t line, std::ptrdiff_t byte) const;
  /// The place of a byte of the text.
  SourceLocation place_of_byte(std::size_t byte) const;
  /// The file as a whole.
  SourceLocation whole() const { return {name_, 0, 0, folder_}; }

  /// The byte at which a line begins, counted from 0; the end of the text for lines behind it.
  std::size_t line_start(std::ptrdiff_t line) const;
  /// A line without its end, counted from 0.
  std::string_view line(std::ptrdiff_t line) const;

 private:
  std::shared_ptr<const std::string> name_;
  std::shared_ptr<const std::string> folder_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
  /// The place found last: those that follow it in a line are counted from there, since lines may
  /// be megabytes long.
  mutable std::ptrdiff_t last_line_ = -1;
  mutable std::ptrdiff_t last_byte_ = 0;
  mutable std::int32_t last_column_ = 1;
};

/// Number of bytes of the valid UTF-8 character at `at`, or 0. After Unicode 15, table 3-7.
std::size_t character_length(std::string_view text, std::size_t at);

/// Reads a file. Reports a file that is missing, unreadable or too large, and gives nothing then;
/// `asked_from` is the place that names the file, or the file itself.
std::optional<Source> read_source(const std::filesystem::path& file, const std::string& name,
                                  const std::optional<SourceLocation>& asked_from,
                                  Findings& findings);

/// Reports a text that is no YAML at all: binary, not UTF-8, too large, indented with tabs.
/// Returns whether it can be parsed.
bool check_text(const Source& source, Findings& findings);

}  // namespace pellucid
