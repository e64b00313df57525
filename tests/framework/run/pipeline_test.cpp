// Pipeline, as programs that embed Pellucid use it: read, ask, run, and functions in memory.

#include <pellucid/pipeline.h>

#include <cstdlib>
#include <map>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "framework/run/running.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

class Embedded : public RunTest {
 protected:
  Embedded() { ::setenv("PELLUCID_PLUGIN_PATH", PELLUCID_TRIAL_PLUGINS, 1); }

  Pipeline parsed(const std::string& nodes, const std::vector<std::string>& overrides = {}) const {
    return Pipeline::parse("pellucid: 1\nsettings: {threads: 1, block: 2}\n" + nodes, folder(),
                           overrides);
  }

  RunOptions options() const {
    RunOptions made;
    made.folder = folder() / "run";
    return made;
  }
};

constexpr const char* kChain =
    "nodes:\n"
    "  x: {use: trial/ramp, with: {items: 6}}\n"
    "  y: {use: trial/affine, in: {x: x}, with: {gain: 3, offset: 1}}\n"
    "  z: {use: trial/affine, in: {x: y}, with: {gain: 2}}\n";

TEST_F(Embedded, says_what_it_will_carry) {
  const Pipeline pipeline = parsed(kChain, {"x.items=9"});
  EXPECT_EQ(pipeline.spec("z").text(), pipeline.spec("z.y").text());
  EXPECT_EQ(pipeline.spec("z").items, 9);
  EXPECT_EQ(pipeline.spec("z").shape, (std::vector<std::int64_t>{1, 16, 16}));
  EXPECT_TRUE(nlohmann::json::parse(pipeline.plan_json()).is_object());
  EXPECT_THROW(pipeline.spec("nothing"), ConfigError);
}

TEST_F(Embedded, throws_a_report_of_all_that_is_wrong) {
  try {
    parsed("nodes: {x: {use: trial/ramp, with: {items: -1}}, y: {use: trial/affine}}\n");
    FAIL() << "nothing was wrong";
  } catch (const PipelineErrors& errors) {
    EXPECT_EQ(errors.problems().size(), 2u) << errors.what();
    EXPECT_THAT(errors.what(), HasSubstr("pipeline:3:"));
  }
}

TEST_F(Embedded, runs_and_shows_how_far_it_is) {
  std::map<std::string, std::int64_t> done;
  RunOptions with_progress = options();
  with_progress.progress = [&](const std::string& node, std::int64_t blocks, std::int64_t) {
    done[node] = blocks;
  };
  const Pipeline pipeline = parsed(kChain);
  const RunSummary summary = pipeline.run(with_progress);
  EXPECT_EQ(summary.status, RunStatus::done);
  EXPECT_FALSE(summary.up_to_date);
  EXPECT_THAT(summary.results, ::testing::Contains(folder() / "run" / "result.h5"));
  EXPECT_TRUE(at::equal(result("/z/y"), (ramp(6) * 3 + 1) * 2));
  EXPECT_EQ(done["z"], 3);
  EXPECT_TRUE(pipeline.run(options()).up_to_date);
}

TEST_F(Embedded, stops_where_it_is_told_and_goes_on) {
  const Pipeline pipeline = parsed(kChain, {"z.pause=50 ms", "x.items=40"});
  RunOptions stopped = options();
  stopped.cancelled = [] { return true; };
  EXPECT_EQ(pipeline.run(stopped).status, RunStatus::interrupted);
  EXPECT_EQ(pipeline.run(options()).status, RunStatus::done);
}

TEST_F(Embedded, throws_where_a_node_fails) {
  const Pipeline pipeline = parsed("nodes: {x: {use: trial/ramp, with: {broken: 3}}}\n");
  try {
    pipeline.run(options());
    FAIL() << "it did not fail";
  } catch (const Error& error) {
    EXPECT_EQ(error.node(), "x");
  }
}

TEST_F(Embedded, gives_the_nodes_between_two_ports_as_a_function) {
  const auto function = parsed(kChain).function("x", "z");
  const Tensor batch = at::rand({3, 1, 16, 16});
  EXPECT_TRUE(at::equal((*function)(batch, 0), (batch * 3 + 1) * 2));
  EXPECT_EQ(function->range(spec_of(at::zeros({1, 1, 16, 16}), "chw")).shape,
            (std::vector<std::int64_t>{1, 16, 16}));
}

TEST_F(Embedded, computes_what_a_function_needs_beside_its_argument) {
  const auto function = parsed(
                            "nodes:\n"
                            "  x: {use: trial/ramp, with: {items: 5}}\n"
                            "  half: {use: trial/affine, in: {x: x}, with: {gain: 0.5}}\n"
                            "  y: {use: trial/affine, in: {x: x}, with: {gain: 10}}\n"
                            "  z: {use: trial/affine, in: {x: y, bias: half}, with: {gain: 1}}\n")
                            .function("y", "z");
  const Tensor batch = at::rand({2, 1, 16, 16});
  for (const std::int64_t item : {0, 3, 4})
    EXPECT_TRUE(at::allclose((*function)(batch, item), batch + ramp(5)[item] * 0.5)) << item;
  EXPECT_THROW((*function)(batch, 5), Error);
}

TEST_F(Embedded, makes_the_objects_of_a_function_for_its_item) {
  const Pipeline pipeline = parsed(
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 4}}\n"
      "  s: {use: trial/affine, in: {x: x}, with: {gain: 10}}\n"
      "  A: {use: trial/shift, in: {s: s}}\n"
      "  twice: {use: trial/affine, in: {x: x}}\n"
      "  y: {use: trial/observe, in: {x: twice, A: A}}\n");
  const Tensor batch = at::rand({3, 1, 16, 16});
  const auto beside = pipeline.function("twice", "y");
  const auto through = pipeline.function("x", "y");
  for (const std::int64_t item : {2, 0}) {
    EXPECT_TRUE(at::allclose((*beside)(batch, item), batch + ramp(4)[item] * 10)) << item;
    EXPECT_TRUE(at::allclose((*through)(batch, item), batch * 12)) << item;
  }
}

TEST_F(Embedded, runs_a_procedure_before_a_function_that_needs_it) {
  const Pipeline pipeline = parsed(
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 4}}\n"
      "  back: {use: trial/reversed, in: {x: x}}\n"
      "  y: {use: trial/affine, in: {x: x}, with: {gain: 2}}\n"
      "  z: {use: trial/affine, in: {x: y, bias: back}, with: {gain: 1}}\n");
  const Tensor batch = at::rand({2, 1, 16, 16});
  EXPECT_TRUE(at::allclose((*pipeline.function("y", "z"))(batch, 1), batch + ramp(4)[2]));
}

TEST_F(Embedded, draws_for_a_function_what_the_run_draws_for_the_item) {
  const Pipeline pipeline = parsed(
      "nodes:\n"
      "  x: {use: trial/ramp, with: {items: 4}}\n"
      "  y: {use: trial/noise, in: {x: x}}\n");
  pipeline.run(options());
  const auto function = pipeline.function("x", "y");
  EXPECT_TRUE(at::equal((*function)(ramp(4).narrow(0, 2, 1), 2), result("/y/y").narrow(0, 2, 1)));
}

TEST_F(Embedded, explains_why_there_is_no_such_function) {
  const Pipeline pipeline = parsed(kChain);
  try {
    pipeline.function("xx", "z");
    FAIL() << "there is a function";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("there are 'x', 'y' and 'z'"));
  }
  EXPECT_THROW(pipeline.function("z", "x"), PipelineErrors);
}

}  // namespace
}  // namespace pellucid::testing
