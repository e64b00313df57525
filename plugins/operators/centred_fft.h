// centred_fft: the unitary Fourier transform whose origin is the middle of images and of spectra.
#pragma once

#include <pellucid/numerics/fft.h>

namespace pellucid {

/// X[k] = sum_n x[n] exp(-2 pi i (k - c)(n - c) / N) / sqrt(N) along each of the last axes, with
/// c = N / 2 rounded down: frequency 0 stands where the middle of the image does. Its inverse is
/// its adjoint. As ComplexFft it works on complex64 or complex128, keeps batches apart and is not
/// recorded by autograd.
class CentredFft {
 public:
  CentredFft(const std::vector<std::int64_t>& sizes, at::ScalarType complex);

  Tensor forward(const Tensor& x) const;
  Tensor inverse(const Tensor& spectrum) const;

 private:
  ComplexFft fft_;
  double length_;  // of a vector of ones
};

}  // namespace pellucid
