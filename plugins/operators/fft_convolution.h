// fft_convolution: a convolution and its adjoint as products of spectra.
#pragma once

#include <mutex>
#include <vector>

#include <pellucid/operator.h>

namespace pellucid {

/// Applies a convolution by FFT, on the image itself where it is circular, otherwise on a grid that
/// holds the image and what the kernel sees of the world outside. Keeps the transfer function of
/// the grid it was last used on, because iterations ask for the same one again and again. Any
/// number of threads may call it.
class FftConvolution {
 public:
  /// Keeps a reference.
  explicit FftConvolution(const ConvolutionOperator& convolution) : convolution_(convolution) {}

  /// Grid for images x of `sizes`, on which the circular convolution is right where it is wanted.
  std::vector<std::int64_t> grid(const std::vector<std::int64_t>& sizes) const;

  /// Writes y (x) of the other, (rows, channels, sizes...), with the kernel of one item.
  void forward(const Tensor& x, std::int64_t item, const Tensor& y) const;
  void adjoint(const Tensor& y, std::int64_t item, const Tensor& x) const;

  /// As ConvolutionOperator::transfer: (items or 1, channels or 1, half spectrum...).
  Tensor transfer(const std::vector<std::int64_t>& sizes, const at::TensorOptions& options) const;

 private:
  enum class Direction { forward, adjoint };
  Tensor filtered(Tensor&& grid, std::int64_t item, Direction direction) const;
  Tensor empty_grid(const Tensor& images, const std::vector<std::int64_t>& sizes) const;

  const ConvolutionOperator& convolution_;
  mutable std::mutex mutex_;
  mutable Tensor transfer_;
  mutable std::vector<std::int64_t> sizes_;
  mutable at::ScalarType real_ = at::kFloat;
};

}  // namespace pellucid
