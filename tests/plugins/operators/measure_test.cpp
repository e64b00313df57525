// Measurements: what is added, how strongly, and that it never depends on the blocks.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::run_stage;
using testing::Settings;

constexpr Out<Tensor> kY{"y", ""};

Settings gaussian_noise(double sigma) {
  return {{"noise", Value::map({{"gaussian", Value::map({{"sigma", sigma}})}})}};
}

Tensor measured(const Settings& settings, const Tensor& x, std::int64_t first = 0,
                std::int64_t count = -1) {
  const Outputs out = run_stage("operators/measure", settings, {{"x", x, "chw"}}, first, count);
  return out[kY];
}

TEST(Measure, without_operator_and_noise_is_the_identity) {
  const Tensor x = at::rand({2, 3, 5, 4});
  EXPECT_TRUE(at::equal(measured({}, x), x));
  EXPECT_TRUE(at::equal(measured(gaussian_noise(0), x), x));
}

TEST(Measure, applies_its_operator) {
  const Tensor x = at::rand({2, 3, 16, 12});
  const std::shared_ptr<const LinearOperator> blur = testing::load_linear_operator(
      "operators/convolution",
      {{"kernel", Value::map({{"gaussian", Value::map({{"std", 1.5}})}})}});
  const Outputs out = run_stage("operators/measure", {}, {{"x", x, "chw"}, {"A", {}, {}, blur}});
  EXPECT_TRUE(at::equal(out[kY], blur->forward(x)));
}

TEST(Measure, is_differentiated_through_its_operator_however_that_computes) {
  for (const char* method : {"direct", "fft"}) {
    const std::shared_ptr<const LinearOperator> blur = testing::load_linear_operator(
        "operators/convolution", {{"kernel", "box"}, {"method", method}});
    const Tensor x = at::rand({1, 2, 9, 8}, at::kDouble).set_requires_grad(true);
    const Tensor v = at::rand({1, 2, 9, 8}, at::kDouble);
    const Outputs out =
        run_stage("operators/measure", gaussian_noise(0.1), {{"x", x, "chw"}, {"A", {}, {}, blur}});
    ASSERT_TRUE(out[kY].requires_grad()) << method;
    (out[kY] * v).sum().backward();
    EXPECT_LT((x.grad() - blur->adjoint(v)).abs().max().item<double>(), 1e-14) << method;
  }
}

TEST(Measure, adds_noise_of_the_standard_deviation_asked_for) {
  const Tensor x = at::rand({4, 3, 100, 100}, at::kDouble);
  const Tensor noise = measured(gaussian_noise(0.03), x) - x;
  // 120 000 draws: the mean varies by 0.003 sigma, the deviation by 0.002 sigma.
  EXPECT_NEAR(noise.mean().item<double>(), 0, 0.03 * 0.015);
  EXPECT_NEAR(noise.std().item<double>(), 0.03, 0.03 * 0.01);
  EXPECT_LT((noise[0] - noise[1]).abs().min().item<double>(), 0.01);
  EXPECT_FALSE(at::equal(noise[0], noise[1]));
}

TEST(Measure, never_writes_to_its_input) {
  const Tensor x = at::rand({1, 1, 8, 8});
  const Tensor kept = x.clone();
  measured(gaussian_noise(0.5), x);
  EXPECT_TRUE(at::equal(x, kept));
}

TEST(Measure, draws_alike_however_the_items_are_cut_into_blocks) {
  const Tensor x = at::rand({5, 1, 9, 7});
  const Tensor all = measured(gaussian_noise(0.1), x);
  const Tensor last = measured(gaussian_noise(0.1), x.narrow(0, 3, 2), 3, 2);
  EXPECT_TRUE(at::equal(all.narrow(0, 3, 2), last));
}

TEST(Measure, refuses_a_negative_deviation) {
  EXPECT_EQ(testing::message_of<ConfigError>([] {
              measured(gaussian_noise(-1), at::rand({1, 1, 2, 2}));
            }),
            "test.yaml:1:1: 'sigma' must be in [0, inf], got -1");
}

}  // namespace
}  // namespace pellucid
