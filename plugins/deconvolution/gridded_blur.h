// gridded_blur: a convolution of images that stay on the grid of its Fourier transform, so that an
// iteration costs its transforms and one pass over the samples after each of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
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
/// from its centre, the grid has the size that is fastest to transform from
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
  /// Filters of images in the windows by A; its making plans the transforms.
  FftFilter filter(at::ScalarType real) const;
  /// Of an image on the grid, or of its spectrum.
  std::int64_t bytes(at::ScalarType real) const;
  /// Where a row of images in a window begins; rows of one image follow those of the one before.
  std::int64_t place(const Window& window, std::int64_t row) const;
};

/// A and its adjoint for images in the windows of a BlurGrid, on the CPU; plane p has the kernel of
/// channel p modulo the kernel's channels.
class GriddedBlur {
 public:
  using Row = FftFilter::Row;

  /// `transfer` is that of A on the grid, of one item: (channels or 1, half spectrum...).
  GriddedBlur(const BlurGrid& grid, const Tensor& transfer, at::ScalarType real);
  /// A has this kernel, (sizes...) or (channels, sizes...), and its dtype.
  GriddedBlur(const BlurGrid& grid, const Tensor& kernel);

  const BlurGrid& grid() const { return grid_; }
  std::int64_t kernels() const { return transfer_.size(0); }

  /// y = A x of so many planes, whose rows in the windows are read and written as FftFilter says.
  void forward(std::int64_t planes, const Row& read_x, const Row& write_y) const;
  /// x = A* y.
  void adjoint(std::int64_t planes, const Row& read_y, const Row& write_x) const;
  /// The same from and to tensors (planes, sizes of x or y).
  Tensor blurred(const Tensor& x) const;
  Tensor returned(const Tensor& y) const;
  /// A* 1 for each kernel, (kernels, sizes of x): how much of each sample y holds.
  Tensor adjoint_of_ones() const;

  // Tensors (planes, grid sizes...), contiguous:

  /// Images (planes, sizes...) in the window of x, continued; zeros elsewhere.
  Tensor embedded(const Tensor& x) const;
  /// Continues x beyond its window, once its samples have changed.
  void continue_around(const Tensor& x) const;
  /// What stands in a window, (planes, sizes of the window), a view.
  Tensor inside(const Tensor& grid, const Window& window) const;
  /// A x in the window of y, zeros elsewhere. What stands in `x` beyond its window does not count.
  Tensor forward(const Tensor& x) const;
  /// A* y in the window of x, in the memory of `y`; elsewhere nothing of meaning. What stands in `y`
  /// beyond its window does not count.
  Tensor adjoint(Tensor&& y) const;

  // Where A was made of a kernel:

  /// From here on A is of this kernel, of the same sizes.
  void set_kernel(const Tensor& kernel);
  /// What the kernel gets back from y, as x gets it from `adjoint`: the adjoint of A x as a function
  /// of the kernel, (sizes...), all planes together. `x` and `y`: (planes, sizes of x or y).
  Tensor adjoint_of_kernel(const Tensor& x, const Tensor& y) const;

 private:
  BlurGrid grid_;
  FftFilter filter_;
  std::optional<FftFilter> of_kernel_;  // x stands for the kernel
  std::vector<std::int64_t> kernel_size_;
  Tensor transfer_;
};

}  // namespace pellucid
