#include "least_squares.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "items.h"
#include "lanes.h"
#include "rows.h"

namespace pellucid {
namespace {

template <class T>
double subtracted(const BlurGrid& grid, const Tensor& predicted, const Tensor& y) {
  const Window& window = grid.y;
  T* const predictions = predicted.mutable_data_ptr<T>();
  const T* const data = y.const_data_ptr<T>();
  const auto [squares] = sums_over_rows<1>(
      y.size(0) * window.rows(), window.width(), [&](std::int64_t row, auto& sums) {
        T* const value = predictions + grid.place(window, row);
        const T* const measured = data + row * window.width();
        LaneSum<T> sum;
        over_lanes(window.width(), [&](std::int64_t i, int lane) {
          value[i] -= measured[i];
          sum.add(lane, value[i] * value[i]);
        });
        sums[0] += sum.total();
      });
  return squares;
}

}  // namespace

double squared_norm_bound(const GriddedBlur& blur, const Tensor& kernel) {
  const BlurGrid& grid = blur.grid();
  double bound = 0;
  for (const Tensor& one : planes_of(kernel, grid.sizes.size()).unbind()) {
    const Tensor moduli = one.abs();
    const double row = moduli.sum(at::kDouble).item<double>();
    double column = row;
    if (grid.boundary != Boundary::circular)
      column = GriddedBlur(grid, moduli).adjoint_of_ones().max().item<double>();
    bound = std::max(bound, row * column);
  }
  return bound;
}

double subtract_measured(const GriddedBlur& blur, const Tensor& predicted, const Tensor& y) {
  return y.scalar_type() == at::kDouble ? subtracted<double>(blur.grid(), predicted, y)
                                        : subtracted<float>(blur.grid(), predicted, y);
}

}  // namespace pellucid
