#include "resampling.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/vectorised.h>

namespace pellucid {
namespace {

/// The weights of one sample by their sources.
using Row = std::map<std::int64_t, double>;

Resampling tabulated(std::int64_t size, const std::vector<Row>& rows) {
  std::size_t taps = 1;
  for (const Row& row : rows) taps = std::max(taps, row.size());
  const auto shape = {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(taps)};
  Resampling how{size, at::empty(shape, at::kLong), at::zeros(shape, at::kDouble)};
  auto* const source = how.source.mutable_data_ptr<std::int64_t>();
  auto* const weight = how.weight.mutable_data_ptr<double>();
  for (std::size_t j = 0; j < rows.size(); ++j) {
    // Taps that a row has not weigh a source that it has anyway with 0.
    std::fill_n(source + j * taps, taps, rows[j].begin()->first);
    std::size_t t = j * taps;
    for (const auto& [from, value] : rows[j]) {
      source[t] = from;
      weight[t++] = value;
    }
  }
  return how;
}

void scale_to_sum_one(Row& row) {
  double sum = 0;
  for (const auto& [from, value] : row) sum += value;
  for (auto& [from, value] : row) value /= sum;
}

/// R. Keys, IEEE Trans. ASSP 29:1153-1160, 1981, doi:10.1109/TASSP.1981.1163711, with a = -1/2.
double bicubic(double u) {
  u = std::abs(u);
  if (u <= 1) return (1.5 * u - 2.5) * u * u + 1;
  if (u <= 2) return ((-0.5 * u + 2.5) * u - 4) * u + 2;
  return 0;
}

/// Position i of an axis that goes on as its mirror image, edge repeated.
std::int64_t mirrored(std::int64_t i, std::int64_t n) {
  const std::int64_t there = ((i % (2 * n)) + 2 * n) % (2 * n);
  return there < n ? there : 2 * n - 1 - there;
}

/// A symmetric matrix that is 0 beyond `reach` diagonals: its lower half, row by row.
struct Band {
  std::int64_t size;
  std::int64_t reach;
  std::vector<double> values = std::vector<double>(std::size_t(size * (reach + 1)));

