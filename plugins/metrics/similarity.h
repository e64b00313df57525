// similarity: how alike the structure of two images is, at one scale and at several.
#pragma once

#include <pellucid/spec.h>

namespace pellucid {

/// Samples along each axis that the window needs, and all five scales of it.
constexpr std::int64_t kSimilarityWindow = 11;
constexpr std::int64_t kMultiscaleSize = 16 * kSimilarityWindow;

/// SSIM, the mean over leading axes and all places of the window in the last `dimensions` axes:
/// Wang et al. 2004, eq. 13, with sample covariances: n / (n - 1) times the weighted ones, n the
/// samples of the window.
double ssim(const Tensor& x, const Tensor& reference, double range, std::int64_t dimensions);

/// MS-SSIM, the mean over leading axes: Wang et al. 2003, eq. 7 and Table 1, five scales, each
/// halved by means of 2 samples along each axis (a last odd one is dropped). A negative mean of
/// contrast and structure counts as 0, because its power would be complex.
double multiscale_ssim(const Tensor& x, const Tensor& reference, double range,
                       std::int64_t dimensions);

}  // namespace pellucid
