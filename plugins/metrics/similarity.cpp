#include "similarity.h"

#include <array>
#include <cmath>

#include <ATen/ATen.h>

namespace pellucid {
namespace {

constexpr std::int64_t kRadius = kSimilarityWindow / 2;

/// Means under the Gaussian window (std 1.5), where it fits.
Tensor windowed(const Tensor& x, std::int64_t dimensions) {
  const Tensor offset = at::arange(-kRadius, kRadius + 1, at::kDouble) / 1.5;
  const Tensor bell = at::exp(-0.5 * offset.square());
  const Tensor weights = bell / bell.sum();
  Tensor mean = x;
  for (std::int64_t axis = -dimensions; axis < 0; ++axis) {
    const std::int64_t length = mean.size(axis) - 2 * kRadius;
    Tensor sum = mean.narrow(axis, 0, length) * weights[0].item<double>();
    for (std::int64_t i = 1; i < kSimilarityWindow; ++i)
      sum.add_(mean.narrow(axis, i, length), weights[i].item<double>());
    mean = sum;
  }
  return mean;
}

/// The factors of SSIM at each place of the window; `structure` is contrast times structure.
struct Factors {
  Tensor luminance;
  Tensor structure;
};

Factors factors(const Tensor& x, const Tensor& r, double range, std::int64_t dimensions,
                double unbiased) {
  const double c1 = std::pow(0.01 * range, 2), c2 = std::pow(0.03 * range, 2);
  const Tensor mx = windowed(x, dimensions), mr = windowed(r, dimensions);
  const Tensor vx = unbiased * (windowed(x * x, dimensions) - mx * mx);
  const Tensor vr = unbiased * (windowed(r * r, dimensions) - mr * mr);
  const Tensor cxr = unbiased * (windowed(x * r, dimensions) - mx * mr);
  return {(2 * mx * mr + c1) / (mx * mx + mr * mr + c1), (2 * cxr + c2) / (vx + vr + c2)};
}

Tensor halved(Tensor x, std::int64_t dimensions) {
  for (std::int64_t axis = -dimensions; axis < 0; ++axis) {
    const std::int64_t even = x.size(axis) / 2 * 2;
    x = (x.slice(axis, 0, even, 2) + x.slice(axis, 1, even, 2)) / 2;
  }
  return x;
}

}  // namespace

double ssim(const Tensor& x, const Tensor& reference, double range, std::int64_t dimensions) {
  const double samples = std::pow(double(kSimilarityWindow), double(dimensions));
  const auto [luminance, structure] =
      factors(x, reference, range, dimensions, samples / (samples - 1));
  return (luminance * structure).mean(at::kDouble).item<double>();
}

double multiscale_ssim(const Tensor& x, const Tensor& reference, double range,
                       std::int64_t dimensions) {
  constexpr std::array<double, 5> weights{0.0448, 0.2856, 0.3001, 0.2363, 0.1333};
  const auto places = last_axes(static_cast<std::size_t>(dimensions));
  Tensor a = x, b = reference, product;
  for (std::size_t scale = 0; scale < weights.size(); ++scale) {
    const auto [luminance, structure] = factors(a, b, range, dimensions, 1);
    const bool last = scale + 1 == weights.size();
    const Tensor mean = (last ? luminance * structure : structure).mean(places, false, at::kDouble);
    const Tensor factor = mean.clamp_min(0).pow(weights[scale]);
    product = product.defined() ? product * factor : factor;
    if (last) break;
    a = halved(a, dimensions);
    b = halved(b, dimensions);
  }
  return product.mean().item<double>();
}

}  // namespace pellucid
