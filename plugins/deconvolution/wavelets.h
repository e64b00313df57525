// wavelets: orthogonal wavelet transforms of images and volumes, separable and periodic.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace pellucid {

/// The low-pass filter h of Daubechies' orthogonal wavelet of shortest support with so many vanishing
/// moments, in [1, 10], of minimal phase: 2 `moments` taps; 1 is Haar.
///
///   sum h = sqrt(2),   sum over n of h[n] h[n + 2 k] = [k = 0],
///   sum over n of n^p g[n] = 0 for p < moments,   g[n] = (-1)^n h[2 moments - 1 - n]
///
/// From the roots of sum over k < moments of binomial(moments - 1 + k, k) y^k, y = (2 - z - 1 / z) / 4,
/// those within the unit circle: I. Daubechies, Commun. Pure Appl. Math. 41:909-996, 1988,
/// doi:10.1002/cpa.3160410705, section 4.B.
std::vector<double> daubechies(int moments);

/// W: coefficients of images whose sizes are multiples of 2^levels, in their place. Along each axis
///
///   low[k] = sum over m of h[m] x[2 k + m],   high[k] = sum over m of g[m] x[2 k + m]   (periodic)
///
/// one after the other: low in the first half of the axis, high in the second; then again what is low
/// along all axes, level by level. An axis whose levels are done is not looked along any more. W is
/// orthogonal: its inverse is its adjoint.
class Wavelets {
 public:
  /// Sizes of the 2 or 3 last axes, each a multiple of 2 to the power of its levels; filter as by
  /// `daubechies`.
  Wavelets(const std::vector<double>& low_pass, std::vector<std::int64_t> sizes,
           std::vector<std::int64_t> levels);

  const std::vector<std::int64_t>& sizes() const { return sizes_; }

  // Images (planes, sizes...) become coefficients, and the reverse; contiguous, float32 or float64, on
  // the CPU.
  void forward(const at::Tensor& x) const;
  void inverse(const at::Tensor& coefficients) const;

  // What is low along all axes in the last level is an approximation, all else are details.

  /// Approximations become 0, details the nearest value within [-most, most].
  void keep_small_details(const at::Tensor& coefficients, double most) const;
  /// The sum of the moduli of details.
  double size_of_details(const at::Tensor& coefficients) const;

 private:
  using Triple = std::array<std::int64_t, 3>;
  template <class T>
  void transform(T* data, std::int64_t planes, bool forward) const;
  template <class Row>
  auto sums_of_details(const at::Tensor& coefficients, Row row) const;

  std::vector<double> filter_;  // h
  std::vector<std::int64_t> sizes_;
  Triple size_{1, 1, 1}, levels_{};  // as a volume
};

/// How often an axis of so many samples can be halved, at most `most` times: 2^levels <= size.
std::int64_t levels_within(std::int64_t size, std::int64_t most);

}  // namespace pellucid
