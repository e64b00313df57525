#include "fft_convolution.h"

#include <ATen/ATen.h>

#include <pellucid/numerics/border.h>
#include <pellucid/numerics/fft.h>

namespace pellucid {

using Sizes = std::vector<std::int64_t>;

Sizes FftConvolution::grid(const Sizes& sizes) const {
  if (convolution_.boundary() == Boundary::circular) return sizes;
  const Sizes kernel = convolution_.kernel_size();
  Sizes grid;
  for (std::size_t a = 0; a < sizes.size(); ++a)
    grid.push_back(fast_size(sizes[a] + kernel[a] - 1, Parity::even));
  return grid;
}

/// What the image is extended by: in front as far as the kernel reaches behind its centre.
Sizes FftConvolution::before() const {
  Sizes lines;
  for (const std::int64_t n : convolution_.kernel_size()) lines.push_back(n - 1 - n / 2);
  return lines;
}

Sizes FftConvolution::after(const Sizes& sizes) const {
  const Sizes whole = grid(sizes), front = before();
  Sizes lines;
  for (std::size_t a = 0; a < whole.size(); ++a) lines.push_back(whole[a] - sizes[a] - front[a]);
  return lines;
}

Tensor FftConvolution::forward(const Tensor& x, std::int64_t item) const {
  const Boundary boundary = convolution_.boundary();
  if (boundary == Boundary::circular) return filtered(x, item, Direction::forward);
  const Sizes sizes = x.sizes().slice(2).vec(), front = before();
  Tensor y = filtered(extended(x, front, after(sizes), boundary), item, Direction::forward);
  for (std::size_t a = 0; a < sizes.size(); ++a)
    y = y.narrow(static_cast<std::int64_t>(a) + 2, front[a], sizes[a]);
  return y;
}

Tensor FftConvolution::adjoint(const Tensor& y, std::int64_t item) const {
  const Boundary boundary = convolution_.boundary();
  if (boundary == Boundary::circular) return filtered(y, item, Direction::adjoint);
  const Sizes front = before(), behind = after(y.sizes().slice(2).vec());
  Tensor x = filtered(extended(y, front, behind, Boundary::zero), item, Direction::adjoint);
  return folded(std::move(x), front, behind, boundary);
}

/// Circular convolution, or correlation.
Tensor FftConvolution::filtered(const Tensor& grid, std::int64_t item, Direction direction) const {
  const Sizes sizes = grid.sizes().slice(2).vec();
  const Tensor gains = transfer(sizes, grid.options());
  const Tensor gain = gains[gains.size(0) == 1 ? 0 : item];
  const RealFft fft(sizes, grid.scalar_type());
  Tensor spectrum = fft.forward(grid);
  spectrum.mul_(direction == Direction::adjoint ? gain.conj() : gain);
  return fft.inverse_destroying(std::move(spectrum));
}

Tensor FftConvolution::transfer(const Sizes& sizes, const at::TensorOptions& options) const {
  const std::lock_guard guard(mutex_);
  const auto real = c10::typeMetaToScalarType(options.dtype());
  if (!transfer_.defined() || sizes_ != sizes || real_ != real ||
      transfer_.device() != options.device()) {
    transfer_ = convolution_.transfer(sizes, real).to(options.device());
    sizes_ = sizes;
    real_ = real;
  }
  return transfer_;
}

}  // namespace pellucid
