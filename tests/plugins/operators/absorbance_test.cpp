// Absorbance: the way back from transmission, frames, and repairs.

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::Given;
using testing::Settings;

constexpr Out<Tensor> kY{"y", ""};
constexpr Out<Table> kRepairs{"repairs", ""};

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

Outputs absorbance(const Settings& settings, const std::vector<Given>& inputs) {
  return testing::run_stage("operators/absorbance", settings, inputs);
}

TEST(Absorbance, undoes_transmission) {
  const Tensor x = at::rand({2, 6, 9}, at::kDouble) * 8;
  const auto a = testing::load_operator("operators/transmission", {{"attenuation", 0.5}});
  const Outputs out = absorbance({{"attenuation", 0.5}}, {{"data", a->forward(x), "aw"}});
  EXPECT_LT(difference(out[kY], x), 1e-12);
}

TEST(Absorbance, is_corrected_by_the_means_of_flat_and_dark_frames) {
  const Tensor data = at::rand({2, 6, 9}, at::kDouble) + 1.5;
  const Tensor flat = at::rand({2, 4, 9}, at::kDouble) + 3, dark = at::rand({1, 3, 9}, at::kDouble);
  const Outputs out =
      absorbance({}, {{"data", data, "aw"}, {"flat", flat, "aw"}, {"dark", dark, "aw"}});
  for (int n = 0; n < 2; ++n)
    for (int s = 0; s < 9; ++s) {
      double white = 0, black = 0;
      for (int k = 0; k < 4; ++k) white += flat[n][k][s].item<double>() / 4;
      for (int k = 0; k < 3; ++k) black += dark[0][k][s].item<double>() / 3;
      for (int k = 0; k < 6; ++k)
        EXPECT_NEAR(out[kY][n][k][s].item<double>(),
                    -std::log((data[n][k][s].item<double>() - black) / (white - black)), 1e-12);
    }
  EXPECT_EQ(out[kRepairs].reals("clipped"), (std::vector<double>{0, 0}));
}

TEST(Absorbance, counts_and_repairs_what_cannot_be_believed) {
  const Tensor data = at::tensor({0.5, 0.0, -3.0, 0.5, 0.005}).view({1, 1, 5});
  const Tensor flat = at::tensor({1.0, 1.0, 1.0, 0.0, 1.0}).view({1, 1, 5});
  const Tensor kept = data.clone();
  const Outputs out = absorbance({{"floor", 0.01}}, {{"data", data, "aw"}, {"flat", flat, "aw"}});
  const Tensor y = out[kY].flatten();
  EXPECT_NEAR(y[0].item<double>(), std::log(2.0), 1e-6);
  for (const int clipped : {1, 2, 4}) EXPECT_NEAR(y[clipped].item<double>(), std::log(100.0), 1e-5);
  EXPECT_EQ(y[3].item<double>(), 0);
  EXPECT_EQ(out[kRepairs].reals("clipped"), std::vector<double>{3});
  EXPECT_EQ(out[kRepairs].reals("dead"), std::vector<double>{1});
  EXPECT_TRUE(at::equal(data, kept));
}

TEST(Absorbance, takes_whole_numbers) {
  const Tensor counts = at::full({1, 2, 3}, 50, at::kInt),
               open = at::full({1, 2, 3}, 100, at::kInt);
  const Tensor y = absorbance({}, {{"data", counts, "aw"}, {"flat", open, "aw"}})[kY];
  EXPECT_EQ(y.scalar_type(), at::kFloat);
  EXPECT_NEAR(y.min().item<double>(), std::log(2.0), 1e-6);
}

TEST(Absorbance, refuses_frames_that_do_not_fit_and_samples_that_are_not_finite) {
  const auto message = [](const std::vector<Given>& inputs) {
    return testing::message_of<Error>([&] { absorbance({}, inputs); });
  };
  const Given data{"data", at::rand({3, 6, 9}), "aw"};
  EXPECT_THAT(message({data, {"flat", at::rand({1, 6, 8}), "aw"}}),
              ::testing::HasSubstr("'flat' must be real and agree with 'data'"));
  EXPECT_THAT(message({data, {"dark", at::rand({1, 9}), "w"}}),
              ::testing::HasSubstr("'dark' must be real and agree with 'data'"));
  EXPECT_THAT(message({data, {"flat", at::rand({2, 6, 9}), "aw"}}),
              ::testing::HasSubstr("'flat' must have one item or as many as 'data', got 2 and 3"));
  EXPECT_THAT(message({{"data", at::full({1, 2, 2}, NAN), "aw"}}),
              ::testing::HasSubstr("must be finite"));
}

}  // namespace
}  // namespace pellucid
