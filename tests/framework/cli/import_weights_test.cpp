// pellucid import-weights: files of other programs become ours, or are refused.

#include <ATen/ATen.h>

#include <pellucid/weights.h>

#include "framework/cli/program.h"

namespace pellucid::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kNetwork =
    std::string(PELLUCID_SOURCE_DIR) + "/tests/data/vble/cae_mbt2018-mean.h5";

class ImportWeights : public ProgramTest {
 protected:
  /// The tensors of a small network.
  Weights network() const {
    Weights chosen;
    for (const auto& [key, tensor] : read_weights(kNetwork).tensors)
      if (key.rfind("state_dict.", 0) == 0) chosen.tensors[key.substr(11)] = tensor;
    return chosen;
  }
  std::string stored(const Weights& weights) const {
    write_weights(folder() / "given.h5", weights);
    return "given.h5";
  }
};

TEST_F(ImportWeights, writes_all_tensors_and_where_they_are_from) {
  const Answer answer = pellucid(
      {"import-weights", stored(network()), "--to", "net.h5", "--for", "autoencoder/mbt2018-mean"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out,
              AllOf(HasSubstr("net.h5: "), HasSubstr("autoencoder/mbt2018-mean takes them")));
  const Weights written = read_weights(folder() / "net.h5");
  EXPECT_EQ(written.attributes.at("source"), "given.h5");
  ASSERT_EQ(written.tensors.size(), network().tensors.size());
  for (const auto& [key, tensor] : network().tensors)
    EXPECT_TRUE(at::equal(written.tensors.at(key), tensor)) << key;
}

TEST_F(ImportWeights, stores_numbers_in_the_precision_asked_for) {
  ASSERT_EQ(
      pellucid({"import-weights", stored(network()), "--to", "net.h5", "--dtype", "float16"}).code,
      0);
  EXPECT_EQ(read_weights(folder() / "net.h5").at("g_a.0.weight").scalar_type(), at::kHalf);
  Weights large = network();
  large.tensors["g_a.0.bias"].fill_(1e6);
  EXPECT_THAT(
      pellucid({"import-weights", stored(large), "--to", "large.h5", "--dtype", "float16"}).err,
      HasSubstr("'g_a.0.bias' is too large for float16"));
  EXPECT_FALSE(fs::exists(folder() / "large.h5"));
}

TEST_F(ImportWeights, refuses_what_the_component_does_not_take) {
  Weights missing = network();
  missing.tensors.erase("h_s.2.weight");
  const Answer answer = pellucid(
      {"import-weights", stored(missing), "--to", "net.h5", "--for", "autoencoder/mbt2018-mean"});
  EXPECT_NE(answer.code, 0);
  EXPECT_THAT(answer.err, HasSubstr("h_s.2.weight"));
  EXPECT_FALSE(fs::exists(folder() / "net.h5"));
}

TEST_F(ImportWeights, replaces_nothing_unasked) {
  write("net.h5", "mine");
  EXPECT_THAT(pellucid({"import-weights", stored(network()), "--to", "net.h5"}).err,
              HasSubstr("give --overwrite"));
  EXPECT_EQ(pellucid({"import-weights", stored(network()), "--to", "net.h5", "--overwrite"}).code,
            0);
  EXPECT_THAT(pellucid({"import-weights", stored(network())}).err, HasSubstr("--to"));
  EXPECT_THAT(pellucid({"import-weights", stored(network()), "--to", "net.pth"}).err,
              HasSubstr(".h5"));
  write("text.pth", "no weights");
  EXPECT_THAT(pellucid({"import-weights", "text.pth", "--to", "other.h5"}).err,
              HasSubstr("holds no weights"));
}

}  // namespace
}  // namespace pellucid::testing
