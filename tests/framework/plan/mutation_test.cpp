// Mutations: shipped pipelines with tokens lost, doubled, swapped and replaced. Whatever comes out is
// planned or refused within a second, and every position lies inside the text.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <random>

#include "framework/pipeline/corpus.h"
#include "framework/pipeline/positions.h"
#include "plan/plan.h"
#include "plugin/registry.h"

namespace pellucid::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kMutations = 10000;

std::vector<fs::path> shipped_pipelines() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(PELLUCID_SOURCE_DIR) / "pipelines"))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// Words, single other characters, and the spaces between them.
std::vector<std::string> tokens_of(const std::string& text) {
  std::vector<std::string> tokens;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    while (end < text.size() && is_word(text[at]) && is_word(text[end])) ++end;
    while (end < text.size() && text[at] == ' ' && text[end] == ' ') ++end;
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}

  std::string mutated(std::vector<std::string> tokens) {
    for (std::uint32_t count = 1 + below(3); count > 0 && !tokens.empty(); --count) mutate(tokens);
    std::string text;
    for (const std::string& token : tokens) text += token;
    return text;
  }

 private:
  std::uint32_t below(std::size_t bound) {
    return static_cast<std::uint32_t>(random_() % std::max<std::size_t>(1, bound));
  }

  void mutate(std::vector<std::string>& tokens) {
    const auto at = tokens.begin() + below(tokens.size());
    const std::string other = tokens[below(tokens.size())];
    switch (below(6)) {
      case 0:
        tokens.erase(at);
        break;
      case 1:
        tokens.insert(at, other);
        break;
      case 2:
        *at = other;
        break;
      case 3:
        std::swap(*at, tokens[below(tokens.size())]);
        break;
      case 4:
        *at = odd_token();
        break;
      default:
        at->insert(below(at->size() + 1), 1, static_cast<char>(below(256)));
    }
  }

  std::string odd_token() {
    static const std::vector<std::string> odd{
        "",    "-1", "0",  "1e400", "nan",      "99999999999999999999",
        "~",   "[]", "{}", "'",     "\"",       "${x}",
        "${",  "&a", "*a", "<<",    "!!binary", "? ",
        "- ",  "\t", "\n", "é",     "1/0",      "4 GiB",
        "true"};
    return odd[below(odd.size())];
  }

  std::mt19937 random_;
};

/// The largest number of items or bytes that a mutation may ask for is not bounded by the language,
/// so planning has to stay quick whatever stands there.
void expect_plan_or_report(const std::string& text, const fs::path& folder,
                           const Registry& registry) {
  const std::vector<std::pair<std::string, std::string>> environment;
  ReadOptions reading;
  reading.environment = &environment;
  PlanOptions options;
  options.folder = fs::temp_directory_path();
  const Documents documents = read_pipeline_text(text, "mutated.yaml", folder, reading);
  try {
    make_plan(documents, registry, options);
  } catch (const PipelineErrors& errors) {
    PositionCheck positions(documents.sources);
    for (const Problem& problem : errors.problems())
      positions.check(problem.where, "'" + problem.sentence + "'");
    EXPECT_EQ(positions.outside(), "") << text;
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "the pipeline has no nodes") << text;
  }
}

TEST(Mutation, of_a_shipped_pipeline_is_planned_or_refused_within_a_second) {
  const Registry registry;
  // Another seed tries others: PELLUCID_MUTATION_SEED=7 (the default is what everybody tries).
  const char* const seed = std::getenv("PELLUCID_MUTATION_SEED");
  Mutator mutator(static_cast<std::uint32_t>(seed ? std::atoi(seed) : 20261123));
  const std::vector<fs::path> files = shipped_pipelines();
  ASSERT_FALSE(files.empty());
  std::vector<std::vector<std::string>> tokens;
  for (const fs::path& file : files) tokens.push_back(tokens_of(contents_of(file)));
  for (int i = 0; i < kMutations && !::testing::Test::HasFailure(); ++i) {
    const std::size_t which = static_cast<std::size_t>(i) % files.size();
    const std::string text = mutator.mutated(tokens[which]);
    const auto start = std::chrono::steady_clock::now();
    expect_plan_or_report(text, files[which].parent_path(), registry);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    EXPECT_LT(taken.count(), 1.0) << text;
  }
}

}  // namespace
}  // namespace pellucid::testing
