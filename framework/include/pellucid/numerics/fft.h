// fft: real and complex Fourier transforms of the last axes by FFTW, with plans that are the same
// in every process of a run.
#pragma once

#include <memory>
#include <vector>

#include <pellucid/spec.h>

namespace pellucid {

/// Plans for transforms of one shape, dtype and thread count. FFTW's measured plans differ from
/// process to process, so they are made once, under a lock, and kept in a cache folder keyed by
/// CPU, library, shape, dtype and threads (`PELLUCID_CACHE`, else the user's cache folder), from
/// which a run copies what it used. Threads: those of the caller (`at::get_num_threads()`).
///
/// Making one for the second time is a look-up; copies are cheap; execution is thread-safe;
/// planning is serialised. Every transform of a batch is computed alike, so a result never depends
/// on the batch it is part of. Tensors that are not on the CPU go to libtorch.
///
/// On the CPU a transform is not recorded by autograd: gradients of its result do not reach its
/// argument. Code that is to be differentiated wraps it, as `Operator::apply` wraps `forward`.
class PELLUCID_EXPORT RealFft {
 public:
  /// `sizes`: of the transformed (last) axes, 1 to 3 of them; float32 or float64.
  RealFft(std::vector<std::int64_t> sizes, at::ScalarType real);
  ~RealFft();
  RealFft(const RealFft&);
  RealFft& operator=(const RealFft&);

  const std::vector<std::int64_t>& sizes() const;

  /// X[k] = sum_n x[n] exp(-2 pi i k n / N): (..., sizes) real -> (..., last / 2 + 1) complex.
  Tensor forward(const Tensor& x) const;
  /// The inverse, divided by the number of samples: forward, then inverse, is the identity.
  /// Allocates a copy of `spectrum`, because FFTW uses it as scratch memory.
  Tensor inverse(const Tensor& spectrum) const;
  /// `inverse` that may use `spectrum` as its scratch memory, so needs no copy of it.
  Tensor inverse_destroying(Tensor&& spectrum) const;

 private:
  struct Plans;
  std::shared_ptr<const Plans> plans_;
};

/// The same for complex data: complex64 or complex128. Not recorded by autograd either.
class PELLUCID_EXPORT ComplexFft {
 public:
  ComplexFft(std::vector<std::int64_t> sizes, at::ScalarType complex);
  ~ComplexFft();
  ComplexFft(const ComplexFft&);
  ComplexFft& operator=(const ComplexFft&);

  const std::vector<std::int64_t>& sizes() const;

  Tensor forward(const Tensor& x) const;
  Tensor inverse(const Tensor& spectrum) const;

 private:
  struct Plans;
  std::shared_ptr<const Plans> plans_;
};

/// Which sizes `fast_size` may give.
enum class Parity { any, even };

/// The smallest size >= n of the form 2^a 3^b 5^c 7^d (times 11 or 13 at most once), which FFTW
/// transforms fast.
PELLUCID_EXPORT std::int64_t fast_size(std::int64_t n, Parity parity = Parity::any);

}  // namespace pellucid
