// The corpus of broken pipelines: every file in a class's folder, and the report that it must give.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "base/temporary_folder.h"

namespace pellucid::testing {

/// One broken pipeline. `file` is a .yaml, or a .recipe of which `CorpusFile` makes one.
struct CorpusCase {
  std::filesystem::path file;
  std::filesystem::path expected() const {
    return std::filesystem::path(file).replace_extension(".expected");
  }
};

/// All cases of a stage, "text" or "plan", in the order of their paths.
inline std::vector<CorpusCase> corpus(const std::string& stage) {
  const std::filesystem::path root =
      std::filesystem::path(PELLUCID_SOURCE_DIR) / "tests/framework/pipeline/corpus" / stage;
  std::vector<CorpusCase> cases;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string extension = entry.path().extension().string();
    const bool is_part = entry.path().parent_path().filename() == "parts";
    if ((extension == ".yaml" || extension == ".recipe") && !is_part)
      cases.push_back({entry.path()});
  }
  std::sort(cases.begin(), cases.end(),
            [](const CorpusCase& a, const CorpusCase& b) { return a.file < b.file; });
  return cases;
}

inline std::string contents_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// What a recipe describes: lines "COUNT TEXT" with \n, \r, \\ and \xNN, each text repeated.
inline std::string prepared(const std::filesystem::path& recipe) {
  std::ifstream stream(recipe, std::ios::binary);
  std::string all;
  for (std::string line; std::getline(stream, line);) {
    const std::size_t space = line.find(' ');
    std::string text;
    for (std::size_t i = space + 1; i < line.size(); ++i) {
      if (line[i] != '\\') {
        text += line[i];
      } else if (line[++i] == 'x') {
        text += static_cast<char>(std::stoi(line.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        text += line[i] == 'n' ? '\n' : line[i] == 'r' ? '\r' : line[i];
      }
    }
    for (int count = std::stoi(line.substr(0, space)); count > 0; --count) all += text;
  }
  return all;
}

/// Makes a case the file NAME.yaml of the working directory while it lives, so that reports show
/// the same path everywhere.
class CorpusFile {
 public:
  explicit CorpusFile(const CorpusCase& c) : before_(std::filesystem::current_path()) {
    name_ = c.file.stem().string() + ".yaml";
    if (c.file.extension() == ".recipe") {
      std::ofstream(folder_ / name_, std::ios::binary) << prepared(c.file);
      std::filesystem::current_path(folder_.path());
    } else {
      std::filesystem::current_path(c.file.parent_path());
    }
  }
  CorpusFile(const CorpusFile&) = delete;
  CorpusFile& operator=(const CorpusFile&) = delete;
  ~CorpusFile() { std::filesystem::current_path(before_); }

  const std::string& name() const { return name_; }

 private:
  TemporaryFolder folder_;
  std::filesystem::path before_;
  std::string name_;
};

/// Compares a report with the expected one. With PELLUCID_WRITE_EXPECTED in the environment it is
/// written instead, to be read by a person before it is committed.
inline void expect_report(const CorpusCase& c, const std::string& report) {
  if (std::getenv("PELLUCID_WRITE_EXPECTED")) {
    std::ofstream(c.expected(), std::ios::binary) << report;
    return;
  }
  EXPECT_EQ(report, contents_of(c.expected())) << "of " << c.file;
}

}  // namespace pellucid::testing
