#include "least_squares.h"

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

template <class T>
double predicted(const GriddedBlur& blur, const Tensor& x, const Tensor& y,
                 const Tensor& residual) {
  const std::int64_t width = blur.grid().y.width();
  const T* const data = y.const_data_ptr<T>();
  T* const residuals = residual.mutable_data_ptr<T>();
  RowSums<1> sums(y.size(0) * blur.grid().y.rows());
  blur.forward(x.size(0), rows_from(x.const_data_ptr<T>(), blur.grid().x.width()),
               [&](std::int64_t row, void* samples) {
                 const T* const model = static_cast<const T*>(samples);
                 LaneSum<T> sum;
                 over_lanes(width, [&](std::int64_t i, int lane) {
                   const T left = model[i] - data[row * width + i];
                   residuals[row * width + i] = left;
                   sum.add(lane, left * left);
                 });
                 sums.of(row)[0] = sum.total();
               });
  return sums.total()[0];
}

}  // namespace

double squared_norm_bound(const GriddedBlur& blur, const Tensor& kernel) {
  const Tensor moduli = kernel.abs();
  const Tensor rows =
      planes_of(moduli, blur.grid().sizes.size()).flatten(1).sum(1, false, at::kDouble);
  Tensor columns = rows;
  if (blur.grid().boundary != Boundary::circular) {
    const bool negative = kernel.lt(0).any().item<bool>();
    const Tensor held =
        negative ? GriddedBlur(blur.grid(), moduli).adjoint_of_ones() : blur.adjoint_of_ones();
    columns = std::get<0>(held.flatten(1).max(1)).to(at::kDouble);
  }
  return (rows * columns).max().item<double>();
}

double predict(const GriddedBlur& blur, const Tensor& x, const Tensor& y, const Tensor& residual) {
  return y.scalar_type() == at::kDouble ? predicted<double>(blur, x, y, residual)
                                        : predicted<float>(blur, x, y, residual);
}

double subtract_measured(const GriddedBlur& blur, const Tensor& predicted, const Tensor& y) {
  return y.scalar_type() == at::kDouble ? subtracted<double>(blur.grid(), predicted, y)
                                        : subtracted<float>(blur.grid(), predicted, y);
}

}  // namespace pellucid
