#include "gridded_blur.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/border.h>
#include <pellucid/numerics/vectorised.h>

#include "rows.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;
using Triple = std::array<std::int64_t, 3>;

Triple as_volume(at::IntArrayRef sizes, std::int64_t missing) {
  Triple all{missing, missing, missing};
  std::copy(sizes.begin(), sizes.end(), all.end() - static_cast<std::ptrdiff_t>(sizes.size()));
  return all;
}

/// values[i] *= gains[i], or its conjugate, for numbers whose real and imaginary parts take turns.
template <class T>
[[gnu::always_inline]] inline void multiply(T* __restrict values, const T* __restrict gains, T sign,
                                            std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const T re = values[2 * i], im = values[2 * i + 1];
    const T gain_re = gains[2 * i], gain_im = sign * gains[2 * i + 1];
    values[2 * i] = re * gain_re - im * gain_im;
    values[2 * i + 1] = re * gain_im + im * gain_re;
  }
}

PELLUCID_VECTORISED void multiplied(float* values, const float* gains, float sign,
                                    std::int64_t count) {
  multiply(values, gains, sign, count);
}

PELLUCID_VECTORISED void multiplied(double* values, const double* gains, double sign,
                                    std::int64_t count) {
  multiply(values, gains, sign, count);
}

/// spectrum (planes, half...) times the gain (kernels, half...) of each plane.
template <class T>
void multiply_planes(const Tensor& spectrum, const Tensor& gain, T sign) {
  auto* const values = static_cast<T*>(spectrum.mutable_data_ptr());
  const auto* const gains = static_cast<const T*>(gain.const_data_ptr());
  const std::int64_t width = spectrum.size(-1),
                     period = gain.numel() / std::max<std::int64_t>(1, width);
  for_rows(spectrum.numel() / std::max<std::int64_t>(1, width), 2 * width, [&](std::int64_t row) {
    multiplied(values + 2 * row * width, gains + 2 * (row % period) * width, sign, width);
  });
}

/// Places of an axis beyond a window at its beginning, and the samples they repeat.
struct Continued {
  Continued(const BlurGrid& grid, std::size_t axis, std::int64_t size) {
    const std::int64_t n = grid.x.sizes[axis];
    for (std::int64_t i = 0; i < grid.after[axis]; ++i)
      places.push_back({n + i, source_position(n + i, n, grid.boundary)});
    for (std::int64_t i = 1; i <= grid.before[axis]; ++i)
      places.push_back({size - i, source_position(-i, n, grid.boundary)});
  }
  struct Place {
    std::int64_t index, source;
  };
  std::vector<Place> places;
};

/// The axes of a grid whose images are continued around themselves.
struct Surroundings {
  explicit Surroundings(const BlurGrid& grid)
      : size(as_volume(grid.sizes, 1)),
        planes(grid, 0, size[0]),
        rows(grid, 1, size[1]),
        row(grid, 2, size[2]) {}

  Triple size;
  Continued planes, rows, row;
};

template <class T>
void continue_rows(const BlurGrid& grid, const Tensor& x) {
  const Surroundings around(grid);
  const Triple& size = around.size;
  T* const data = x.mutable_data_ptr<T>();
  for_rows(x.size(0) * grid.x.rows(), size[2], [&](std::int64_t i) {
    T* const row = data + grid.place(grid.x, i);
    for (const auto& place : around.row.places) row[place.index] = row[place.source];
  });
  const auto copy = [&](std::int64_t from, std::int64_t to) {
    std::copy_n(data + from * size[2], size[2], data + to * size[2]);
  };
  const auto& rows = around.rows.places;
  const auto many = static_cast<std::int64_t>(rows.size());
  for_rows(x.size(0) * grid.x.sizes[0] * many, size[2], [&](std::int64_t i) {
    const auto& place = rows[static_cast<std::size_t>(i % many)];
    const std::int64_t plane = i / many / grid.x.sizes[0] * size[0] + i / many % grid.x.sizes[0];
    copy(plane * size[1] + place.source, plane * size[1] + place.index);
  });
  const auto& planes = around.planes.places;
  for_rows(
      x.size(0) * static_cast<std::int64_t>(planes.size()) * size[1], size[2], [&](std::int64_t i) {
        const std::int64_t row = i % size[1], first = i / size[1] / std::ssize(planes) * size[0];
        const auto& place = planes[static_cast<std::size_t>(i / size[1] % std::ssize(planes))];
        copy((first + place.source) * size[1] + row, (first + place.index) * size[1] + row);
      });
}

