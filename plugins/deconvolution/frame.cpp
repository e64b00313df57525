#include "frame.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/border.h>
#include <pellucid/numerics/fft.h>

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Of one image: complex numbers whose parts take turns, and real weights.
template <class T>
void divide_some(T* values, const T* transfer, const T* weight, T level, T least,
                 std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const T re = values[2 * i], im = values[2 * i + 1];
    const T h_re = transfer[2 * i], h_im = transfer[2 * i + 1];
    const T wanted = level * weight[i];
    const T denominator = h_re * h_re + h_im * h_im + (wanted > least ? wanted : least);
    const T gain = denominator >= std::numeric_limits<T>::min() ? 1 / denominator : 0;
    values[2 * i] = (re * h_re + im * h_im) * gain;
    values[2 * i + 1] = (im * h_re - re * h_im) * gain;
  }
}

template <class T>
void divide_images(const Tensor& spectrum, const Tensor& transfer, const Tensor& weight,
                   const Tensor& levels, double least) {
  auto* const values = static_cast<T*>(spectrum.mutable_data_ptr());
  const auto* const transfers = static_cast<const T*>(transfer.const_data_ptr());
  const auto* const weights = static_cast<const T*>(weight.const_data_ptr());
  const auto* const level =
      levels.defined() ? static_cast<const double*>(levels.const_data_ptr()) : nullptr;
  const std::int64_t channels = transfer.size(0), image = transfer.numel() / channels;
  const std::int64_t weighted = weight.numel() / image;
  at::parallel_for(0, spectrum.numel(), 1 << 15, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last;) {
      const std::int64_t which = i / image, place = i % image;
      const std::int64_t count = std::min(image - place, last - i);
      divide_some(values + 2 * i, transfers + 2 * (which % channels * image + place),
                  weights + which % weighted * image + place, level ? T(level[which]) : T(1),
                  T(least), count);
      i += count;
    }
  });
}

}  // namespace

Frame::Frame(const ConvolutionOperator& blur, const Spec& y) : boundary_(blur.boundary()) {
  require_real(y);
  require_boundary(blur, {Boundary::circular, Boundary::reflect});
  blur.domain(y);
  const Sizes kernel = blur.kernel_size();
  inside_ = last_sizes(y.shape, kernel.size());
  for (std::size_t a = 0; a < kernel.size(); ++a) {
    const bool circular = boundary_ == Boundary::circular;
    if (circular && kernel[a] > inside_[a])
      throw ShapeError("the kernel of a circular blur must not be larger than the images, got " +
                       shape_text(kernel) + " for images of " + shape_text(inside_) +
                       "; crop the kernel, or give the blur the boundary reflect");
    grid_.push_back(circular ? inside_[a] : fast_size(inside_[a] + kernel[a], Parity::even));
    before_.push_back((grid_[a] - inside_[a]) / 2);
    after_.push_back(grid_[a] - inside_[a] - before_[a]);
  }
}

std::int64_t Frame::samples() const { return c10::multiply_integers(grid_); }

void Frame::plan(at::ScalarType real) const { RealFft(grid_, real); }

Tensor Frame::spectrum(const Tensor& images) const {
  const RealFft fft(grid_, images.scalar_type());
  if (boundary_ == Boundary::circular) return fft.forward(images);
  return fft.forward(extended(images, before_, after_, boundary_));
}

Tensor Frame::images(Tensor&& spectrum) const {
  const RealFft fft(grid_, c10::toRealValueType(spectrum.scalar_type()));
  Tensor images = fft.inverse_destroying(std::move(spectrum));
  for (std::int64_t a = 0; a < axes(); ++a)
    images = images.narrow(a - axes(), before_[std::size_t(a)], inside_[std::size_t(a)]);
  return images;
}

