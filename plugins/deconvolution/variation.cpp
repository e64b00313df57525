#include "variation.h"

#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/numerics/vectorised.h>

#include "rows.h"

namespace pellucid {
namespace {

/// The rows of images as those of volumes.
template <class T>
struct Rows {
  explicit Rows(const at::Tensor& x)
      : data(x.const_data_ptr<T>()),
        depth(x.dim() == 4 ? x.size(1) : 1),
        height(x.size(-2)),
        width(x.size(-1)),
        plane_stride(x.stride(0)),
        z_stride(x.dim() == 4 ? x.stride(1) : 0),
        y_stride(x.stride(-2)),
        count(x.size(0) * depth * height) {}

  /// Row `i` and its neighbours; null where there is none.
  struct Neighbours {
    const T *row, *below, *behind;
  };
  Neighbours at(std::int64_t i) const {
    return at(i / height / depth, i / height % depth, i % height);
  }
  Neighbours at(std::int64_t plane, std::int64_t z, std::int64_t y) const {
    const T* const row = data + plane * plane_stride + z * z_stride + y * y_stride;
    return {row, y + 1 < height ? row + y_stride : nullptr,
            z + 1 < depth ? row + z_stride : nullptr};
  }

  const T* data;
  std::int64_t depth, height, width, plane_stride, z_stride, y_stride, count;
};

/// 1 / |D x| along a row. Without a neighbour the row stands for it, so that the difference is 0.
template <class T>
[[gnu::always_inline]] inline void invert_lengths(const T* row, const T* below, const T* behind,
                                                  T smoothing, std::int64_t width,
                                                  T* __restrict inverse) {
  if (!below) below = row;
  if (!behind) behind = row;
  for (std::int64_t i = 0; i < width; ++i) {
    const T along = i + 1 < width ? row[i + 1] - row[i] : T(0);
    const T down = below[i] - row[i], back = behind[i] - row[i];
    inverse[i] =
        T(1) / std::sqrt(along * along + down * down + back * back + smoothing * smoothing);
  }
}

/// Adds to `sum` the divergence along one axis: differences to the next row times their inverse
/// lengths, less those from the row before.
template <class T>
[[gnu::always_inline]] inline void add_divergence(const T* row, const T* next, const T* inverse,
                                                  const T* before, const T* inverse_before,
                                                  std::int64_t width, T* __restrict sum) {
  if (next)
    for (std::int64_t i = 0; i < width; ++i) sum[i] += (next[i] - row[i]) * inverse[i];
  if (before)
    for (std::int64_t i = 0; i < width; ++i) sum[i] -= (row[i] - before[i]) * inverse_before[i];
}

/// What penalises a row: the row, the ones above and before it, and their neighbours.
template <class T>
struct Stencil {
  typename Rows<T>::Neighbours here, above, before;
  bool has_above, has_before;
};

/// `scratch` holds three rows.
template <class T>
[[gnu::always_inline]] inline void penalise(const Stencil<T>& s, T smoothing, T weight,
                                            std::int64_t width, T* scratch, T* __restrict factor) {
  T *const here = scratch, *const above = here + width, *const before = above + width;
  invert_lengths(s.here.row, s.here.below, s.here.behind, smoothing, width, here);
  if (s.has_above)
    invert_lengths(s.above.row, s.above.below, s.above.behind, smoothing, width, above);
  if (s.has_before)
    invert_lengths(s.before.row, s.before.below, s.before.behind, smoothing, width, before);
  const T* const row = s.here.row;
  for (std::int64_t i = 0; i < width; ++i) {
    const T next = i + 1 < width ? (row[i + 1] - row[i]) * here[i] : T(0);
    const T last = i > 0 ? (row[i] - row[i - 1]) * here[i - 1] : T(0);
    factor[i] = next - last;
  }
  add_divergence(row, s.here.below, here, s.has_above ? s.above.row : nullptr, above, width,
                 factor);
  add_divergence(row, s.here.behind, here, s.has_before ? s.before.row : nullptr, before, width,
                 factor);
  for (std::int64_t i = 0; i < width; ++i) factor[i] = T(1) / (T(1) - weight * factor[i]);
}

PELLUCID_VECTORISED void penalised(const Stencil<float>& s, float smoothing, float weight,
                                   std::int64_t width, float* scratch, float* factor) {
  penalise(s, smoothing, weight, width, scratch, factor);
}
PELLUCID_VECTORISED void penalised(const Stencil<double>& s, double smoothing, double weight,
                                   std::int64_t width, double* scratch, double* factor) {
  penalise(s, smoothing, weight, width, scratch, factor);
}

template <class T>
double variation_of(const at::Tensor& x, T smoothing) {
  const Rows<T> rows(x);
  return sums_over_rows<1>(rows.count, rows.width, [&](std::int64_t i, auto& sums) {
    const auto [row, below, behind] = rows.at(i);
    std::vector<T> inverse(static_cast<std::size_t>(rows.width));
    invert_lengths(row, below, behind, smoothing, rows.width, inverse.data());
    for (const T value : inverse) sums[0] += 1 / double(value) - double(smoothing);
  })[0];
}

template <class T>
double scaled_variation_of(const at::Tensor& x, const std::array<double, 3>& scale) {
  const Rows<T> rows(x);
  return sums_over_rows<1>(rows.count, rows.width, [&](std::int64_t i, auto& sums) {
    const auto [row, below, behind] = rows.at(i);
    for (std::int64_t k = 0; k < rows.width; ++k) {
      const double along = k + 1 < rows.width ? scale[2] * double(row[k + 1] - row[k]) : 0;
      const double down = below ? scale[1] * double(below[k] - row[k]) : 0;
      const double back = behind ? scale[0] * double(behind[k] - row[k]) : 0;
      sums[0] += std::sqrt(along * along + down * down + back * back);
    }
  })[0];
}

template <class T>
void write_factor(const at::Tensor& x, T smoothing, T weight, const at::Tensor& factor) {
  const Rows<T> rows(x);
  T* const to = factor.mutable_data_ptr<T>();
  for_rows(rows.count, rows.width, [&](std::int64_t i) {
    const std::int64_t plane = i / rows.height / rows.depth, z = i / rows.height % rows.depth;
    const std::int64_t y = i % rows.height;
    Stencil<T> stencil{rows.at(i), {}, {}, y > 0, z > 0};
    if (y > 0) stencil.above = rows.at(plane, z, y - 1);
    if (z > 0) stencil.before = rows.at(plane, z - 1, y);
    std::vector<T> scratch(static_cast<std::size_t>(3 * rows.width));
    penalised(stencil, smoothing, weight, rows.width, scratch.data(), to + i * rows.width);
  });
}

}  // namespace

double scaled_variation(const at::Tensor& x, const std::array<double, 3>& scale) {
  if (x.scalar_type() == at::kDouble) return scaled_variation_of<double>(x, scale);
  return scaled_variation_of<float>(x, scale);
}

double smoothed_variation(const at::Tensor& x, double smoothing) {
  if (x.scalar_type() == at::kDouble) return variation_of<double>(x, smoothing);
  return variation_of<float>(x, static_cast<float>(smoothing));
}

at::Tensor variation_factor(const at::Tensor& x, double smoothing, double weight) {
  const at::Tensor factor = at::empty(x.sizes(), x.options());
  if (x.scalar_type() == at::kDouble) write_factor<double>(x, smoothing, weight, factor);
  else write_factor<float>(x, static_cast<float>(smoothing), static_cast<float>(weight), factor);
  return factor;
}

}  // namespace pellucid