/// The adjoint of `continue_rows`.
template <class T>
void fold_rows(const BlurGrid& grid, const Tensor& x) {
  const Surroundings around(grid);
  const Triple& size = around.size;
  T* const data = x.mutable_data_ptr<T>();
  const auto places_of = [](const Continued& axis, std::int64_t samples) {
    std::vector<Sizes> all(static_cast<std::size_t>(samples));
    for (std::int64_t i = 0; i < samples; ++i) all[static_cast<std::size_t>(i)] = {i};
    for (const auto& place : axis.places)
      all[static_cast<std::size_t>(place.source)].push_back(place.index);
    return all;
  };
  const std::vector<Sizes> planes = places_of(around.planes, grid.x.sizes[0]);
  const std::vector<Sizes> rows = places_of(around.rows, grid.x.sizes[1]);
  for_rows(x.size(0) * grid.x.rows(), size[2], [&](std::int64_t i) {
    const std::int64_t image = i / grid.x.rows();
    T* const row = data + grid.place(grid.x, i);
    for (const std::int64_t z :
         planes[static_cast<std::size_t>(i / grid.x.sizes[1] % grid.x.sizes[0])])
      for (const std::int64_t y : rows[static_cast<std::size_t>(i % grid.x.sizes[1])]) {
        const T* const other = data + ((image * size[0] + z) * size[1] + y) * size[2];
        if (other == row) continue;
        for (std::int64_t k = 0; k < size[2]; ++k) row[k] += other[k];
      }
    for (const auto& place : around.row.places) row[place.source] += row[place.index];
  });
}

/// Where the taps of a kernel stand along an axis of a grid whose origin is its centre.
Tensor places_of_taps(std::int64_t taps, std::int64_t size) {
  return (at::arange(taps, at::kLong) - taps / 2).remainder(size);
}

template <class T>
void clear_beyond(const BlurGrid& grid, const Window& window, const Tensor& images) {
  const Triple size = as_volume(grid.sizes, 1);
  if (window.sizes == size) return;
  T* const data = images.mutable_data_ptr<T>();
  for_rows(images.size(0) * size[0] * size[1], size[2], [&](std::int64_t i) {
    T* const row = data + i * size[2];
    const std::int64_t z = i / size[1] % size[0] - window.offset[0];
    const std::int64_t y = i % size[1] - window.offset[1];
    const bool beyond = z < 0 || z >= window.sizes[0] || y < 0 || y >= window.sizes[1];
    const std::int64_t begin = beyond ? size[2] : window.offset[2];
    std::fill(row, row + begin, T(0));
    if (!beyond) std::fill(row + begin + window.sizes[2], row + size[2], T(0));
  });
}

/// The next even size without factors beside 2, 3 and 5. One with 7, 11 or 13 as well may be smaller
/// and takes longer all the same: 1040 x 1040 half as long again as 1080 x 1080.
std::int64_t smooth_size(std::int64_t n) {
  const auto is_smooth = [](std::int64_t size) {
    for (const std::int64_t prime : {2, 3, 5})
      while (size % prime == 0) size /= prime;
    return size == 1;
  };
  std::int64_t size = std::max<std::int64_t>(2, n + n % 2);
  while (!is_smooth(size)) size += 2;
  return size;
}

}  // namespace

BlurGrid::BlurGrid(const ConvolutionOperator& a, at::IntArrayRef sizes_of_y)
    : boundary(a.boundary()) {
  const Sizes kernel = a.kernel_size();
  y.sizes = x.sizes = as_volume(sizes_of_y, 1);
  for (std::size_t axis = 0; axis < kernel.size(); ++axis) {
    const std::size_t a3 = 3 - kernel.size() + axis;
    const std::int64_t n = sizes_of_y[axis], k = kernel[axis];
    const std::int64_t in_front = k - 1 - k / 2, behind = k / 2;
    std::int64_t least = n;
    switch (boundary) {
      case Boundary::circular:
        break;
      case Boundary::zero:
        least += std::max(in_front, behind);
        break;
      case Boundary::reflect:
      case Boundary::replicate:
        before[a3] = in_front;
        after[a3] = behind;
        least += k - 1;
        break;
      case Boundary::valid:
        x.sizes[a3] += k - 1;
        y.offset[a3] = in_front;
        least += k - 1;
        break;
    }
    sizes.push_back(boundary == Boundary::circular ? n : smooth_size(least));
  }
}

std::int64_t BlurGrid::samples() const { return c10::multiply_integers(sizes); }

std::int64_t BlurGrid::bytes(at::ScalarType real) const {
  return samples() / sizes.back() * (sizes.back() + 2) * (real == at::kDouble ? 8 : 4);
}

