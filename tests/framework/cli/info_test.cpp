// pellucid info: what results and runs hold.

#include <nlohmann/json.hpp>

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class Info : public ProgramTest {
 protected:
  void SetUp() override {
    write("score.yaml",
          "pellucid: 1\n"
          "settings: {threads: 1, seed: 17}\n"
          "nodes:\n"
          "  x: {use: trial/ramp, with: {items: 7, shape: [1, 24, 32]}}\n"
          "  y: {use: trial/affine, in: {x: x}, with: {gain: 1, offset: 0.1}}\n"
          "  score: {use: metrics/quality, in: {x: y, reference: x}}\n"
          "keep: [y]\n");
    const Answer answer = with_trial({"run", "score.yaml"});
    ASSERT_EQ(answer.code, 0) << answer.err;
  }
};

TEST_F(Info, shows_arrays_tables_and_provenance_of_a_result) {
  const Answer answer = pellucid({"info", "runs/score/result.h5"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, AllOf(HasSubstr("/y/y"), HasSubstr("float32 7x1x24x32"),
                                HasSubstr("axes chw"), HasSubstr("unit 1")));
  EXPECT_THAT(answer.out, AllOf(HasSubstr("7 rows"), HasSubstr("psnr [dB]"), HasSubstr("mean")));
  EXPECT_THAT(answer.out, AllOf(HasSubstr("seed 17"), HasSubstr("plugins")));
}

TEST_F(Info, gives_the_same_as_json) {
  const Answer answer = pellucid({"info", "runs/score/result.h5", "--json"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  const Json json = Json::parse(answer.out);
  ASSERT_EQ(json["arrays"].size(), 1u) << answer.out;
  EXPECT_EQ(json["arrays"][0]["path"], "/y/y");
  EXPECT_EQ(json["arrays"][0]["shape"], Json::array({7, 1, 24, 32}));
  EXPECT_EQ(json["arrays"][0]["attributes"]["axes"], "chw");
  ASSERT_EQ(json["tables"].size(), 1u);
  EXPECT_EQ(json["tables"][0]["rows"], 7);
  EXPECT_EQ(json["tables"][0]["head"].size(), 5u);
  EXPECT_EQ(json["tables"][0]["columns"][0]["name"], "item");
  EXPECT_EQ(json["provenance"]["seed"], 17);
}

TEST_F(Info, shows_how_a_run_went_and_its_results) {
  const Answer text = pellucid({"info", "runs/score"});
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("a run, finished"), HasSubstr("result.h5")));
  const Json json = Json::parse(pellucid({"info", "runs/score", "--json"}).out);
  EXPECT_EQ(json["run"]["status"], "finished");
  EXPECT_EQ(json["results"].size(), 1u);
}

TEST_F(Info, complains_of_what_it_does_not_know) {
  EXPECT_THAT(pellucid({"info", "nowhere.h5"}).err, HasSubstr("does not exist"));
  EXPECT_THAT(pellucid({"info", "."}).err, HasSubstr("is not the folder of a run"));
  write("text.h5", "no HDF5 at all");
  const Answer answer = pellucid({"info", "text.h5"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("text.h5"));
}

}  // namespace
}  // namespace pellucid::testing
