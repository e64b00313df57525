// Broken pipelines and what is said of them, word for word: the faults that text alone shows.
#include "framework/pipeline/corpus.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "framework/pipeline/positions.h"
#include "pipeline/document.h"

namespace pellucid {
namespace {

using testing::corpus;
using testing::CorpusCase;
using testing::CorpusFile;

Documents read_case(const CorpusFile& file) {
  const std::vector<std::pair<std::string, std::string>> environment;
  ReadOptions options;
  options.environment = &environment;
  return read_pipeline(file.name(), options);
}

TEST(Corpus, every_broken_text_gives_its_report_with_positions_inside_the_text) {
  for (const CorpusCase& c : corpus("text")) {
    const CorpusFile file(c);
    const Documents documents = read_case(file);
    testing::expect_report(c, report_of(documents.problems, documents.sources));
    EXPECT_EQ(testing::positions_outside(documents), "") << "of " << c.file;
  }
}

TEST(Corpus, what_the_plan_refuses_is_sound_as_a_text) {
  for (const CorpusCase& c : corpus("plan")) {
    const CorpusFile file(c);
    const Documents documents = read_case(file);
    EXPECT_EQ(report_of(documents.problems, documents.sources), "0 errors; nothing was run\n")
        << "of " << c.file;
  }
}

TEST(Corpus, has_at_least_eight_files_of_every_class) {
  std::map<std::string, std::set<std::string>> names;
  for (const char* const stage : {"text", "plan"})
    for (const CorpusCase& c : corpus(stage))
      names[c.file.parent_path().filename().string()].insert(c.file.stem().string());
  EXPECT_GE(names.size(), 20u);
  for (const auto& [name, files] : names) EXPECT_GE(files.size(), 8u) << name;
}

}  // namespace
}  // namespace pellucid