std::int64_t BlurGrid::place(const Window& window, std::int64_t row) const {
  const Triple size = as_volume(sizes, 1);
  const std::int64_t y_of_row = row % window.sizes[1], rest = row / window.sizes[1];
  const std::int64_t z = rest % window.sizes[0], image = rest / window.sizes[0];
  return ((image * size[0] + z + window.offset[0]) * size[1] + y_of_row + window.offset[1]) *
             size[2] +
         window.offset[2];
}

GriddedBlur::GriddedBlur(const BlurGrid& grid, const Tensor& transfer, at::ScalarType real)
    : grid_(grid), transfer_(transfer.contiguous()), fft_(grid.sizes, real) {}

GriddedBlur::GriddedBlur(const BlurGrid& grid, const Tensor& kernel)
    : grid_(grid), fft_(grid.sizes, kernel.scalar_type()) {
  set_kernel(kernel);
}

Tensor GriddedBlur::embedded(const Tensor& x) const {
  Sizes shape = grid_.sizes;
  shape.insert(shape.begin(), x.size(0));
  const Tensor grid = at::zeros(shape, x.options());
  inside(grid, grid_.x).copy_(x);
  continue_around(grid);
  return grid;
}

Tensor GriddedBlur::inside(const Tensor& grid, const Window& window) const {
  Tensor part = grid;
  for (std::int64_t axis = -std::ssize(grid_.sizes); axis < 0; ++axis)
    part = part.narrow(axis, window.offset[static_cast<std::size_t>(3 + axis)],
                       window.sizes[static_cast<std::size_t>(3 + axis)]);
  return part;
}

Tensor GriddedBlur::forward(const Tensor& x) const {
  Tensor spectrum = fft_.forward(x);
  if (x.scalar_type() == at::kDouble) multiply_planes<double>(spectrum, transfer_, 1);
  else multiply_planes<float>(spectrum, transfer_, 1);
  return fft_.inverse_destroying(std::move(spectrum));
}

Tensor GriddedBlur::adjoint(Tensor&& y) const {
  const bool wide = y.scalar_type() == at::kDouble;
  if (wide) clear_beyond<double>(grid_, grid_.y, y);
  else clear_beyond<float>(grid_, grid_.y, y);
  Tensor spectrum = fft_.forward(y);
  y.reset();
  if (wide) multiply_planes<double>(spectrum, transfer_, -1);
  else multiply_planes<float>(spectrum, transfer_, -1);
  const Tensor x = fft_.inverse_destroying(std::move(spectrum));
  if (grid_.boundary != Boundary::reflect && grid_.boundary != Boundary::replicate) return x;
  if (wide) fold_rows<double>(grid_, x);
  else fold_rows<float>(grid_, x);
  return x;
}

void GriddedBlur::continue_around(const Tensor& x) const {
  if (grid_.boundary != Boundary::reflect && grid_.boundary != Boundary::replicate) return;
  if (x.scalar_type() == at::kDouble) continue_rows<double>(grid_, x);
  else continue_rows<float>(grid_, x);
}

Tensor GriddedBlur::adjoint_of_ones() const {
  Sizes shape = grid_.sizes;
  shape.insert(shape.begin(), kernels());
  Tensor ones =
      at::ones(shape, transfer_.options().dtype(c10::toRealValueType(transfer_.scalar_type())));
  return inside(adjoint(std::move(ones)), grid_.x).contiguous();
}

void GriddedBlur::set_kernel(const Tensor& kernel) {
  Tensor grid = kernel.unsqueeze(0);
  for (std::size_t a = 0; a < grid_.sizes.size(); ++a) {
    const auto axis = static_cast<std::int64_t>(a) + 1;
    Sizes shape = grid.sizes().vec();
    shape[a + 1] = grid_.sizes[a];
    grid = at::zeros(shape, grid.options())
               .index_add(axis, places_of_taps(kernel.size(axis - 1), grid_.sizes[a]), grid);
  }
  transfer_ = fft_.forward(grid);
}

Tensor GriddedBlur::adjoint_of_kernel(const Tensor& x, Tensor&& y, at::IntArrayRef size) const {
  if (y.scalar_type() == at::kDouble) clear_beyond<double>(grid_, grid_.y, y);
  else clear_beyond<float>(grid_, grid_.y, y);
  Tensor taps = fft_.inverse_destroying(fft_.forward(y).mul_(fft_.forward(x).conj()).sum(0));
  for (std::size_t a = 0; a < size.size(); ++a)
    taps = taps.index_select(static_cast<std::int64_t>(a), places_of_taps(size[a], grid_.sizes[a]));
  return taps;
}

}  // namespace pellucid
