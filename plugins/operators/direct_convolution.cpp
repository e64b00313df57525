#include "direct_convolution.h"

#include <array>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/accumulate.h>

#include "continuation.h"
#include "vectorised.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;
using Volume = std::array<std::int64_t, 3>;

template <class T>
struct Vector {
  using Type [[gnu::vector_size(32)]] = T;
};
template <class T>
using Lanes = typename Vector<T>::Type;
template <class T>
constexpr std::int64_t kLanes = 32 / sizeof(T);

/// So many sums are kept in registers at once; lines are readable to a multiple of it.
constexpr std::int64_t kVectors = 8;
template <class T>
constexpr std::int64_t kSums = kVectors* kLanes<T>;

/// One line of the image and the weights of the samples from each place on.
template <class T>
struct Term {
  const T* line;
  const T* weights;
};

/// sums[i] = sum over terms and t < taps of weights[t] line[i + t]. Whole vectors throughout, so
/// that each sum is made alike wherever it stands.
template <class T>
[[gnu::always_inline]] inline void weigh(const Term<T>* terms, std::size_t count, std::int64_t taps,
                                         std::int64_t length, T* sums) {
  for (std::int64_t first = 0; first < length; first += kSums<T>) {
    Lanes<T> sum[kVectors] = {};
    for (std::size_t j = 0; j < count; ++j) {
      const T* const line = terms[j].line + first;
      for (std::int64_t t = 0; t < taps; ++t) {
        const T weight = terms[j].weights[t];
        if (weight == 0) continue;
        for (std::int64_t v = 0; v < kVectors; ++v) {
          Lanes<T> values;
          __builtin_memcpy(&values, line + t + v * kLanes<T>, sizeof values);
          sum[v] += weight * values;
        }
      }
    }
    const std::int64_t wanted = std::min(kSums<T>, length - first);
    __builtin_memcpy(sums + first, sum, static_cast<std::size_t>(wanted) * sizeof(T));
  }
}

PELLUCID_VECTORISED void weighed(const Term<float>* terms, std::size_t count, std::int64_t taps,
                                 std::int64_t length, float* sums) {
  weigh(terms, count, taps, length, sums);
}

PELLUCID_VECTORISED void weighed(const Term<double>* terms, std::size_t count, std::int64_t taps,
                                 std::int64_t length, double* sums) {
  weigh(terms, count, taps, length, sums);
}

/// y[n] = sum_t weights[t] x[n + first + t] on volumes, x continued by a boundary.
struct Slide {
  std::int64_t images;
  std::int64_t channels;  // that have weights of their own, or 1
  Volume x, y, taps;
  std::vector<ContinuedLine> lines;
};

/// The lines of x that a few rows of y look at, each made once.
template <class T>
class Window {
 public:
  explicit Window(const Slide& slide)
      : slide_(slide),
        pitch_((slide.y[2] + kSums<T> - 1) / kSums<T> * kSums<T> + slide.taps[2]),
        lines_(static_cast<std::size_t>(slide.taps[0] * slide.taps[1] * pitch_), T(0)),
        held_(static_cast<std::size_t>(slide.taps[0] * slide.taps[1]), {-1, -1, -1}) {}

  /// Place (z, y) of the continued image; null where zeros stand.
  const T* line(const T* x, std::int64_t image, std::int64_t z, std::int64_t y) {
    const std::int64_t from_z = slide_.lines[0].source(z), from_y = slide_.lines[1].source(y);
    if (from_z < 0 || from_y < 0) return nullptr;
    const std::int64_t slot = z % slide_.taps[0] * slide_.taps[1] + y % slide_.taps[1];
    T* const line = lines_.data() + slot * pitch_;
    const std::array<std::int64_t, 3> wanted{image, z, y};
    if (held_[static_cast<std::size_t>(slot)] != wanted) {
      const auto& [depth, height, width] = slide_.x;
      slide_.lines[2].read(x + ((image * depth + from_z) * height + from_y) * width, line);
      held_[static_cast<std::size_t>(slot)] = wanted;
    }
    return line;
  }

 private:
  const Slide& slide_;
  std::int64_t pitch_;
  std::vector<T> lines_;
  std::vector<std::array<std::int64_t, 3>> held_;
};

