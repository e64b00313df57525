// Shipped pipelines with random tokens changed: reading never crashes, never takes long, and every
// position that it gives lies inside the text.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <random>

#include "framework/pipeline/mutation.h"
#include "framework/pipeline/positions.h"
#include "pipeline/document.h"

namespace pellucid {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMutations = 10000;
constexpr auto kLongest = std::chrono::seconds(1);

TEST(Mutation, of_shipped_pipelines_is_read_quickly_with_positions_inside_the_text) {
  const std::vector<testing::Shipped> pipelines = testing::shipped_pipelines();
  ASSERT_GE(pipelines.size(), 5u);
  testing::Mutator mutator(pipelines, /*seed=*/1);
  int with_problems = 0;
  for (int i = 0; i < kMutations; ++i) {
    const testing::Shipped& pipeline = pipelines[i % pipelines.size()];
    const std::string text = mutator.mutated(pipeline);
    const auto begin = Clock::now();
    const Documents documents = read_pipeline_text(text, "mutated.yaml", pipeline.folder);
    const std::string report = report_of(documents.problems, documents.sources);
    const auto spent = Clock::now() - begin;

    ASSERT_EQ(testing::positions_outside(documents), "") << "mutation " << i << ":\n" << text;
    ASSERT_LT(spent, kLongest) << "mutation " << i << ":\n" << text;
    ASSERT_TRUE(!documents.points.empty() || !documents.problems.empty())
        << "mutation " << i << " gives nothing:\n"
        << text;
    if (!documents.problems.empty()) ++with_problems;
  }
  // Mutations that hurt nothing would test nothing; those that always hurt would stop too early.
  EXPECT_GT(with_problems, kMutations / 4);
  EXPECT_LT(with_problems, kMutations);
}

TEST(Mutation, of_none_leaves_the_shipped_pipelines_sound) {
  for (const testing::Shipped& pipeline : testing::shipped_pipelines()) {
    const Documents documents = read_pipeline_text(pipeline.text, "shipped.yaml", pipeline.folder);
    EXPECT_EQ(report_of(documents.problems, documents.sources), "0 errors; nothing was run\n");
  }
}

}  // namespace
}  // namespace pellucid
