#include "direct_convolution.h"

#include <array>
#include <optional>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/vectorised.h>

#include "continuation.h"

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
    Lanes<T> sum[kVectors];
    for (Lanes<T>& vector : sum) vector = Lanes<T>{};
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
    // Only the end of a line is copied by way of memory: the other sums never leave the registers.
    T last[kSums<T>];
    const bool whole = first + kSums<T> <= length;
    T* const to = whole ? sums + first : last;
#pragma GCC unroll 8
    for (std::int64_t v = 0; v < kVectors; ++v)
      __builtin_memcpy(to + v * kLanes<T>, &sum[v], sizeof sum[v]);
    if (!whole) std::copy_n(last, length - first, sums + first);
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
  Volume x, y, taps;
  std::vector<ContinuedLine> lines;
};

/// For each channel that has weights of its own, those of all taps.
template <class T>
struct Weights {
  explicit Weights(const Tensor& all)
      : cast(all.to(c10::CppTypeToScalarType<T>::value).contiguous()),
        values(cast.const_data_ptr<T>()),
        channels(all.size(0)),
        taps(all.numel() / all.size(0)) {}
  const T* of(std::int64_t image) const { return values + image % channels * taps; }

  Tensor cast;
  const T* values;
  std::int64_t channels, taps;
};

/// The lines of x that a few rows of y look at, each made once: continued, and summed along itself
/// where there are weights for that.
template <class T>
class Window {
 public:
  Window(const Slide& slide, const std::optional<Weights<T>>& row)
      : slide_(slide),
        row_(row),
        pitch_((slide.y[2] + kSums<T> - 1) / kSums<T> * kSums<T> + slide.taps[2] +
               (row ? row->taps : 0)),
        lines_(static_cast<std::size_t>((slide.taps[0] * slide.taps[1] + 1) * pitch_), T(0)),
        held_(static_cast<std::size_t>(slide.taps[0] * slide.taps[1]), -1) {}

  /// Place (z, y) of the continued image; null where zeros stand.
  const T* line(const T* x, std::int64_t image, std::int64_t z, std::int64_t y) {
    const std::int64_t from_z = slide_.lines[0].source(z), from_y = slide_.lines[1].source(y);
    if (from_z < 0 || from_y < 0) return nullptr;
    const std::int64_t slot = z % slide_.taps[0] * slide_.taps[1] + y % slide_.taps[1];
    T* const line = lines_.data() + (slot + 1) * pitch_;
    const std::int64_t wanted =
        (image * slide_.lines[0].length() + z) * slide_.lines[1].length() + y;
    if (held_[static_cast<std::size_t>(slot)] != wanted) {
      const auto& [depth, height, width] = slide_.x;
      const T* const samples = x + ((image * depth + from_z) * height + from_y) * width;
      T* const continued = row_ ? lines_.data() : line;
      slide_.lines[2].read(samples, continued);
      const Term<T> term{continued, row_ ? row_->of(image) : nullptr};
      if (row_) weighed(&term, 1, row_->taps, slide_.y[2], line);
      held_[static_cast<std::size_t>(slot)] = wanted;
    }
    return line;
  }

 private:
  const Slide& slide_;
  const std::optional<Weights<T>>& row_;
  std::int64_t pitch_;
  std::vector<T> lines_;            // the first is scratch
  std::vector<std::int64_t> held_;  // which line of the continued images a slot has
};

template <class T>
void slide_rows(const Slide& slide, const DirectKernel& kernel, const Tensor& from,
                const Tensor& to) {
  const Weights<T> weights(kernel.kernel);
  std::optional<Weights<T>> along_row;
  if (kernel.row.defined()) along_row.emplace(kernel.row);
  const Tensor packed = from.contiguous();
  const T* const x = packed.const_data_ptr<T>();
  T* const y = to.mutable_data_ptr<T>();

  const auto& [depth, height, width] = slide.y;
  const auto& [planes, rows, taps] = slide.taps;
  const std::int64_t work = width * (weights.taps + (along_row ? along_row->taps : 0));
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 17) / std::max<std::int64_t>(1, work));
  const auto share = [&, depth = depth, height = height, width = width, planes = planes,
                      rows = rows, taps = taps](std::int64_t first, std::int64_t last) {
    Window<T> window(slide, along_row);
    std::vector<Term<T>> terms;
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t row = i % height, plane = i / height % depth, image = i / height / depth;
      const T* const of_image = weights.of(image);
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
void slide_by_library(const Tensor& x, const DirectKernel& factors, at::IntArrayRef first,
                      Boundary boundary, const Tensor& y) {
  const Sizes kernel = factors.size();
  const Tensor weights = factors.row.defined() ? factors.kernel * factors.row : factors.kernel;
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

void slide(const Tensor& x, const DirectKernel& kernel, const Sizes& first, Boundary boundary,
           const Tensor& y) {
  if (y.numel() == 0) return;
  if (!x.is_cpu()) return slide_by_library(x, kernel, first, boundary, y);
  Slide slide{x.size(0) * x.size(1),
              as_volume(x.sizes().slice(2), 1),
              as_volume(y.sizes().slice(2), 1),
              as_volume(kernel.kernel.sizes().slice(1), 1),
              {}};
  const Volume from = as_volume(first, 0), size = as_volume(kernel.size(), 1);
  for (std::size_t a = 0; a < 3; ++a)
    slide.lines.emplace_back(slide.x[a], from[a], slide.y[a] + size[a] - 1, boundary);
  if (x.scalar_type() == at::kDouble) slide_rows<double>(slide, kernel, x, y);
  else slide_rows<float>(slide, kernel, x, y);
}

Sizes negative(Sizes sizes) {
  for (std::int64_t& size : sizes) size = -size;
  return sizes;
}

DirectKernel flipped(const DirectKernel& kernel) {
  const Sizes axes = last_axes(kernel.size().size());
  return {kernel.kernel.flip(axes), kernel.row.defined() ? kernel.row.flip(axes) : Tensor()};
}

}  // namespace

Sizes DirectKernel::size() const {
  Sizes sizes = kernel.sizes().slice(1).vec();
  if (row.defined()) sizes.back() = row.size(-1);
  return sizes;
}

Sizes convolved_sizes(at::IntArrayRef sizes, at::IntArrayRef kernel_size, Boundary boundary) {
  Sizes made = sizes.vec();
  if (boundary == Boundary::valid)
    for (std::size_t a = 0; a < made.size(); ++a) made[a] -= kernel_size[a] - 1;
  return made;
}

void convolve(const Tensor& x, const DirectKernel& kernel, Boundary boundary, const Tensor& y) {
  const Sizes size = kernel.size();
  const bool valid = boundary == Boundary::valid;
  slide(x, flipped(kernel), valid ? Sizes(size.size(), 0) : negative(Reach(size).before), boundary,
        y);
}

void correlate(const Tensor& y, const DirectKernel& kernel, Boundary boundary, const Tensor& x) {
  const Reach reach(kernel.size());
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
