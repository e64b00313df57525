#include "gridded_blur.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/border.h>

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

/// The cheapest even size from n on with no factors but 2, 3 and 5. Transforms of rows, the last axis,
/// take up to twice as long for each sample where there are few factors 2; they are about a third of all
/// that is done: 270 x 288 takes less time than 270 x 270.
std::int64_t smooth_size(std::int64_t n, bool last) {
  std::int64_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t size = std::max<std::int64_t>(2, n + n % 2); 3 * double(size) < least;
       size += 2) {
    std::int64_t rest = size, twos = 1;
    for (; rest % 2 == 0; rest /= 2) twos *= 2;
    for (const std::int64_t prime : {3, 5})
      while (rest % prime == 0) rest /= prime;
    const double cost = double(size) * (last ? 3 + 2 / double(twos) : 3);
    if (rest == 1 && cost < least) {
      best = size;
      least = cost;
    }
  }
  return best;
}

/// A kernel (kernels, sizes...) that is larger than the grid, wrapped around it.
Tensor wrapped(Tensor kernel, const Sizes& grid) {
  for (std::size_t a = 0; a < grid.size(); ++a) {
    const auto axis = static_cast<std::int64_t>(a) + 1;
    if (kernel.size(axis) <= grid[a]) continue;
    Sizes shape = kernel.sizes().vec();
    shape[a + 1] = grid[a];
    const Tensor places = at::arange(kernel.size(axis), at::kLong).remainder(grid[a]);
    kernel = at::zeros(shape, kernel.options()).index_add(axis, places, kernel);
  }
  return kernel;
}

/// The adjoint of `wrapped` for kernels of `size`.
Tensor unwrapped(Tensor kernel, at::IntArrayRef size) {
  for (std::size_t a = 0; a < size.size(); ++a) {
    const auto axis = static_cast<std::int64_t>(a) + 1;
    if (kernel.size(axis) == size[a]) continue;
    kernel = kernel.index_select(axis, at::arange(size[a], at::kLong).remainder(kernel.size(axis)));
  }
  return kernel;
}

/// Rows of a window in images (planes, grid sizes...).
GriddedBlur::Row reading(const BlurGrid& grid, const Window& window, const Tensor& images) {
  const auto* const data = static_cast<const char*>(images.const_data_ptr());
  return [&grid, &window, data, bytes = images.element_size()](std::int64_t row, void* samples) {
    std::memcpy(samples, data + grid.place(window, row) * bytes,
                static_cast<std::size_t>(window.width() * bytes));
  };
}

GriddedBlur::Row writing(const BlurGrid& grid, const Window& window, const Tensor& images) {
  auto* const data = static_cast<char*>(images.mutable_data_ptr());
  return [&grid, &window, data, bytes = images.element_size()](std::int64_t row, void* samples) {
    std::memcpy(data + grid.place(window, row) * bytes, samples,
                static_cast<std::size_t>(window.width() * bytes));
  };
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
    sizes.push_back(boundary == Boundary::circular ? n
                                                   : smooth_size(least, axis + 1 == kernel.size()));
  }
}

std::int64_t BlurGrid::samples() const { return c10::multiply_integers(sizes); }

FftFilter BlurGrid::filter(at::ScalarType real) const {
  std::vector<FilterAxis> axes;
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    const std::size_t a3 = 3 - sizes.size() + axis;
    axes.push_back({sizes[axis], {x.offset[a3], x.sizes[a3]}, {y.offset[a3], y.sizes[a3]}});
    for (const auto& place : Continued(*this, a3, sizes[axis]).places)
      axes.back().repeated.emplace_back(place.index, place.source);
  }
  return {axes, real};
}

