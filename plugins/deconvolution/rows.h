// rows: passes over the rows of images that are the same to the bit for any number of threads.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include <ATen/Parallel.h>

namespace pellucid {

/// Sums over rows that are done in any order by any thread, added up in the order of the rows.
template <std::size_t N>
class RowSums {
 public:
  explicit RowSums(std::int64_t rows) : of_row_(static_cast<std::size_t>(rows)) {}
  double* of(std::int64_t row) { return of_row_[static_cast<std::size_t>(row)].data(); }
  std::array<double, N> total() const {
    std::array<double, N> sums{};
    for (const std::array<double, N>& row : of_row_)
      for (std::size_t k = 0; k < N; ++k) sums[k] += row[k];
    return sums;
  }

 private:
  std::vector<std::array<double, N>> of_row_;
};

/// Calls `row(i, sums)` for rows 0 .. rows - 1 of `width` samples, on all threads, and adds up what
/// it adds to `sums`, in an order that depends on the sizes alone.
template <std::size_t N, class Row>
std::array<double, N> sums_over_rows(std::int64_t rows, std::int64_t width, Row row) {
  constexpr std::int64_t samples_a_part = 1 << 13, parts_a_thread = 4;
  const std::int64_t rows_a_part = samples_a_part / std::max<std::int64_t>(1, width) + 1;
  const std::int64_t parts = (rows + rows_a_part - 1) / rows_a_part;
  std::vector<std::array<double, N>> of_part(static_cast<std::size_t>(parts));
  at::parallel_for(0, parts, parts_a_thread, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t part = first; part < last; ++part) {
      std::array<double, N>& sums = of_part[static_cast<std::size_t>(part)];
      const std::int64_t end = std::min(rows, (part + 1) * rows_a_part);
      for (std::int64_t i = part * rows_a_part; i < end; ++i) row(i, sums);
    }
  });
  std::array<double, N> sums{};
  for (const std::array<double, N>& part : of_part)
    for (std::size_t k = 0; k < N; ++k) sums[k] += part[k];
  return sums;
}

/// The same without sums.
template <class Row>
void for_rows(std::int64_t rows, std::int64_t width, Row row) {
  sums_over_rows<0>(rows, width, [&row](std::int64_t i, std::array<double, 0>&) { row(i); });
}

}  // namespace pellucid