  double& at(std::int64_t i, std::int64_t j) {
    return values[std::size_t(i * (reach + 1) + j - i + reach)];
  }
  double at(std::int64_t i, std::int64_t j) const {
    return values[std::size_t(i * (reach + 1) + j - i + reach)];
  }
};

/// A A* along an axis.
Band gram_of(const Resampling& how) {
  const std::int64_t samples = how.source.size(0), taps = how.source.size(1);
  const auto* const source = how.source.const_data_ptr<std::int64_t>();
  const auto* const weight = how.weight.const_data_ptr<double>();
  // Samples that share a source with sample i: at most those up to the last one whose sources
  // begin before those of i end.
  std::vector<std::int64_t> begin(std::size_t(samples), 0);
  std::int64_t least = how.size, reach = 0;
  for (std::int64_t i = samples; i-- > 0;) {
    least = std::min(least, *std::min_element(source + i * taps, source + (i + 1) * taps));
    begin[std::size_t(i)] = least;  // of sample i and all behind it
  }
  for (std::int64_t i = 0; i < samples; ++i) {
    const std::int64_t end = *std::max_element(source + i * taps, source + (i + 1) * taps);
    while (i + reach + 1 < samples && begin[std::size_t(i + reach + 1)] <= end) ++reach;
  }
  Band gram{samples, reach};
  std::vector<double> line(std::size_t(how.size), 0.0);  // sample i by its sources
  for (std::int64_t i = 0; i < samples; ++i) {
    for (std::int64_t t = i * taps; t < (i + 1) * taps; ++t)
      line[std::size_t(source[t])] += weight[t];
    for (std::int64_t j = i; j <= std::min(samples - 1, i + reach); ++j)
      for (std::int64_t t = j * taps; t < (j + 1) * taps; ++t)
        gram.at(j, i) += weight[t] * line[std::size_t(source[t])];
    for (std::int64_t t = i * taps; t < (i + 1) * taps; ++t) line[std::size_t(source[t])] = 0;
  }
  return gram;
}

/// No eigenvalue of the matrix reaches `lambda`: Cholesky's factors of lambda - matrix exist.
bool is_above(double lambda, const Band& matrix) {
  Band factor{matrix.size, matrix.reach};
  for (std::int64_t i = 0; i < matrix.size; ++i)
    for (std::int64_t j = std::max<std::int64_t>(0, i - matrix.reach); j <= i; ++j) {
      double rest = (i == j ? lambda : 0) - matrix.at(i, j);
      for (std::int64_t k = std::max<std::int64_t>(0, i - matrix.reach); k < j; ++k)
        rest -= factor.at(i, k) * factor.at(j, k);
      if (i == j && !(rest > 0)) return false;
      factor.at(i, j) = i == j ? std::sqrt(rest) : rest / factor.at(j, j);
    }
  return true;
}

/// An axis of a contiguous array, whose samples are lines of `inner` numbers.
template <class T>
struct Lines {
  const T* from;
  T* to;
  const std::int64_t* source;
  const T* weight;
  std::int64_t samples;  ///< of the result
  std::int64_t taps;
  std::int64_t size;  ///< samples of `from`
  std::int64_t inner;
};

/// Samples begin .. end-1 of the result, counted through all axes in front.
template <class T>
inline void add_up_lines(const Lines<T>& lines, std::int64_t begin, std::int64_t end) {
  constexpr std::int64_t kPart = 2048;  // numbers, which stay in the fastest cache
  for (std::int64_t k = begin; k < end; ++k) {
    const std::int64_t* const source = lines.source + k % lines.samples * lines.taps;
    const T* const weight = lines.weight + k % lines.samples * lines.taps;
    const T* const from = lines.from + k / lines.samples * lines.size * lines.inner;
    T* const to = lines.to + k * lines.inner;
    if (lines.inner == 1) {
      T sum = 0;
      for (std::int64_t t = 0; t < lines.taps; ++t) sum += weight[t] * from[source[t]];
      *to = sum;
      continue;
    }
    for (std::int64_t first = 0; first < lines.inner; first += kPart) {
      const std::int64_t last = std::min(lines.inner, first + kPart);
      std::fill(to + first, to + last, T(0));
      for (std::int64_t t = 0; t < lines.taps; ++t) {
        const T* const line = from + source[t] * lines.inner;
        const T w = weight[t];
        for (std::int64_t i = first; i < last; ++i) to[i] += w * line[i];
      }
    }
  }
}

PELLUCID_VECTORISED
void add_up(const Lines<float>& lines, std::int64_t begin, std::int64_t end) {
  add_up_lines(lines, begin, end);
}
PELLUCID_VECTORISED
void add_up(const Lines<double>& lines, std::int64_t begin, std::int64_t end) {
  add_up_lines(lines, begin, end);
}

/// The same by libtorch's functions, for tensors that are not on the CPU.
Tensor gathered(const Tensor& x, std::int64_t axis, const Resampling& how, at::IntArrayRef shape) {
  const Tensor source = how.source.to(x.device()), weight = how.weight.to(x.options());
  std::vector<std::int64_t> along(static_cast<std::size_t>(-axis), 1);
  along[0] = how.source.size(0);
  Tensor sum = at::zeros(shape, x.options());
  for (std::int64_t t = 0; t < how.source.size(1); ++t)
    sum.addcmul_(x.index_select(axis, source.select(1, t)), weight.select(1, t).view(along));
  return sum;
}

}  // namespace

Resampling Resampling::transposed() const {
  std::vector<Row> rows(static_cast<std::size_t>(size));
  const auto* const from = source.const_data_ptr<std::int64_t>();
  const auto* const value = weight.const_data_ptr<double>();
  const std::int64_t taps = source.size(1);
  for (std::int64_t i = 0; i < source.numel(); ++i)
    rows[static_cast<std::size_t>(from[i])][i / taps] += value[i];
  return tabulated(source.size(0), rows);
}

Resampling reduced_bicubic(std::int64_t n, std::int64_t factor) {
  const auto s = static_cast<double>(factor);
  const std::int64_t taps = 4 * factor + 2;
  std::vector<Row> rows(static_cast<std::size_t>((n + factor - 1) / factor));
  for (std::size_t j = 0; j < rows.size(); ++j) {
    const double place = (static_cast<double>(j) + 0.5) * s - 0.5;
    const std::int64_t first = static_cast<std::int64_t>(std::floor(place)) - taps / 2 + 1;
    for (std::int64_t i = first; i < first + taps; ++i)
      rows[j][mirrored(i, n)] += bicubic((place - static_cast<double>(i)) / s);
    scale_to_sum_one(rows[j]);
  }
  return tabulated(n, rows);
}

Resampling reduced_area(std::int64_t n, std::int64_t factor) {
  std::vector<Row> rows(static_cast<std::size_t>((n + factor - 1) / factor));
  for (std::int64_t i = 0; i < n; ++i) rows[static_cast<std::size_t>(i / factor)][i] = 1;
  for (Row& row : rows) scale_to_sum_one(row);
  return tabulated(n, rows);
}

Resampling enlarged_bicubic(std::int64_t n, std::int64_t to) {
  std::vector<Row> rows(static_cast<std::size_t>(to));
  for (std::size_t j = 0; j < rows.size(); ++j) {
    const double centre =
        (static_cast<double>(j) + 0.5) * static_cast<double>(n) / static_cast<double>(to);
    const auto first = static_cast<std::int64_t>(std::floor(centre - 1.5));
    const auto end = static_cast<std::int64_t>(std::floor(centre + 2.5));
    for (std::int64_t i = std::max<std::int64_t>(0, first); i < std::min(n, end); ++i)
      rows[j][i] = bicubic(static_cast<double>(i) - centre + 0.5);
    scale_to_sum_one(rows[j]);
  }
  return tabulated(n, rows);
}

double norm_of(const Resampling& how) {
  const Band gram = gram_of(how);
  double least = 0, most = 0;
  for (std::int64_t i = 0; i < gram.size; ++i) {
    least = std::max(least, gram.at(i, i));
    double sum = 0;  // of the row, which lies on both sides of the diagonal
    for (std::int64_t j = 0; j <= gram.reach; ++j) {
      if (i >= j) sum += std::abs(gram.at(i, i - j));
      if (j > 0 && i + j < gram.size) sum += std::abs(gram.at(i + j, i));
    }
    most = std::max(most, sum);
  }
  // The largest eigenvalue is where lambda - A A* begins to be positive definite.
  while (most - least > 1e-15 * most) {
    const double middle = least + (most - least) / 2;
    if (middle <= least || middle >= most) break;
    (is_above(middle, gram) ? most : least) = middle;
  }
  return std::sqrt(least + (most - least) / 2);
}

Tensor resampled(const Tensor& x, std::int64_t axis, const Resampling& how) {
  if (x.is_complex())
    return at::view_as_complex(resampled(at::view_as_real(x.resolve_conj()), axis - 1, how));
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape[shape.size() - static_cast<std::size_t>(-axis)] = how.source.size(0);
  if (!x.is_cpu()) return gathered(x, axis, how, shape);
  const Tensor from = x.contiguous(), weight = how.weight.to(x.scalar_type());
  Tensor to = at::empty(shape, x.options());
  const std::int64_t rows = c10::multiply_integers(shape.begin(), shape.end() + axis);
  const std::int64_t inner = c10::multiply_integers(shape.end() + axis + 1, shape.end());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "resampled", [&] {
    const Lines<scalar_t> lines{from.const_data_ptr<scalar_t>(),
                                to.mutable_data_ptr<scalar_t>(),
                                how.source.const_data_ptr<std::int64_t>(),
                                weight.const_data_ptr<scalar_t>(),
                                how.source.size(0),
                                how.source.size(1),
                                how.size,
                                inner};
    at::parallel_for(0, rows * lines.samples, 1 + (1 << 14) / (lines.taps * inner),
                     [&](std::int64_t begin, std::int64_t end) { add_up(lines, begin, end); });
  });
  return to;
}

}  // namespace pellucid
