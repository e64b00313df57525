// Compression: rate and picture of rounded latents.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

#include "base/temporary_folder.h"
#include "plugins/autoencoder/golden.h"

namespace pellucid::testing {
namespace {

using ::testing::HasSubstr;

constexpr Out<Tensor> kDecoded{"decoded", ""};
constexpr Out<Table> kRates{"rates", ""};

class Compression : public ::testing::Test {
 protected:
  std::string weights_of(const std::string& architecture) const {
    const auto file = folder_.path() / (architecture + ".h5");
    if (!std::filesystem::exists(file))
      write_weights(file, Golden("cae_" + architecture + ".h5").below("state_dict"));
    return file.string();
  }
  TemporaryFolder folder_;
};

TEST_F(Compression, gives_the_recorded_rate_and_picture) {
  for (const char* architecture : {"bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean",
                                   "mbt2018", "cheng2020-anchor", "cheng2020-attn"}) {
    const Golden golden("cae_" + std::string(architecture) + ".h5");
    const Outputs out = run_stage("autoencoder/compress", {{"weights", weights_of(architecture)}},
                                  {{"images", golden("x").to(at::kDouble)}});
    EXPECT_LT(difference(out[kDecoded], golden("eval_f64/x_hat")), 1e-6) << architecture;
    EXPECT_NEAR(out[kRates].reals("rate").at(0) / golden.number("eval_f64/bpp"), 1, 1e-6)
        << architecture;
  }
}

TEST_F(Compression, counts_the_pixels_of_the_image_and_keeps_its_size) {
  const Tensor whole = at::rand({1, 3, 64, 64});
  const Tensor cut = whole.narrow(2, 0, 40).narrow(3, 0, 50).contiguous();
  const Tensor continued =
      at::replication_pad2d(cut, {0, 14, 0, 24});  // what the network is to see of `cut`
  const Settings settings{{"weights", weights_of("mbt2018-mean")}};
  const Outputs of_cut = run_stage("autoencoder/compress", settings, {{"images", cut}});
  const Outputs of_whole = run_stage("autoencoder/compress", settings, {{"images", continued}});
  EXPECT_EQ(of_cut[kDecoded].sizes(), cut.sizes());
  EXPECT_TRUE(at::equal(of_cut[kDecoded], of_whole[kDecoded].narrow(2, 0, 40).narrow(3, 0, 50)));
  EXPECT_NEAR(of_cut[kRates].reals("rate").at(0) * (40 * 50),
              of_whole[kRates].reals("rate").at(0) * (64 * 64), 1e-6);
}

TEST_F(Compression, says_which_images_it_takes) {
  const Settings settings{{"weights", weights_of("mbt2018-mean")}};
  EXPECT_THAT(message_of<ShapeError>([&] {
                run_stage("autoencoder/compress", settings, {{"images", at::rand({1, 2, 8, 8})}});
              }),
              HasSubstr("'images' must have 1 or 3 channels"));
}

}  // namespace
}  // namespace pellucid::testing
