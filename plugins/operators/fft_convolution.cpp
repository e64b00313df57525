#include "fft_convolution.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/numerics/vectorised.h>

#include "continuation.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

template <class T>
struct Vector;
template <>
struct Vector<float> {
  using Type [[gnu::vector_size(32)]] = float;
  using Index [[gnu::vector_size(32)]] = std::int32_t;
  static constexpr Index real{0, 0, 2, 2, 4, 4, 6, 6}, imaginary{1, 1, 3, 3, 5, 5, 7, 7};
  static constexpr Index swapped{1, 0, 3, 2, 5, 4, 7, 6};
  static constexpr Type sign{-1, 1, -1, 1, -1, 1, -1, 1};
};
template <>
struct Vector<double> {
  using Type [[gnu::vector_size(32)]] = double;
  using Index [[gnu::vector_size(32)]] = std::int64_t;
  static constexpr Index real{0, 0, 2, 2}, imaginary{1, 1, 3, 3}, swapped{1, 0, 3, 2};
  static constexpr Type sign{-1, 1, -1, 1};
};

/// values[i] *= gains[i], or its conjugate (`sign` -1), for numbers whose real and imaginary parts
/// take turns. Whole vectors throughout, so that each product is made alike wherever it stands.
template <class T>
[[gnu::always_inline]] inline void multiply(T* values, const T* gains, T sign, std::int64_t count) {
  using V = Vector<T>;
  using Lanes = typename V::Type;
  constexpr std::int64_t lanes = sizeof(Lanes) / sizeof(T);
  const auto some = [&](std::int64_t first, std::size_t bytes) [[gnu::always_inline]] {
    Lanes value{}, gain{};
    __builtin_memcpy(&value, values + first, bytes);
    __builtin_memcpy(&gain, gains + first, bytes);
    value = value * __builtin_shuffle(gain, V::real) + __builtin_shuffle(value, V::swapped) *
                                                           (sign * V::sign) *
                                                           __builtin_shuffle(gain, V::imaginary);
    __builtin_memcpy(values + first, &value, bytes);
  };
  std::int64_t i = 0;
  for (; i + lanes <= 2 * count; i += lanes) some(i, sizeof(Lanes));
  if (i < 2 * count) some(i, static_cast<std::size_t>(2 * count - i) * sizeof(T));
}

PELLUCID_VECTORISED void multiplied(float* values, const float* gains, float sign,
                                    std::int64_t count) {
  multiply(values, gains, sign, count);
}

PELLUCID_VECTORISED void multiplied(double* values, const double* gains, double sign,
                                    std::int64_t count) {
  multiply(values, gains, sign, count);
}

template <class T>
void multiply_images(const Tensor& spectrum, const Tensor& gain, bool conjugate) {
  auto* const values = static_cast<T*>(spectrum.mutable_data_ptr());
  const auto* const gains = static_cast<const T*>(gain.const_data_ptr());
  const std::int64_t period = gain.numel();  // of one image, or of the channels of one row
  at::parallel_for(0, spectrum.numel(), 1 << 16, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last;) {
      const std::int64_t place = i % period, count = std::min(period - place, last - i);
      multiplied(values + 2 * i, gains + 2 * place, conjugate ? T(-1) : T(1), count);
      i += count;
    }
  });
}

/// spectrum (rows, channels, half...) times gain (channels or 1, half...), or its conjugate.
void multiply_by(Tensor& spectrum, const Tensor& gain, bool conjugate) {
  if (!spectrum.is_cpu()) spectrum.mul_(conjugate ? gain.conj() : gain);
  else if (spectrum.scalar_type() == at::kComplexDouble)
    multiply_images<double>(spectrum, gain, conjugate);
  else multiply_images<float>(spectrum, gain, conjugate);
}

}  // namespace

Sizes FftConvolution::grid(const Sizes& sizes) const {
  const Boundary boundary = convolution_.boundary();
  if (boundary == Boundary::circular) return sizes;
  const Sizes kernel = convolution_.kernel_size();
  Sizes grid;
  for (std::size_t a = 0; a < sizes.size(); ++a) {
    // Where the kernel fits, what wraps around is never seen.
    const std::int64_t beyond = boundary == Boundary::valid ? 0 : kernel[a] - 1;
    grid.push_back(fast_size(sizes[a] + beyond, Parity::even));
  }
  return grid;
}

Tensor FftConvolution::empty_grid(const Tensor& images, const Sizes& sizes) const {
  Sizes shape = grid(sizes);
  shape.insert(shape.begin(), images.sizes().begin(), images.sizes().begin() + 2);
  return at::empty(shape, images.options());
}

void FftConvolution::forward(const Tensor& x, std::int64_t item, const Tensor& y) const {
  const Boundary boundary = convolution_.boundary();
  if (boundary == Boundary::circular) {
    y.copy_(filtered(Tensor(x), item, Direction::forward));
    return;
  }
  const Reach reach(convolution_.kernel_size());
  const Sizes none(reach.before.size(), 0);
  Tensor grid = empty_grid(x, x.sizes().slice(2).vec());
  if (boundary == Boundary::valid) extend(x, none, none, boundary, grid);
  else extend(x, reach.before, reach.after, boundary, grid);
  cut(filtered(std::move(grid), item, Direction::forward), reach.before, y);
}

void FftConvolution::adjoint(const Tensor& y, std::int64_t item, const Tensor& x) const {
  const Boundary boundary = convolution_.boundary();
  if (boundary == Boundary::circular) {
    x.copy_(filtered(Tensor(y), item, Direction::adjoint));
    return;
  }
  const Reach reach(convolution_.kernel_size());
  const Sizes none(reach.before.size(), 0);
  Tensor grid = empty_grid(y, x.sizes().slice(2).vec());
  extend(y, reach.before, none, Boundary::zero, grid);
  const Tensor back = filtered(std::move(grid), item, Direction::adjoint);
  if (boundary == Boundary::valid) cut(back, none, x);
  else fold(back, reach.before, reach.after, boundary, x);
}

/// Circular convolution, or correlation. Lets the grid go, so that the result may stand where it
/// was, in the processor's cache.
Tensor FftConvolution::filtered(Tensor&& grid, std::int64_t item, Direction direction) const {
  const Sizes sizes = grid.sizes().slice(2).vec();
  const Tensor gains = transfer(sizes, grid.options());
  const RealFft fft(sizes, grid.scalar_type());
  Tensor spectrum = fft.forward(grid);
  grid.reset();
  multiply_by(spectrum, gains[gains.size(0) == 1 ? 0 : item], direction == Direction::adjoint);
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
