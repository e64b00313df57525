#include "wavelets.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include <c10/core/ScalarType.h>

#include <pellucid/numerics/vectorised.h>

#include "rows.h"

namespace pellucid {
namespace {

using Complex = std::complex<long double>;

Complex value_of(const std::vector<long double>& polynomial, Complex at) {
  Complex value = 0;
  for (auto c = polynomial.rbegin(); c != polynomial.rend(); ++c) value = value * at + *c;
  return value;
}

/// All roots of a polynomial with simple ones, its coefficients from low to high powers, by the
/// iteration of Durand and Kerner.
std::vector<Complex> roots_of(const std::vector<long double>& polynomial) {
  std::vector<Complex> roots(polynomial.size() - 1);
  for (std::size_t i = 0; i < roots.size(); ++i)
    roots[i] = std::pow(Complex(0.4L, 0.9L), static_cast<int>(i));
  for (int round = 0; round < 200; ++round)
    for (std::size_t i = 0; i < roots.size(); ++i) {
      Complex others = polynomial.back();
      for (std::size_t k = 0; k < roots.size(); ++k)
        if (k != i) others *= roots[i] - roots[k];
      roots[i] -= value_of(polynomial, roots[i]) / others;
    }
  return roots;
}

// A filter of an axis makes two samples of 2 N others:
//   first[c] = sum over j < N, p < 2 of a[2 j + p] in[j step + p other + c], and second of b
// Forward these are low and high from samples that follow each other; back they are an even and an
// odd sample from pairs of low and high.

struct Places {
  std::int64_t step, other;
};

template <int N, class T>
[[gnu::always_inline]] inline void combine(const T* __restrict in, Places places, const T* taps,
                                           T* __restrict first, T* __restrict second,
                                           std::int64_t count) {
  T a[2 * N], b[2 * N];
  for (int m = 0; m < 2 * N; ++m) {
    a[m] = taps[m];
    b[m] = taps[2 * N + m];
  }
  const T *even[N], *odd[N];
  for (int j = 0; j < N; ++j) {
    even[j] = in + j * places.step;
    odd[j] = even[j] + places.other;
  }
  for (std::int64_t c = 0; c < count; ++c) {
    T one = 0, two = 0;
#pragma GCC unroll 10
    for (int j = 0; j < N; ++j) {
      one += a[2 * j] * even[j][c] + a[2 * j + 1] * odd[j][c];
      two += b[2 * j] * even[j][c] + b[2 * j + 1] * odd[j][c];
    }
    first[c] = one;
    second[c] = two;
  }
}

template <class T>
[[gnu::always_inline]] inline void combine_some(int moments, const T* in, Places places,
                                                const T* taps, T* first, T* second,
                                                std::int64_t count) {
  switch (moments) {
    case 1:
      return combine<1>(in, places, taps, first, second, count);
    case 2:
      return combine<2>(in, places, taps, first, second, count);
    case 3:
      return combine<3>(in, places, taps, first, second, count);
    case 4:
      return combine<4>(in, places, taps, first, second, count);
    case 5:
      return combine<5>(in, places, taps, first, second, count);
    case 6:
      return combine<6>(in, places, taps, first, second, count);
    case 7:
      return combine<7>(in, places, taps, first, second, count);
    case 8:
      return combine<8>(in, places, taps, first, second, count);
    case 9:
      return combine<9>(in, places, taps, first, second, count);
    default:
      return combine<10>(in, places, taps, first, second, count);
  }
}

PELLUCID_VECTORISED void combined(int moments, const float* in, Places places, const float* taps,
                                  float* first, float* second, std::int64_t count) {
  combine_some(moments, in, places, taps, first, second, count);
}
PELLUCID_VECTORISED void combined(int moments, const double* in, Places places, const double* taps,
                                  double* first, double* second, std::int64_t count) {
  combine_some(moments, in, places, taps, first, second, count);
}

/// Memory of the thread, at least so large.
template <class T>
T* scratch(std::int64_t samples) {
  thread_local std::vector<T> all;
  if (std::ssize(all) < samples) all.resize(static_cast<std::size_t>(samples));
  return all.data();
}

/// One axis, forward or back.
template <class T>
class AxisFilter {
 public:
  AxisFilter(const std::vector<double>& h, bool forward)
      : moments_(static_cast<int>(h.size() / 2)), forward_(forward), taps_(2 * h.size()) {
    const std::size_t count = h.size();
    const auto g = [&](std::size_t n) { return n % 2 == 0 ? h[count - 1 - n] : -h[count - 1 - n]; };
    for (std::size_t m = 0; m < count; ++m) {
      // Back, the j-th pair of low and high stands N - 1 - j before the last.
      const std::size_t back = count - 2 - m / 2 * 2;
      taps_[m] = static_cast<T>(forward ? h[m] : m % 2 == 0 ? h[back] : g(back));
      taps_[count + m] = static_cast<T>(forward ? g(m) : m % 2 == 0 ? h[back + 1] : g(back + 1));
    }
  }

