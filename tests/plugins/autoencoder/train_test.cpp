// Training as a user runs it: costs fall, a training that was killed ends with the same bits, and
// what cannot be trained on is refused.

#include <chrono>
#include <thread>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>
#include <pellucid/weights.h>

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

class Training : public ProgramTest {
 protected:
  /// A network that is too small for anything but a test, on painted scenes.
  void prepare(const std::string& more, const std::string& size = "96") const {
    write("train.yaml", R"(pellucid: 1
settings: {seed: 3, threads: 2}
nodes:
  scenes: {use: io/scene, with: {items: 6, size: )" +
                            size + R"(}}
  others: {use: io/scene, with: {items: 2, size: 64}}
  train:
    use: autoencoder/train
    in: {images: scenes, validation: others}
    with: {channels: 6, latents: 8, alpha: 0.01, batch: 2, crop: 64, to: weights.h5, )" +
                            more + R"(}
  save: {use: io/save, in: {history: train.history, checks: train.checks}, with: {to: tables.h5}}
)");
  }

  /// From the table of checks that a run prints: item, iteration, loss, rate, psnr.
  static std::vector<double> losses_of_checks(const std::string& out) {
    const std::size_t table = out.find("train.checks");
    if (table == std::string::npos) return {};
    std::istringstream lines(out.substr(table));
    std::string line;
    std::getline(lines, line);
    std::getline(lines, line);
    std::vector<double> losses;
    double item = 0, iteration = 0, loss = 0;
    while (std::getline(lines, line) && std::istringstream(line) >> item >> iteration >> loss)
      losses.push_back(loss);
    return losses;
  }

  std::map<std::string, Tensor> weights(const std::string& run) const {
    return read_weights(folder() / run / "weights.h5").tensors;
  }
};

TEST_F(Training, lowers_the_cost_and_writes_the_averaged_weights) {
  prepare("iterations: 60, report: 10, check_every: 30, rate: 0.003, warmup: 5, average: 0.9");
  const Answer answer = pellucid({"run", "train.yaml", "--run", "run", "--quiet"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  const std::vector<double> losses = losses_of_checks(answer.out);
  ASSERT_EQ(losses.size(), 2u) << answer.out;
  EXPECT_LT(losses[1], losses[0]);
  const auto weights = this->weights("run");
  EXPECT_EQ(weights.at("g_a.6.weight").sizes(), (std::vector<std::int64_t>{8, 6, 5, 5}));
  EXPECT_EQ(weights.size(), 55u);
}

TEST_F(Training, that_was_killed_ends_with_the_same_bits) {
  prepare("iterations: 40, report: 10, check_every: 20, checkpoint: 1 ms");
  ASSERT_EQ(pellucid({"run", "train.yaml", "--run", "whole", "--quiet"}).code, 0);
  {
    Process killed(folder(), {"run", "train.yaml", "--run", "killed", "--quiet"});
    const auto checkpoint = folder() / "killed/nodes/train/checkpoint.h5";
    while (!fs::exists(checkpoint) && !killed.is_over())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    killed.send(SIGKILL);
  }
  EXPECT_FALSE(fs::exists(folder() / "killed/weights.h5"));
  const Answer again = pellucid({"run", "train.yaml", "--run", "killed"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err + again.out, HasSubstr("goes on after iteration"));
  const auto whole = weights("whole"), resumed = weights("killed");
  for (const auto& [key, tensor] : whole) EXPECT_TRUE(at::equal(tensor, resumed.at(key))) << key;
}

TEST_F(Training, ends_early_where_checks_do_not_improve) {
  // With steps of no length nothing improves.
  prepare("iterations: 50, report: 1, check_every: 1, patience: 3, rate: 1e-30, final_rate: 1e-30");
  const Answer answer = pellucid({"run", "train.yaml", "--run", "run"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  const std::vector<double> losses = losses_of_checks(answer.out);
  ASSERT_GE(losses.size(), 4u) << answer.out;
  EXPECT_LT(losses.size(), 50u);
  EXPECT_EQ(read_weights(folder() / "run/weights.h5").attributes.at("iterations"),
            std::to_string(losses.size()));
}

TEST_F(Training, goes_on_from_weights_of_the_same_widths_only) {
  prepare("iterations: 2, report: 1");
  ASSERT_EQ(pellucid({"run", "train.yaml", "--run", "first", "--quiet"}).code, 0);
  const std::string start = "start: " + (folder() / "first/weights.h5").string();
  prepare("iterations: 1, report: 1, rate: 1e-30, final_rate: 1e-30, " + start);
  ASSERT_EQ(pellucid({"run", "train.yaml", "--run", "second", "--quiet"}).code, 0);
  const auto first = weights("first"), second = weights("second");
  for (const auto& [key, tensor] : first) {
    if (key == "entropy_bottleneck.quantiles") continue;  // with a step size of their own
    EXPECT_TRUE(at::equal(tensor, second.at(key))) << key;
  }

  const Answer other = pellucid({"check", "train.yaml", "--set", "train.channels=7"});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("'start' must be mbt2018-mean with 7 channels and 8 latents, "
                                   "found mbt2018-mean with 6 channels and 8 latents"));
}

TEST_F(Training, says_what_it_cannot_train_on) {
  prepare("iterations: 1", "48");
  const Answer small = pellucid({"check", "train.yaml"});
  EXPECT_EQ(small.code, 2);
  EXPECT_THAT(small.err, HasSubstr("pictures must be at least as large as a crop of 64 px"));
  prepare("iterations: 1");
  EXPECT_THAT(pellucid({"check", "train.yaml", "--set", "train.crop=100"}).err,
              HasSubstr("'crop' must be a multiple of 64, got 100"));
  EXPECT_THAT(pellucid({"check", "train.yaml", "--set", "others.size=80"}).err,
              HasSubstr("the sides of 'validation' must be multiples of 64"));
}

}  // namespace
}  // namespace pellucid::testing
