#include "continuation.h"

#include <array>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/accumulate.h>

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

/// How a grid is made of volumes: an axis after the other.
struct Layout {
  Layout(at::IntArrayRef x_shape, at::IntArrayRef grid_shape, at::IntArrayRef before,
         at::IntArrayRef after, Boundary boundary) {
    const std::size_t leading = x_shape.size() - before.size();
    images = c10::multiply_integers(x_shape.slice(0, leading));
    inside = as_volume(x_shape.slice(leading), 1);
    grid = as_volume(grid_shape.slice(leading), 1);
    const auto front = as_volume(before, 0), back = as_volume(after, 0);
    for (std::size_t a = 0; a < 3; ++a)
      lines.emplace_back(inside[a], -front[a], front[a] + inside[a] + back[a], boundary);
  }

  std::int64_t images;
  std::array<std::int64_t, 3> inside, grid;
  std::vector<ContinuedLine> lines;
};

/// Rows of about 2^17 samples are worth a thread.
std::int64_t rows_a_thread(std::int64_t width) {
  return std::max<std::int64_t>(1, (1 << 17) / std::max<std::int64_t>(1, width));
}

template <class T>
void extend_rows(const Layout& layout, const T* x, T* grid) {
  const auto& [depth, height, width] = layout.grid;
  const auto& inside = layout.inside;
  const ContinuedLine &planes = layout.lines[0], &rows = layout.lines[1], &row = layout.lines[2];
  const auto source = [](const ContinuedLine& line, std::int64_t place) {
    return place < line.length() ? line.source(place) : -1;
  };
  at::parallel_for(0, layout.images * depth * height, rows_a_thread(width),
                   [&, height = height, depth = depth, width = width](auto first, auto last) {
                     for (std::int64_t i = first; i < last; ++i) {
                       const std::int64_t z = source(planes, i / height % depth);
                       const std::int64_t y = source(rows, i % height);
                       T* const to = grid + i * width;
                       std::int64_t filled = 0;
                       if (z >= 0 && y >= 0) {
                         const std::int64_t image = i / height / depth;
                         row.read(x + ((image * inside[0] + z) * inside[1] + y) * inside[2], to);
                         filled = row.length();
                       }
                       std::fill(to + filled, to + width, T(0));
                     }
                   });
}

/// For each sample of a line, the places that were taken from it.
std::vector<Sizes> places_of(const ContinuedLine& line, std::int64_t samples) {
  std::vector<Sizes> places(static_cast<std::size_t>(samples));
  for (std::int64_t i = 0; i < line.length(); ++i)
    if (const std::int64_t from = line.source(i); from >= 0)
      places[static_cast<std::size_t>(from)].push_back(i);
  return places;
}

template <class T>
void fold_rows(const Layout& layout, const T* grid, T* x) {
  const auto& size = layout.grid;
  const auto& [depth, height, width] = layout.inside;
  const std::vector<Sizes> planes = places_of(layout.lines[0], depth);
  const std::vector<Sizes> rows = places_of(layout.lines[1], height);
  const ContinuedLine& row = layout.lines[2];
  at::parallel_for(0, layout.images * depth * height, rows_a_thread(width),
                   [&, height = height, depth = depth, width = width](auto first, auto last) {
                     for (std::int64_t i = first; i < last; ++i) {
                       const std::int64_t image = i / height / depth;
                       T* const to = x + i * width;
                       std::fill_n(to, width, T(0));
                       for (const std::int64_t z : planes[i / height % depth])
                         for (const std::int64_t y : rows[i % height])
                           row.add(grid + ((image * size[0] + z) * size[1] + y) * size[2], to);
                     }
                   });
}

Tensor inside_of(const Tensor& grid, at::IntArrayRef before, at::IntArrayRef sizes) {
  Tensor part = grid;
  for (std::size_t a = 0; a < sizes.size(); ++a)
    part = part.narrow(static_cast<std::int64_t>(a) - static_cast<std::int64_t>(sizes.size()),
                       before[a], sizes[a]);
  return part;
}

}  // namespace

Reach::Reach(at::IntArrayRef kernel_size) {
  for (const std::int64_t n : kernel_size) {
    before.push_back(n - 1 - n / 2);
    after.push_back(n / 2);
  }
}

std::array<std::int64_t, 3> as_volume(at::IntArrayRef sizes, std::int64_t missing) {
  std::array<std::int64_t, 3> all{missing, missing, missing};
  std::copy(sizes.begin(), sizes.end(), all.end() - static_cast<std::int64_t>(sizes.size()));
  return all;
}

void extend(const Tensor& x, at::IntArrayRef before, at::IntArrayRef after, Boundary boundary,
            const Tensor& grid) {
  if (!x.is_cpu()) {
    const Tensor part = extended(x, before, after, boundary);
    grid.zero_();
    inside_of(grid, Sizes(before.size(), 0), last_sizes(part.sizes(), before.size())).copy_(part);
    return;
  }
  const Layout layout(x.sizes(), grid.sizes(), before, after, boundary);
  const Tensor packed = x.contiguous();
  if (x.scalar_type() == at::kDouble)
    extend_rows(layout, packed.const_data_ptr<double>(), grid.mutable_data_ptr<double>());
  else extend_rows(layout, packed.const_data_ptr<float>(), grid.mutable_data_ptr<float>());
}

void fold(const Tensor& grid, at::IntArrayRef before, at::IntArrayRef after, Boundary boundary,
          const Tensor& x) {
  if (!x.is_cpu()) {
    Sizes sizes = last_sizes(x.sizes(), before.size());
    for (std::size_t a = 0; a < sizes.size(); ++a) sizes[a] += before[a] + after[a];
    x.copy_(
        folded(inside_of(grid, Sizes(before.size(), 0), sizes).clone(), before, after, boundary));
    return;
  }
  const Layout layout(x.sizes(), grid.sizes(), before, after, boundary);
  if (x.scalar_type() == at::kDouble)
    fold_rows(layout, grid.const_data_ptr<double>(), x.mutable_data_ptr<double>());
  else fold_rows(layout, grid.const_data_ptr<float>(), x.mutable_data_ptr<float>());
}

void cut(const Tensor& grid, at::IntArrayRef before, const Tensor& y) {
  const Sizes whole = last_sizes(grid.sizes(), before.size());
  const Sizes part = last_sizes(y.sizes(), before.size());
  if (!y.is_cpu()) {
    y.copy_(inside_of(grid, before, part));
    return;
  }
  Sizes front, back;
  for (std::size_t a = 0; a < before.size(); ++a) {
    front.push_back(-before[a]);
    back.push_back(before[a] + part[a] - whole[a]);
  }
  extend(grid, front, back, Boundary::zero, y);
}

}  // namespace pellucid
