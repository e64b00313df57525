// PSNR and SSIM against recorded results of a reference program; tolerances as recorded with them.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

/// DatasetReader reads arrays; the recorded numbers are single ones, so they stand here, with the
/// group of the file that they are from.
struct Recorded {
  int border;
  double psnr, ssim;
};

TEST(QualityGolden, agrees_with_the_reference) {
  const char* shared = std::getenv("PELLUCID_SHARED");
  const std::filesystem::path file =
      std::filesystem::path(shared ? shared : "") / "golden/vble/metrics.h5";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no reference data";
  const auto read = [&](const char* name) {
    const DatasetReader reader({file, name});
    return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape())
        .unsqueeze(0);
  };
  const Tensor estimate = read("/estimate"), target = read("/target");
  for (const Recorded& recorded : {Recorded{0, 24.493429600570977, 0.47596294461615013},
                                   Recorded{5, 24.518031228710374, 0.49099429532716515}})
    for (const auto dtype : {at::kDouble, at::kFloat}) {
      const Outputs out = testing::run_stage(
          "metrics/quality", {{"border", recorded.border}},
          {{"x", estimate.to(dtype), "chw"}, {"reference", target.to(dtype), "chw"}});
      const Table& table = out[Out<Table>{"scores", ""}];
      const bool wide = dtype == at::kDouble;
      EXPECT_NEAR(table.reals("psnr")[0], recorded.psnr, wide ? 1e-8 : 1e-5);
      EXPECT_NEAR(table.reals("ssim")[0], recorded.ssim, wide ? 1e-9 : 1e-5);
    }
}

}  // namespace
}  // namespace pellucid
