// frame: the FFT grid that images are deconvolved on, and what all direct methods do there.
#pragma once

#include <string>
#include <vector>

#include <ATen/ops/empty.h>

#include <pellucid/plugin.h>

namespace pellucid {

/// Where images stand on the FFT grid of their blur. That of a circular blur is their own. That of
/// a reflecting one is larger by at least the kernel's size, half of it on each side (rounded
/// down), transforms fast, and is filled by reflection.
class Frame {
 public:
  /// For images with the spec of `y`. Throws ConfigError where the boundary of the blur is neither
  /// circular nor reflect, ShapeError where it does not take y, or would wrap its kernel around y
  /// more than once.
  Frame(const ConvolutionOperator& blur, const Spec& y);

  const std::vector<std::int64_t>& grid() const { return grid_; }
  std::int64_t axes() const { return static_cast<std::int64_t>(grid_.size()); }
  /// Samples of the grid.
  std::int64_t samples() const;
  /// Plans the transforms of the grid.
  void plan(at::ScalarType real) const;
  /// The half spectrum of images (..., sizes...), extended to the grid.
  Tensor spectrum(const Tensor& images) const;
  /// The images that have a spectrum, cut out of the grid.
  Tensor images(Tensor&& spectrum) const;

 private:
  std::vector<std::int64_t> grid_, before_, inside_, after_;
  Boundary boundary_;
};

/// X = conj(H) Y / (|H|^2 + W), 0 where the denominator underflows: Y (..., channels, half
/// spectrum) becomes X. H is (channels or 1, half spectrum). W = max(level weight, least), with a
/// real weight of one spectrum, one a channel, or as many as Y; infinite where a frequency is to be
/// taken away; and a level for each image, float64 (1 where undefined).
void divide(Tensor& spectrum, const Tensor& transfer, const Tensor& weight,
            const Tensor& levels = {}, double least = 0);

/// What L gives that is kept small.
enum class Penalty { identity, laplacian };
std::vector<std::pair<std::string, Penalty>> enumerators(Penalty);

/// |L|^2 on the half spectrum of a grid: 1, or that of the discrete Laplacian (2 axes: 5 points, 3
/// axes: 7), (sum over axes of 4 sin^2(pi f))^2 with f in cycles per sample.
Tensor squared_response(Penalty penalty, const std::vector<std::int64_t>& grid,
                        const at::TensorOptions& options);

/// |z|^2.
Tensor squared(const Tensor& complex);

/// Sum over the whole grid of a real, even function on the half spectrum, in float64, for each
/// image.
Tensor sum_over_grid(const Tensor& half, const std::vector<std::int64_t>& grid);

/// Numbers of images as (..., 1, ...), to be multiplied with spectra of `axes` axes.
Tensor over_grid(const Tensor& numbers, std::int64_t axes);

/// Throws Error where a sample of the item is not finite; or where a kernel is not, or 0
/// everywhere. `item` is its number in the dataset.
void require_usable(const Tensor& images, const Tensor& kernel, std::int64_t item);

/// The transfer function of a kernel that is the same in all blocks, for `prepare`; undefined where
/// there is none.
Tensor lasting_transfer(const ConvolutionOperator& blur, const Frame& frame, at::ScalarType real);

/// Bytes of what a direct method makes on the way: transfer functions, a few fields that are the
/// same for all images, and `spectra` half spectra (or images on the grid) for each image of an
/// item.
std::int64_t frame_bytes(const ConvolutionOperator& blur, const Spec& y, std::int64_t spectra);

/// x from the blurred images y, item by item: `restore(images, transfer, row)` of the images
/// (..., sizes...) of an item, with at least one leading axis, and of its blur's transfer function:
/// the lasting one, where it is defined.
template <class Restore>
Tensor each_item(const Tensor& y, const ConvolutionOperator& blur, const Frame& frame,
                 const Tensor& lasting, const Inputs& in, Context& context, Restore restore) {
  if (y.numel() == 0) return at::empty(y.sizes(), y.options());
  Tensor x;
  const Tensor transfers =
      (lasting.defined() ? lasting : blur.transfer(frame.grid(), y.scalar_type())).to(y.device());
  for (std::int64_t row = 0; row < y.size(0); ++row) {
    context.stop_if_cancelled();
    const std::int64_t own = transfers.size(0) == 1 ? 0 : row;
    require_usable(y[row], blur.kernel()[own], in.item(row));
    const Tensor images = y[row].dim() == frame.axes() ? y[row].unsqueeze(0) : y[row];
    const Tensor restored = restore(images, transfers[own], row);
    if (y.size(0) == 1) return restored.reshape(y.sizes()).contiguous();
    if (!x.defined()) x = at::empty(y.sizes(), y.options());
    x[row].copy_(restored.reshape(x[row].sizes()));
  }
  return x;
}

}  // namespace pellucid
