// gridded_blur: a convolution of images that stay on the grid of its Fourier transform, so that an
// iteration costs its transforms and one pass over the samples after each of them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <pellucid/numerics/fft.h>
#include <pellucid/operator.h>

namespace pellucid {

/// Images in a larger grid, as volumes (z, y, x) with z = 1 for images: sample i of an axis stands at
/// place offset + i.
struct Window {
  std::array<std::int64_t, 3> offset{0, 0, 0};
  std::array<std::int64_t, 3> sizes{1, 1, 1};

  std::int64_t rows() const { return sizes[0] * sizes[1]; }  ///< of one image
  std::int64_t width() const { return sizes[2]; }
  std::int64_t samples() const { return rows() * width(); }
};

/// The grid on which a circular convolution is that of A wherever y is, and where x and y = A x stand
/// in it. Along each axis, for n samples of y, a kernel of k and its reach max(k - 1 - k / 2, k / 2)
/// from its centre, the grid has the next even size with no factors but 2, 3 and 5 from
///
///   circular             n, as it is
///   zero                 n + reach
///   reflect, replicate   n + k - 1: x is continued around itself
///   valid                n + k - 1: x is as large, and y stands k - 1 - k / 2 samples inside
struct BlurGrid {
  BlurGrid(const ConvolutionOperator& a, at::IntArrayRef sizes_of_y);

  std::vector<std::int64_t> sizes;  ///< of the grid, along the axes that A convolves
  Window x, y;
  /// How far x is continued in front (around the end of the grid) and behind.
  std::array<std::int64_t, 3> before{0, 0, 0}, after{0, 0, 0};
  Boundary boundary;

  std::int64_t samples() const;
  /// Of an image on the grid, or of its spectrum.
  std::int64_t bytes(at::ScalarType real) const;
  /// Where a row of images in a window begins; rows of one image follow those of the one before.
  std::int64_t place(const Window& window, std::int64_t row) const;
};

/// A and its adjoint for images on a BlurGrid: tensors (planes, grid sizes...), contiguous, on the
/// CPU; plane p has the kernel of channel p modulo the kernel's channels.
class GriddedBlur {
 public:
  /// `transfer` is that of A on the grid, of one item: (channels or 1, half spectrum...). Plans the
  /// transforms.
  GriddedBlur(const BlurGrid& grid, const Tensor& transfer, at::ScalarType real);
  /// A has this kernel, (sizes...), and its dtype.
  GriddedBlur(const BlurGrid& grid, const Tensor& kernel);

  const BlurGrid& grid() const { return grid_; }
  std::int64_t kernels() const { return transfer_.size(0); }

  /// Images (planes, sizes...) in the window of x, continued; zeros elsewhere.
  Tensor embedded(const Tensor& x) const;
  /// What stands in a window, (planes, sizes of the window), a view.
  Tensor inside(const Tensor& grid, const Window& window) const;

  /// A x in the window of y; elsewhere nothing of meaning. `x` is zero beyond its window but for
  /// what it is continued by.
  Tensor forward(const Tensor& x) const;
  /// A* y in the window of x; elsewhere nothing of meaning. What stands in `y` beyond its window
  /// counts as zero.
  Tensor adjoint(Tensor&& y) const;
  /// Continues x beyond its window, once its samples have changed.
  void continue_around(const Tensor& x) const;
  /// A* 1 for each kernel, (kernels, sizes of x): how much of each sample y holds.
  Tensor adjoint_of_ones() const;

  /// From here on A is of this kernel, (sizes...).
  void set_kernel(const Tensor& kernel);
  /// What a kernel of `size` gets back from y, as x gets it from `adjoint`: the adjoint of A x as a
  /// function of the kernel, all planes together. Both are as for `forward` and `adjoint`.
  Tensor adjoint_of_kernel(const Tensor& x, Tensor&& y, at::IntArrayRef size) const;

 private:
  BlurGrid grid_;
  Tensor transfer_;
  RealFft fft_;
};

}  // namespace pellucid
