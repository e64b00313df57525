// Wiener deconvolution of photographs: what it gains over the blurred ones.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::run_stage;
using testing::Settings;

/// The output of a stage that has one tensor output.
Tensor only(const Outputs& outputs) { return std::get<Tensor>(outputs.all().begin()->second); }

class Photographs : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* shared = std::getenv("PELLUCID_SHARED");
    const std::string folder = std::string(shared ? shared : "") + "/data/test/set47_bsd";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no photographs";
    truth_ = only(run_stage("io/images", {{"path", folder + "/*.jpg"}}, {}, 0, 8));
  }

  double psnr(const Tensor& x) const {
    return -10 * at::log10((x - truth_).square().mean({1, 2, 3})).mean().item<double>();
  }

  struct Figures {
    double blurred, flat, power_law;
  };
  Figures figures(double std) const {
    const auto blur = testing::load_linear_operator(
        "operators/convolution",
        {{"kernel", Value::map({{"gaussian", Value::map({{"std", std}})}})}});
    const Tensor y =
        only(run_stage("operators/measure",
                       {{"noise", Value::map({{"gaussian", Value::map({{"sigma", 7.65 / 255}})}})}},
                       {{"x", truth_, "chw"}, {"A", {}, {}, blur}}));
    const auto restored = [&](const Value& signal) {
      return psnr(
          only(run_stage("deconvolution/wiener", {{"noise", 7.65 / 255}, {"signal", signal}},
                         {{"y", y, "chw"}, {"A", {}, {}, blur}})));
    };
    const Figures found{psnr(y), restored("flat"), restored("power_law")};
    std::printf("std %g: blurred %.2f dB, flat %.2f dB, power law %.2f dB\n", std, found.blurred,
                found.flat, found.power_law);
    return found;
  }

  Tensor truth_;
};

// The eight photographs gained 1.35 and 1.53 dB; a flat spectrum, whose c is as large as the noise
// that the blur suppressed, loses 8 dB and more.

TEST_F(Photographs, a_narrow_blur_is_undone_by_more_than_a_decibel) {
  const Figures found = figures(1);
  EXPECT_NEAR(found.blurred, 25.0, 0.1);
  EXPECT_NEAR(found.power_law, 26.4, 0.1);
  EXPECT_GT(found.power_law, found.flat + 5);
}

TEST_F(Photographs, a_wide_blur_is_undone_by_a_decibel_and_a_half) {
  const Figures found = figures(3);
  EXPECT_NEAR(found.blurred, 21.5, 0.1);
  EXPECT_NEAR(found.power_law, 23.05, 0.1);
  EXPECT_GT(found.power_law, found.flat + 5);
}

}  // namespace
}  // namespace pellucid
