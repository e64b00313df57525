#include <cstdlib>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <pellucid/weights.h>

namespace pellucid {
namespace {

class RealWeights : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* shared = std::getenv("PELLUCID_SHARED");
    if (shared == nullptr) GTEST_SKIP() << "no sample data here";
    folder_ = std::filesystem::path(shared) / "weights";
  }

  static std::int64_t numbers(const Weights& weights) {
    std::int64_t count = 0;
    for (const auto& [key, tensor] : weights.tensors) count += tensor.numel();
    return count;
  }

  std::filesystem::path folder_;
};

// The counts stand in the README beside the files.
TEST_F(RealWeights, hdf5_files_have_the_stated_number_of_parameters) {
  const Weights dncnn = read_weights(folder_ / "dncnn_gray_sigma25.h5");
  EXPECT_EQ(numbers(dncnn), 555'137);
  EXPECT_TRUE(dncnn.attributes.count("architecture"));
  EXPECT_EQ(dncnn.attributes.at("in_channels"), "1");
  EXPECT_EQ(numbers(read_weights(folder_ / "lpips_v01_linear_alex.h5")), 1152);
}

TEST_F(RealWeights, a_checkpoint_of_compressai_has_the_stated_number_of_parameters) {
  const Weights model = read_weights(folder_ / "cae_mbt2018-mean_n64_m128_l0130.pth.tar");
  EXPECT_EQ(numbers(model), 2'399'074);
  EXPECT_EQ(model.at("g_a.0.weight", {64, 3, 5, 5}).scalar_type(), at::kFloat);
}

TEST_F(RealWeights, shapes_agree_with_tensors) {
  const auto path = folder_ / "cae_mbt2018-mean_n64_m128_l0130.pth.tar";
  const Weights model = read_weights(path);
  for (const auto& [key, shape] : weight_shapes(path))
    EXPECT_EQ(model.at(key).sizes(), shape) << key;
}

}  // namespace
}  // namespace pellucid
