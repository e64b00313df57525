// gaussian_blur: isotropic Gaussian blur of the last two axes, as a self-adjoint linear operator.
//
//   forward   y = G_sigma * x, zero outside the image       x, y: (..., h, w), real, same unit
//   adjoint   equal to forward: the kernel is even and the boundary is zero
//
// Settings (keys in a pipeline file)
//   sigma      [px]     standard deviation, >= 0; 0 is the identity         default 1
//   truncate   [sigma]  kernel radius in standard deviations, in [1, 10]    default 4
//
// Errors
//   ConfigError  unknown key, value not a number or out of range (before anything runs)
//   ShapeError   axes do not end in "hw", or dtype is not a real floating type (while planning)
//
// Accuracy  the kernel is a Gaussian sampled at whole pixels and rescaled to sum to 1; below
//           sigma = 0.5 px that differs visibly from a continuous Gaussian [1].
// Cost      O(h w sigma truncate) per image; one temporary the size of x.
//
// [1] T. Lindeberg, "Scale-space for discrete signals", IEEE TPAMI 12(3):234-254, 1990,
//     doi:10.1109/34.49051.

#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

/// Samples of a Gaussian at -radius..radius, summing to 1. Shape (2 radius + 1).
Tensor gaussian_kernel(double sigma, std::int64_t radius, const at::TensorOptions& options) {
  const Tensor offset = at::arange(-radius, radius + 1, options);
  const Tensor weight = at::exp(-0.5 * at::square(offset / sigma));
  return weight / weight.sum();
}

/// Zero-padded convolution of single-channel images (n, 1, h, w) with one kernel.
Tensor convolve(const Tensor& images, const Tensor& kernel, at::IntArrayRef padding) {
  return at::conv2d(images, kernel, /*bias=*/{}, /*stride=*/1, padding);
}

class GaussianBlur final : public LinearOperator {
 public:
  struct Settings {
    double sigma = 1.0;     // px
    double truncate = 4.0;  // standard deviations
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"sigma", &Settings::sigma, "px", "standard deviation; 0 is the identity", at_least(0.0)},
        {"truncate", &Settings::truncate, "sigma", "kernel radius", within(1.0, 10.0)},
    };
    return rows;
  }

  explicit GaussianBlur(Settings settings) : settings_(settings) {}

  Spec range(const Spec& x) const override {
    require_axes(x, "hw");
    require_real(x);
    return x;
  }

  Tensor forward(const Tensor& x) const override {
    const auto radius = static_cast<std::int64_t>(std::ceil(settings_.truncate * settings_.sigma));
    if (radius == 0) return x;

    const Tensor kernel = gaussian_kernel(settings_.sigma, radius, x.options());
    const Tensor images = x.reshape({-1, 1, x.size(-2), x.size(-1)});
    const Tensor columns = convolve(images, kernel.view({1, 1, -1, 1}), {radius, 0});
    return convolve(columns, kernel.view({1, 1, 1, -1}), {0, radius}).reshape(x.sizes());
  }

  Tensor adjoint(const Tensor& y) const override { return forward(y); }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(GaussianBlur, "Isotropic Gaussian blur of an image");

}  // namespace pellucid