  /// `size` samples side by side.
  void along_row(T* row, std::int64_t size) const {
    const std::int64_t half = size / 2, more = moments_ - 1, length = half + more;
    T *const even = scratch<T>(4 * length), *const odd = even + length;
    T *const first = odd + length, *const second = first + half;
    if (forward_) {
      for (std::int64_t i = 0; i < half; ++i) {
        even[i] = row[2 * i];
        odd[i] = row[2 * i + 1];
      }
      for (std::int64_t i = half; i < length; ++i) {
        even[i] = even[i - half];
        odd[i] = odd[i - half];
      }
      combined(moments_, even, {1, length}, taps_.data(), row, row + half, half);
      return;
    }
    std::copy_n(row, half, even + more);
    std::copy_n(row + half, half, odd + more);
    for (std::int64_t i = more - 1; i >= 0; --i) {
      even[i] = even[i + half];
      odd[i] = odd[i + half];
    }
    combined(moments_, even, {1, length}, taps_.data(), first, second, half);
    for (std::int64_t i = 0; i < half; ++i) {
      row[2 * i] = first[i];
      row[2 * i + 1] = second[i];
    }
  }

  /// `size` rows of `width` samples, a stride apart.
  void across_rows(T* rows, std::int64_t stride, std::int64_t size, std::int64_t width) const {
    const std::int64_t half = size / 2, more = moments_ - 1;
    T* const pairs = scratch<T>(2 * (half + more) * width);
    const auto pair = [&](std::int64_t i) { return pairs + 2 * i * width; };
    for (std::int64_t i = 0; i < half; ++i) {
      T* const to = pair(forward_ ? i : i + more);
      std::copy_n(rows + (forward_ ? 2 * i : i) * stride, width, to);
      std::copy_n(rows + (forward_ ? 2 * i + 1 : half + i) * stride, width, to + width);
    }
    if (forward_)
      for (std::int64_t i = half; i < half + more; ++i)
        std::copy_n(pair(i - half), 2 * width, pair(i));
    else
      for (std::int64_t i = more - 1; i >= 0; --i) std::copy_n(pair(i + half), 2 * width, pair(i));
    for (std::int64_t i = 0; i < half; ++i) {
      T* const first = rows + (forward_ ? i : 2 * i) * stride;
      T* const second = rows + (forward_ ? half + i : 2 * i + 1) * stride;
      combined(moments_, pair(i), {2 * width, width}, taps_.data(), first, second, width);
    }
  }

 private:
  int moments_;
  bool forward_;
  std::vector<T> taps_;
};

/// Rows that are filtered together along another axis: so many that they fill lines of memory, and so
/// few that they stay near the processor.
constexpr std::int64_t kStrip = 64;

template <class T>
[[gnu::always_inline]] inline void clamp_row(T* values, T most, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) values[i] = std::min(std::max(values[i], -most), most);
}

PELLUCID_VECTORISED void clamped_row(float* values, float most, std::int64_t count) {
  clamp_row(values, most, count);
}
PELLUCID_VECTORISED void clamped_row(double* values, double most, std::int64_t count) {
  clamp_row(values, most, count);
}

}  // namespace

std::vector<double> daubechies(int moments) {
  std::vector<long double> polynomial{1};
  for (int k = 1; k < moments; ++k)
    polynomial.push_back(polynomial.back() * static_cast<long double>(moments - 1 + k) / k);
  std::vector<Complex> h{1};
  const auto times = [&h](Complex constant, Complex linear) {
    h.push_back(0);
    for (std::size_t n = h.size(); n-- > 0;)
      h[n] = constant * h[n] + (n > 0 ? linear * h[n - 1] : 0);
  };
  for (const Complex& y : roots_of(polynomial)) {
    const Complex half = 1.0L - 2.0L * y, apart = std::sqrt(half * half - 1.0L);
    const Complex inside = std::abs(half + apart) < 1 ? half + apart : half - apart;
    times(1, -inside);
  }
  for (int n = 0; n < moments; ++n) times(1, 1);
  Complex sum = 0;
  for (const Complex& tap : h) sum += tap;
  std::vector<double> taps;
  for (const Complex& tap : h)
    taps.push_back(static_cast<double>((tap * std::numbers::sqrt2_v<long double> / sum).real()));
  return taps;
}

std::int64_t levels_within(std::int64_t size, std::int64_t most) {
  std::int64_t levels = 0;
  while (levels < most && (size >> (levels + 1)) > 0) ++levels;
  return levels;
}

