// Convolution against recorded results of a reference program in float32: blurs of a picture with
// measured and Gaussian kernels, and their adjoints. Tolerances: those recorded with the data.

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/operators/golden.h"

namespace pellucid {
namespace {

class Golden : public testing::GoldenOperators {
 protected:
  void compare(const LinearOperator& a, const std::string& group) const {
    const Tensor y = a.forward(read("/x").to(at::kFloat));
    EXPECT_LT((y - read(group + "/Ax")).abs().max().item<double>(), 2e-6) << group;
    const Tensor back = a.adjoint(read("/shared/v_96").to(at::kFloat)).to(at::kDouble);
    const Tensor expected = read(group + "/Atv").to(at::kDouble);
    EXPECT_LT(((back - expected).abs().max() / expected.abs().max()).item<double>(), 5e-6) << group;
  }
};

TEST_F(Golden, measured_and_gaussian_kernels_divided_by_their_sum) {
  for (const std::string name : {"gaussian_std1", "gaussian_std3", "levin09_0"})
    for (const char* method : {"direct", "fft"}) {
      const Tensor kernel = read("/filters/" + name).unsqueeze(0).unsqueeze(0);
      const auto a = testing::load_linear_operator("operators/convolution", {{"method", method}},
                                                   {{"kernel", kernel}});
      compare(*a, "/deblur_" + name);
    }
}

TEST_F(Golden, gaussians_from_their_standard_deviation) {
  for (const auto& [std, radius, group] :
       {std::tuple{1.0, 5, "/deblur_gaussian_std1"}, {3.0, 10, "/deblur_gaussian_std3"}}) {
    const auto a = testing::load_linear_operator(
        "operators/convolution",
        {{"kernel", Value::map({{"gaussian", Value::map({{"std", std}, {"radius", radius}})}})}});
    compare(*a, group);
  }
}

TEST_F(Golden, a_gaussian_that_is_not_normalized) {
  const auto a = testing::load_linear_operator(
      "operators/convolution",
      {{"kernel", Value::map({{"gaussian", Value::map({{"std", 1.0}, {"radius", 2}})}})},
       {"normalize", false}});
  compare(*a, "/deblur_parametric_k5_std1");
}

}  // namespace
}  // namespace pellucid
