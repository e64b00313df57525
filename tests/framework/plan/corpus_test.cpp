// Broken pipelines and what is said of them, word for word: the faults that only components show.
#include "framework/pipeline/corpus.h"

#include <gtest/gtest.h>

#include "framework/pipeline/positions.h"
#include "plan/plan.h"
#include "plugin/registry.h"

namespace pellucid::testing {
namespace {

/// Paths of the machine, such as the folders searched for plugins, are not part of a report.
std::string without_folders(std::string report, const Registry& registry) {
  for (const auto& folder : registry.folders())
    for (std::size_t at = 0; (at = report.find(folder.string(), at)) != std::string::npos;)
      report.replace(at, folder.string().size(), "PLUGINS");
  return report;
}

TEST(PlanCorpus, every_broken_pipeline_gives_its_report_with_positions_inside_the_text) {
  const Registry registry;
  for (const CorpusCase& c : corpus("plan")) {
    const CorpusFile file(c);
    const std::vector<std::pair<std::string, std::string>> environment;
    ReadOptions options;
    options.environment = &environment;
    const Documents documents = read_pipeline(file.name(), options);
    try {
      make_plan(documents, registry);
      ADD_FAILURE() << "nothing was found wrong in " << c.file;
    } catch (const PipelineErrors& errors) {
      expect_report(c, without_folders(errors.what(), registry));
      PositionCheck positions(documents.sources);
      for (const Problem& problem : errors.problems()) {
        EXPECT_TRUE(problem.where.file) << problem.sentence;
        positions.check(problem.where, "'" + problem.sentence + "'");
      }
      EXPECT_EQ(positions.outside(), "") << "of " << c.file;
    }
  }
}

}  // namespace
}  // namespace pellucid::testing
