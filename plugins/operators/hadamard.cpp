#include "hadamard.h"

#include <cmath>

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/view_as_real.h>

#include <pellucid/numerics/vectorised.h>

namespace pellucid {
namespace {

constexpr std::int64_t kShort = 16;          // numbers whose butterflies are unrolled
constexpr std::int64_t kCached = 1 << 12;    // numbers that fit into the processor's first cache
constexpr std::int64_t kThreaded = 1 << 14;  // numbers worth a thread

template <class Real>
inline __attribute__((always_inline)) void butterflies(Real* a, Real* b, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const Real sum = a[i] + b[i], difference = a[i] - b[i];
    a[i] = sum;
    b[i] = difference;
  }
}

/// All butterflies of n numbers that lie `stride` and more apart.
template <class Real>
inline __attribute__((always_inline)) void levels(Real* x, std::int64_t n, std::int64_t stride) {
  for (std::int64_t half = n / 2; half >= stride; half /= 2)
    for (std::int64_t begin = 0; begin < n; begin += 2 * half)
      butterflies(x + begin, x + begin + half, half);
}

/// n numbers, each of them `stride` reals (1, or 2 of complex numbers): halves first, then each
/// half on its own, so that all but the first levels stay in the cache.
template <class Real>
inline __attribute__((always_inline)) void transform(Real* x, std::int64_t n, std::int64_t stride) {
  const std::int64_t block = std::min(n, kCached);
  for (std::int64_t half = n / 2; half >= block; half /= 2)
    for (std::int64_t begin = 0; begin < n; begin += 2 * half)
      butterflies(x + begin, x + begin + half, half);
  for (std::int64_t begin = 0; begin < n; begin += block) {
    levels(x + begin, block, kShort);
    const std::int64_t rest = std::min(block, kShort);
    for (std::int64_t first = 0; first < block; first += rest)
      levels(x + begin + first, rest, stride);
  }
}

// Additions give the same bits on every kind of CPU.
PELLUCID_VECTORISED void transform_floats(float* x, std::int64_t n, std::int64_t stride) {
  transform(x, n, stride);
}

PELLUCID_VECTORISED void transform_doubles(double* x, std::int64_t n, std::int64_t stride) {
  transform(x, n, stride);
}

void transform_row(float* x, std::int64_t n, std::int64_t stride) {
  transform_floats(x, n, stride);
}
void transform_row(double* x, std::int64_t n, std::int64_t stride) {
  transform_doubles(x, n, stride);
}

}  // namespace

void hadamard_transform(Tensor& x) {
  const std::int64_t n = x.size(-1), stride = x.is_complex() ? 2 : 1;
  const double scale = 1 / std::sqrt(double(n));
  const Tensor reals = x.is_complex() ? at::view_as_real(x) : x;
  const std::int64_t row = n * stride;
  AT_DISPATCH_FLOATING_TYPES(reals.scalar_type(), "hadamard_transform", [&] {
    auto* const data = reals.mutable_data_ptr<scalar_t>();
    const auto factor = static_cast<scalar_t>(scale);
    const std::int64_t grain = std::max<std::int64_t>(1, kThreaded / row);
    at::parallel_for(0, reals.numel() / row, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        scalar_t* const numbers = data + r * row;
        transform_row(numbers, row, stride);
        for (std::int64_t i = 0; i < row; ++i) numbers[i] *= factor;
      }
    });
  });
}

std::int64_t sequency(std::int64_t index, std::int64_t n) {
  // The index with its bits reversed is the Gray code of the sequency.
  std::int64_t gray = 0;
  for (std::int64_t bit = 1; bit < n; bit *= 2) gray = 2 * gray + ((index & bit) ? 1 : 0);
  std::int64_t changes = 0;
  for (; gray > 0; gray /= 2) changes ^= gray;
  return changes;
}

}  // namespace pellucid
