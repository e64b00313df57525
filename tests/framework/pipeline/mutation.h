// The shipped pipelines, and small random damage to them; the same for the same seed everywhere.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace pellucid::testing {

struct Shipped {
  std::filesystem::path folder;
  std::string text;
};

/// All files of pipelines/, parts included.
inline std::vector<Shipped> shipped_pipelines() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           std::filesystem::path(PELLUCID_SOURCE_DIR) / "pipelines"))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Shipped> pipelines;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    pipelines.push_back({file.parent_path(), {std::istreambuf_iterator<char>(stream), {}}});
  }
  return pipelines;
}

/// Words, runs of spaces, and single signs.
inline std::vector<std::string> tokens_of(const std::string& text) {
  const auto kind = [](char c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')
      return 1;
    return c == ' ' ? 2 : 0;
  };
  std::vector<std::string> tokens;
  int last = 0;
  for (const char c : text) {
    const int now = kind(c);
    if (now == 0 || now != last) tokens.emplace_back();
    tokens.back() += c;
    last = now;
  }
  return tokens;
}

class Mutator {
 public:
  Mutator(const std::vector<Shipped>& pipelines, unsigned seed) : random_(seed) {
    for (const Shipped& pipeline : pipelines) {
      auto tokens = tokens_of(pipeline.text);
      pool_.insert(pool_.end(), tokens.begin(), tokens.end());
    }
    // Half of what is put in comes from this list, which knows where YAML and readers are weak.
    poison_ = {"&a ",
               "*a",
               "<<: ",
               "${",
               "}",
               "{",
               "[",
               "]",
               "- ",
               ": ",
               "? ",
               "\t",
               "\n",
               "\r\n",
               "\n\n",
               "|",
               ">",
               "\"",
               "'",
               "#",
               " #",
               "---\n",
               "...\n",
               "%YAML",
               "@",
               "`",
               "!!str ",
               "!x ",
               "\\",
               "\\u0000",
               "${sigma}",
               "${x:-",
               "${x:-1}",
               "$${",
               "~",
               "null",
               "true",
               ".nan",
               ".inf",
               "1e999",
               "1/0",
               "((((",
               "2^2^9",
               "-1",
               "4 GiB",
               "3 um",
               "9999999999999999999",
               "é",
               "大",
               "\xFF",
               "\x01",
               ".",
               "..",
               "a.b.c",
               "settings",
               "vars",
               "include",
               "sweep",
               "keep",
               "nodes:",
               "pellucid: 2",
               "  ",
               ","};
  }

  /// The text of a pipeline with one to four tokens removed, doubled, swapped, replaced or put in.
  std::string mutated(const Shipped& pipeline) {
    std::vector<std::string> tokens = tokens_of(pipeline.text);
    for (std::size_t changes = 1 + below(4); changes > 0 && !tokens.empty(); --changes) {
      const std::size_t at = below(tokens.size());
      const auto place = tokens.begin() + static_cast<std::ptrdiff_t>(at);
      switch (below(5)) {
        case 0:
          tokens.erase(place);
          break;
        case 1:
          tokens.insert(place, std::string(*place));
          break;
        case 2:
          std::swap(tokens[at], tokens[below(tokens.size())]);
          break;
        case 3:
          *place = any();
          break;
        default:
          tokens.insert(place, any());
          break;
      }
    }
    std::string text;
    for (const std::string& token : tokens) text += token;
    return text;
  }

 private:
  /// std::uniform_int_distribution differs from library to library.
  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string any() {
    const auto& from = below(2) == 0 ? pool_ : poison_;
    return from[below(from.size())];
  }

  std::mt19937 random_;
  std::vector<std::string> pool_;
  std::vector<std::string> poison_;
};

}  // namespace pellucid::testing
