// fft: real and complex Fourier transforms of the last axes by FFTW, and filters made of them, with
// plans that are the same in every process of a run.
#pragma once

#include <functional>
#include <memory>
#include <utility>
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

/// One axis of an FftFilter: the places of a grid, counted modulo their number, and which of them
/// the samples of x and of y stand at.
struct FilterAxis {
  struct Stretch {
    std::int64_t offset;  ///< place of the first sample; may be negative
    std::int64_t size;    ///< from 1 to that of the grid
  };
  std::int64_t grid;  ///< number of places, as many as the transform has samples
  Stretch x, y;
  /// Further places (first) at which a sample of x (second) stands, too.
  std::vector<std::pair<std::int64_t, std::int64_t>> repeated{};
};

/// A filter of real images with a transfer function G, and its adjoint, on the CPU:
///
///   y = C F^-1 (G . F E x)           E puts x on the grid, with what is repeated, and zeros elsewhere
///   x = E* F^-1 (conj(G) . F C* y)   C takes y from the grid; F, F^-1: RealFft on it
///
/// The grid is never there as a whole: lines are transformed in pieces that fit in the cache of a
/// processor, multiplied and transformed back at once, and those that are zero or not wanted are left
/// out, so that a filter takes less time than the two transforms of its grid and memory for one
/// spectrum. Rows of x and y are read and written where the caller has them.
///
/// Results have the same bits for any number of threads and in any batch. Plans are kept as those of
/// RealFft. Copies are cheap and share the memory to work in, which is kept until the last one ends;
/// any number of threads may use them.
class PELLUCID_EXPORT FftFilter {
 public:
  /// Reads row `number` of the images' rows in their order, or writes it: as many samples of the
  /// filter's type as x or y has along the last axis. Called by several threads at once, in any order,
  /// once for each row; a row of x or y is written after all of that image have been read.
  using Row = std::function<void(std::int64_t number, void* samples)>;

  /// 1 to 3 axes; float32 or float64. Throws ShapeError where a stretch does not fit in its grid, or
  /// what is repeated would stand at a place that is taken or outside.
  FftFilter(std::vector<FilterAxis> axes, at::ScalarType real);
  ~FftFilter();
  FftFilter(const FftFilter&);
  FftFilter& operator=(const FftFilter&);

  const std::vector<FilterAxis>& axes() const;
  /// Of the memory to work in: the spectrum of an image.
  std::int64_t bytes() const;

  /// F E x of so many images: (images, grid...) with last / 2 + 1, complex; a view whose rows may be
  /// apart. What `gains` may be.
  Tensor spectrum(std::int64_t images, const Row& read_x) const;

  /// `gains`: G, (kernels, grid...) with last / 2 + 1, complex, the numbers of a row side by side.
  /// Image i has that of kernel i modulo their number.
  void forward(const Tensor& gains, std::int64_t images, const Row& read_x,
               const Row& write_y) const;
  void adjoint(const Tensor& gains, std::int64_t images, const Row& read_y,
               const Row& write_x) const;

  /// The same for images in tensors (images, sizes of x or y).
  Tensor spectrum(const Tensor& x) const;
  Tensor forward(const Tensor& gains, const Tensor& x) const;
  Tensor adjoint(const Tensor& gains, const Tensor& y) const;

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
