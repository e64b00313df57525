// Downsampling, enlarging and inpainting against recorded results of a reference program in
// float32. Tolerances: those recorded with the data.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/golden.h"
#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::load_linear_operator;
using testing::run_stage;

using Golden = testing::GoldenOperators;

TEST_F(Golden, bicubic_grids_their_adjoints_and_their_first_images) {
  for (const int factor : {2, 4}) {
    const auto a = load_linear_operator("operators/downsampling", {{"factor", factor}});
    const std::string group = "/sisr_x" + std::to_string(factor);
    const Tensor y = a->forward(read("/x").to(at::kFloat));
    EXPECT_LT(laws::largest(y - read(group + "/Ax")), 2e-6) << group;
    const Tensor v = read("/shared/v_" + std::to_string(96 / factor)).to(at::kFloat);
    EXPECT_LT(laws::relative(a->adjoint(v), read(group + "/Atv")), 5e-6) << group;

    constexpr Out<Tensor> x{"x", ""};
    const Outputs out = run_stage("operators/enlarge", {},
                                  {{"y", read(group + "/y").to(at::kFloat)}, {"A", {}, {}, a}});
    EXPECT_LT(laws::largest(out[x] - read(group + "/xinit")), 2e-6) << group;
  }
}

TEST_F(Golden, a_measured_mask) {
  const Tensor mask = read("/filters/inpainting50").narrow(1, 0, 96).narrow(2, 0, 96).unsqueeze(0);
  const auto a = load_linear_operator("operators/inpainting", {}, {{"mask", mask}});
  const Tensor x = read("/x").to(at::kFloat);
  EXPECT_TRUE(at::equal(a->forward(x), read("/inpainting50/Ax").to(at::kFloat)));
  const Tensor v = read("/shared/v_96").to(at::kFloat);
  EXPECT_TRUE(at::equal(a->adjoint(v), read("/inpainting50/Atv").to(at::kFloat)));
  // Noise is where the mask is 1; the reference has none where x happens to be 0, either.
  const Tensor y = read("/inpainting50/y");
  EXPECT_EQ(laws::largest(y - a->forward(y)), 0);
}

TEST_F(Golden, a_mask_from_the_file_itself) {
  const auto a = load_linear_operator(
      "operators/inpainting",
      {{"mask", Value::map({{"file", file_.string() + ":/filters/inpainting50"}})}});
  const Tensor seen = a->forward(at::ones({1, 3, 256, 256}));
  EXPECT_TRUE(at::equal(seen[0], read("/filters/inpainting50").to(at::kFloat)));
}

}  // namespace
}  // namespace pellucid