Wavelets::Wavelets(const std::vector<double>& low_pass, std::vector<std::int64_t> sizes,
                   std::vector<std::int64_t> levels)
    : filter_(low_pass), sizes_(std::move(sizes)) {
  std::copy(sizes_.begin(), sizes_.end(), size_.end() - std::ssize(sizes_));
  std::copy(levels.begin(), levels.end(), levels_.end() - std::ssize(levels));
}

template <class T>
void Wavelets::transform(T* data, std::int64_t planes, bool forward) const {
  const AxisFilter<T> filter(filter_, forward);
  const Triple stride{size_[1] * size_[2], size_[2], 1};
  const std::int64_t plane = size_[0] * stride[0];
  const std::int64_t levels = *std::max_element(levels_.begin(), levels_.end());
  for (std::int64_t step = 0; step < levels; ++step) {
    const std::int64_t level = forward ? step : levels - 1 - step;
    Triple size{};  // of what was low so far
    for (std::size_t a = 0; a < 3; ++a) size[a] = size_[a] >> std::min(level, levels_[a]);
    const auto rows = [&] {
      if (level >= levels_[2]) return;
      for_rows(planes * size[0] * size[1], size[2], [&](std::int64_t i) {
        const std::int64_t y = i % size[1], z = i / size[1] % size[0],
                           image = i / size[1] / size[0];
        filter.along_row(data + image * plane + z * stride[0] + y * stride[1], size[2]);
      });
    };
    const auto across = [&](std::size_t axis) {
      if (level >= levels_[axis]) return;
      const std::size_t other = 1 - axis;
      const std::int64_t strips = (size[2] + kStrip - 1) / kStrip;
      for_rows(planes * size[other] * strips, size[axis] * std::min(size[2], kStrip),
               [&](std::int64_t i) {
                 const std::int64_t x = i % strips * kStrip, line = i / strips % size[other];
                 const std::int64_t image = i / strips / size[other];
                 filter.across_rows(data + image * plane + line * stride[other] + x, stride[axis],
                                    size[axis], std::min(kStrip, size[2] - x));
               });
    };
    if (forward) {
      rows();
      across(1);
      across(0);
    } else {
      across(0);
      across(1);
      rows();
    }
  }
}

void Wavelets::forward(const at::Tensor& x) const {
  if (x.scalar_type() == at::kDouble) transform(x.mutable_data_ptr<double>(), x.size(0), true);
  else transform(x.mutable_data_ptr<float>(), x.size(0), true);
}

void Wavelets::inverse(const at::Tensor& coefficients) const {
  if (coefficients.scalar_type() == at::kDouble)
    transform(coefficients.mutable_data_ptr<double>(), coefficients.size(0), false);
  else transform(coefficients.mutable_data_ptr<float>(), coefficients.size(0), false);
}

/// Calls `row(i, first, sums)` for each row of coefficients, of which those from `first` on are
/// details.
template <class Row>
auto Wavelets::sums_of_details(const at::Tensor& coefficients, Row row) const {
  const std::int64_t last = size_[2] >> levels_[2];
  return sums_over_rows<1>(
      coefficients.size(0) * size_[0] * size_[1], size_[2], [&](std::int64_t i, auto& sums) {
        const std::int64_t y = i % size_[1], z = i / size_[1] % size_[0];
        const bool low = y < size_[1] >> levels_[1] && z < size_[0] >> levels_[0];
        row(i, low ? last : 0, sums);
      });
}

void Wavelets::keep_small_details(const at::Tensor& coefficients, double most) const {
  const auto clamp_all = [&]<class T>(T* data) {
    sums_of_details(coefficients, [&](std::int64_t i, std::int64_t first, auto&) {
      T* const row = data + i * size_[2];
      std::fill_n(row, first, T(0));
      clamped_row(row + first, T(most), size_[2] - first);
    });
  };
  if (coefficients.scalar_type() == at::kDouble) clamp_all(coefficients.mutable_data_ptr<double>());
  else clamp_all(coefficients.mutable_data_ptr<float>());
}

double Wavelets::size_of_details(const at::Tensor& coefficients) const {
  const auto sum_all = [&]<class T>(const T* data) {
    return sums_of_details(coefficients, [&](std::int64_t i, std::int64_t first, auto& sums) {
      const T* const row = data + i * size_[2];
      for (std::int64_t k = first; k < size_[2]; ++k) sums[0] += std::abs(double(row[k]));
    })[0];
  };
  if (coefficients.scalar_type() == at::kDouble)
    return sum_all(coefficients.const_data_ptr<double>());
  return sum_all(coefficients.const_data_ptr<float>());
}

}  // namespace pellucid