std::int64_t BlurGrid::bytes(at::ScalarType real) const {
  // The rows of a spectrum begin on lines of the cache.
  return samples() / sizes.back() * (sizes.back() + 16) * (real == at::kDouble ? 8 : 4);
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
    : grid_(grid), filter_(grid.filter(real)), transfer_(transfer.contiguous()) {}

GriddedBlur::GriddedBlur(const BlurGrid& grid, const Tensor& kernel)
    : grid_(grid), filter_(grid.filter(kernel.scalar_type())) {
  std::vector<FilterAxis> axes = filter_.axes();
  kernel_size_ = last_sizes(kernel.sizes(), axes.size());
  for (std::int64_t axis = -std::ssize(axes); axis < 0; ++axis) {
    FilterAxis& one = axes[static_cast<std::size_t>(axis + std::ssize(axes))];
    const std::int64_t taps = kernel.size(axis);
    one.x = {-(taps / 2), std::min(taps, one.grid)};
    one.repeated.clear();
  }
  of_kernel_.emplace(axes, kernel.scalar_type());
  set_kernel(kernel);
}

void GriddedBlur::forward(std::int64_t planes, const Row& read_x, const Row& write_y) const {
  filter_.forward(transfer_, planes, read_x, write_y);
}

void GriddedBlur::adjoint(std::int64_t planes, const Row& read_y, const Row& write_x) const {
  filter_.adjoint(transfer_, planes, read_y, write_x);
}

Tensor GriddedBlur::blurred(const Tensor& x) const { return filter_.forward(transfer_, x); }

Tensor GriddedBlur::returned(const Tensor& y) const { return filter_.adjoint(transfer_, y); }

Tensor GriddedBlur::adjoint_of_ones() const {
  Sizes shape{kernels()};
  for (const FilterAxis& axis : filter_.axes()) shape.push_back(axis.x.size);
  const auto real = c10::toRealValueType(transfer_.scalar_type());
  const Tensor held = at::empty(shape, real), ones = at::ones({grid_.y.width()}, real);
  const auto copied = [](void* to, const void* from, const Tensor& row, std::int64_t samples) {
    std::memcpy(to, from, static_cast<std::size_t>(samples * row.element_size()));
  };
  auto* const data = static_cast<char*>(held.mutable_data_ptr());
  const std::int64_t width = grid_.x.width();
  adjoint(
      kernels(),
      [&](std::int64_t, void* y) { copied(y, ones.const_data_ptr(), ones, grid_.y.width()); },
      [&](std::int64_t row, void* x) {
        copied(data + row * width * held.element_size(), x, held, width);
      });
  return held;
}

Tensor GriddedBlur::embedded(const Tensor& x) const {
  Sizes shape = grid_.sizes;
  shape.insert(shape.begin(), x.size(0));
  const Tensor grid = at::zeros(shape, x.options());
  inside(grid, grid_.x).copy_(x);
  continue_around(grid);
  return grid;
}

void GriddedBlur::continue_around(const Tensor& x) const {
  if (grid_.boundary != Boundary::reflect && grid_.boundary != Boundary::replicate) return;
  if (x.scalar_type() == at::kDouble) continue_rows<double>(grid_, x);
  else continue_rows<float>(grid_, x);
}

Tensor GriddedBlur::inside(const Tensor& grid, const Window& window) const {
  Tensor part = grid;
  for (std::int64_t axis = -std::ssize(grid_.sizes); axis < 0; ++axis)
    part = part.narrow(axis, window.offset[static_cast<std::size_t>(3 + axis)],
                       window.sizes[static_cast<std::size_t>(3 + axis)]);
  return part;
}

Tensor GriddedBlur::forward(const Tensor& x) const {
  const Tensor images = x.contiguous(), y = at::zeros(x.sizes(), x.options());
  forward(x.size(0), reading(grid_, grid_.x, images), writing(grid_, grid_.y, y));
  return y;
}

Tensor GriddedBlur::adjoint(Tensor&& y) const {
  const Tensor images = std::move(y).contiguous();
  adjoint(images.size(0), reading(grid_, grid_.y, images), writing(grid_, grid_.x, images));
  return images;
}

void GriddedBlur::set_kernel(const Tensor& kernel) {
  const bool single = kernel.dim() == std::ssize(grid_.sizes);
  transfer_ = of_kernel_->spectrum(wrapped(single ? kernel.unsqueeze(0) : kernel, grid_.sizes));
}

Tensor GriddedBlur::adjoint_of_kernel(const Tensor& x, const Tensor& y) const {
  const Tensor taps = of_kernel_->adjoint(filter_.spectrum(x), y).sum(0, true);
  return unwrapped(taps, kernel_size_).squeeze(0);
}

}  // namespace pellucid