template <class T>
void slide_rows(const Slide& slide, const T* x, const T* weights, T* y) {
  const auto& [depth, height, width] = slide.y;
  const auto& [planes, rows, taps] = slide.taps;
  const std::int64_t work = width * planes * rows * taps;
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 17) / std::max<std::int64_t>(1, work));
  const auto share = [&, depth = depth, height = height, width = width, planes = planes,
                      rows = rows, taps = taps](std::int64_t first, std::int64_t last) {
    Window<T> window(slide);
    std::vector<Term<T>> terms;
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t row = i % height, plane = i / height % depth, image = i / height / depth;
      const T* const of_image = weights + image % slide.channels * planes * rows * taps;
      terms.clear();
      for (std::int64_t z = 0; z < planes; ++z)
        for (std::int64_t r = 0; r < rows; ++r)
          if (const T* const line = window.line(x, image, plane + z, row + r))
            terms.push_back({line, of_image + (z * rows + r) * taps});
      weighed(terms.data(), terms.size(), taps, width, y + i * width);
    }
  };
  at::parallel_for(0, slide.images * depth * height, grain, share);
}

/// The same by libtorch, for tensors that are not on the CPU.
void slide_by_library(const Tensor& x, const Tensor& weights, at::IntArrayRef first,
                      Boundary boundary, const Tensor& y) {
  const Sizes kernel = weights.sizes().slice(1).vec();
  Sizes before, after;
  for (std::size_t a = 0; a < kernel.size(); ++a) {
    before.push_back(-first[a]);
    after.push_back(y.size(static_cast<std::int64_t>(a) + 2) + kernel[a] - 1 + first[a] -
                    x.size(static_cast<std::int64_t>(a) + 2));
  }
  Sizes shape = kernel;
  shape.insert(shape.begin(), {x.size(1), 1});
  const Tensor grid = extended(x, before, after, boundary);
  const Tensor each = weights.to(x.options()).unsqueeze(1).expand(shape);
  const Sizes ones(kernel.size(), 1), zeros(kernel.size(), 0);
  y.copy_(at::convolution(grid, each, {}, ones, zeros, ones, /*transposed=*/false, zeros,
                          /*groups=*/x.size(1)));
}

void slide(const Tensor& x, const Tensor& weights, const Sizes& first, Boundary boundary,
           const Tensor& y) {
  if (y.numel() == 0) return;
  if (!x.is_cpu()) return slide_by_library(x, weights, first, boundary, y);
  Slide slide{x.size(0) * x.size(1),
              weights.size(0),
              as_volume(x.sizes().slice(2), 1),
              as_volume(y.sizes().slice(2), 1),
              as_volume(weights.sizes().slice(1), 1),
              {}};
  const Volume from = as_volume(first, 0);
  for (std::size_t a = 0; a < 3; ++a)
    slide.lines.emplace_back(slide.x[a], from[a], slide.y[a] + slide.taps[a] - 1, boundary);
  const Tensor packed = x.contiguous(), cast = weights.to(x.scalar_type()).contiguous();
  if (x.scalar_type() == at::kDouble)
    slide_rows(slide, packed.const_data_ptr<double>(), cast.const_data_ptr<double>(),
               y.mutable_data_ptr<double>());
  else
    slide_rows(slide, packed.const_data_ptr<float>(), cast.const_data_ptr<float>(),
               y.mutable_data_ptr<float>());
}

Sizes negative(Sizes sizes) {
  for (std::int64_t& size : sizes) size = -size;
  return sizes;
}

}  // namespace

Sizes convolved_sizes(at::IntArrayRef sizes, at::IntArrayRef kernel_size, Boundary boundary) {
  Sizes made = sizes.vec();
  if (boundary == Boundary::valid)
    for (std::size_t a = 0; a < made.size(); ++a) made[a] -= kernel_size[a] - 1;
  return made;
}

void convolve(const Tensor& x, const Tensor& kernel, Boundary boundary, const Tensor& y) {
  const at::IntArrayRef size = kernel.sizes().slice(1);
  const bool valid = boundary == Boundary::valid;
  slide(x, kernel.flip(last_axes(size.size())),
        valid ? Sizes(size.size(), 0) : negative(Reach(size).before), boundary, y);
}

void correlate(const Tensor& y, const Tensor& kernel, Boundary boundary, const Tensor& x) {
  const Reach reach(kernel.sizes().slice(1));
  if (boundary == Boundary::zero || boundary == Boundary::circular)
    return slide(y, kernel, negative(reach.after), boundary, x);
  Sizes first, shape = y.sizes().vec();
  for (std::size_t a = 0; a < reach.before.size(); ++a) {
    first.push_back(-reach.before[a] - reach.after[a]);
    shape[a + 2] -= first[a];
  }
  if (boundary == Boundary::valid) return slide(y, kernel, first, Boundary::zero, x);
  const Tensor grid = at::empty(shape, y.options());
  slide(y, kernel, first, Boundary::zero, grid);
  fold(grid, reach.before, reach.after, boundary, x);
}

}  // namespace pellucid