void divide(Tensor& spectrum, const Tensor& transfer, const Tensor& weight, const Tensor& levels,
            double least) {
  if (!spectrum.is_cpu()) {
    Tensor wanted = weight;
    if (levels.defined())
      wanted = weight * over_grid(levels.to(weight.options()), transfer.dim() - 1);
    const Tensor denominator =
        squared(transfer) + wanted.nan_to_num(least, kInfinity).clamp_min_(least);
    spectrum.mul_(transfer.conj()).div_(denominator);
    spectrum.masked_fill_(denominator.expand(spectrum.sizes()) == 0, 0);
  } else if (spectrum.scalar_type() == at::kComplexDouble) {
    divide_images<double>(spectrum, transfer.contiguous(), weight.contiguous(), levels, least);
  } else {
    divide_images<float>(spectrum, transfer.contiguous(), weight.contiguous(), levels, least);
  }
}

std::vector<std::pair<std::string, Penalty>> enumerators(Penalty) {
  return {{"identity", Penalty::identity}, {"laplacian", Penalty::laplacian}};
}

Tensor squared_response(Penalty penalty, const Sizes& grid, const at::TensorOptions& options) {
  Tensor sum = at::zeros({}, options);
  for (std::size_t a = 0; a < grid.size(); ++a) {
    const std::int64_t count = a + 1 == grid.size() ? grid[a] / 2 + 1 : grid[a];
    const Tensor angle =
        at::arange(count, options.dtype(at::kDouble)) * (std::numbers::pi / double(grid[a]));
    sum = sum.unsqueeze(-1) + at::sin(angle).square().mul_(4).to(sum.scalar_type());
  }
  return penalty == Penalty::identity ? sum.fill_(1) : sum.square_();
}

Tensor squared(const Tensor& complex) {
  return at::real(complex).square().addcmul_(at::imag(complex), at::imag(complex));
}

Tensor sum_over_grid(const Tensor& half, const Sizes& grid) {
  const std::int64_t twice = (grid.back() - 1) / 2;  // columns that stand for two
  const Sizes axes = last_axes(grid.size());
  return half.sum(axes, false, at::kDouble) +
         half.narrow(-1, 1, twice).sum(axes, false, at::kDouble);
}

Tensor over_grid(const Tensor& numbers, std::int64_t axes) {
  Tensor all = numbers;
  for (std::int64_t a = 0; a < axes; ++a) all = all.unsqueeze(-1);
  return all;
}

void require_usable(const Tensor& images, const Tensor& kernel, std::int64_t item) {
  const auto of_item = [&] { return " of item " + std::to_string(item); };
  const auto [least, most] = at::aminmax(images);
  if (!std::isfinite(least.item<double>()) || !std::isfinite(most.item<double>()))
    throw Error("'y' must be finite, found inf or nan in item " + std::to_string(item));
  const double kernel_sum = kernel.abs().sum().item<double>();
  if (!std::isfinite(kernel_sum))
    throw Error("the kernel" + of_item() + " must be finite, found inf or nan");
  if (kernel_sum == 0)
    throw Error("the kernel" + of_item() + " is 0 everywhere, so 'y' says nothing of 'x'; give " +
                "another kernel to 'A'");
}

Tensor lasting_transfer(const ConvolutionOperator& blur, const Frame& frame, at::ScalarType real) {
  if (blur.kernel_spec().items != 1 || !blur.kernel().defined()) return {};
  return blur.transfer(frame.grid(), real);
}

std::int64_t frame_bytes(const ConvolutionOperator& blur, const Spec& y, std::int64_t spectra) {
  const Frame frame(blur, y);
  Sizes half = frame.grid();
  half.back() += 2;
  const std::int64_t pixels = c10::multiply_integers(last_sizes(y.shape, half.size()));
  const std::int64_t images = pixels == 0 ? 0 : y.item_numel() / pixels;
  const Spec kernel = blur.kernel_spec();
  const std::int64_t kernels = std::min(kernel.items, y.items) * kernel.shape.front();
  // Transfer functions are made from kernels on the grid, before anything else.
  return std::max(2 * kernels, spectra * images + 4 + kernels) * c10::multiply_integers(half) *
         (y.dtype == at::kDouble ? 8 : 4);
}

}  // namespace pellucid
