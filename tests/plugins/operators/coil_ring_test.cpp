// Simulated coils: normalized, each strongest where it stands, smooth.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

namespace pellucid {
namespace {

constexpr Out<Tensor> kCoils{"coils", ""};

Tensor coils_of(const testing::Settings& settings) {
  return testing::run_stage("operators/coil_ring", settings, {})[kCoils][0];
}

TEST(CoilRing, has_sensitivities_whose_squares_sum_to_1) {
  for (const int coils : {1, 2, 8}) {
    const Tensor all = coils_of({{"size", Value::list({20, 31})}, {"coils", coils}});
    EXPECT_EQ(all.sizes(), at::IntArrayRef({coils, 20, 31}));
    EXPECT_TRUE(at::allclose(all.abs().square().sum(0), at::ones({20, 31}), 1e-6, 1e-6));
  }
}

TEST(CoilRing, is_brightest_beside_each_coil) {
  const Tensor all = coils_of({{"size", 64}, {"coils", 4}}).abs();
  // Right, below, left, above.
  const std::array<std::pair<int, int>, 4> beside{{{32, 63}, {63, 32}, {32, 0}, {0, 32}}};
  for (int c = 0; c < 4; ++c)
    for (int at = 0; at < 4; ++at) {
      const auto [y, x] = beside[static_cast<std::size_t>(at)];
      const float value = all[c][y][x].item<float>();
      if (at == c) EXPECT_GT(value, 0.8F);
      else EXPECT_LT(value, 0.6F);
    }
}

TEST(CoilRing, is_smooth) {
  const Tensor all = coils_of({{"size", 128}});
  EXPECT_LT((all.narrow(1, 1, 127) - all.narrow(1, 0, 127)).abs().max().item<double>(), 0.15);
}

}  // namespace
}  // namespace pellucid
