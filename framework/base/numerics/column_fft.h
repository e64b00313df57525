// column_fft: Fourier transforms of columns side by side, in memory that a processor's cache holds.
#pragma once

#include <cstdint>
#include <vector>

namespace pellucid {

/// Transforms the columns of arrays (n, width), n a product of 2, 3 and 5, by the algorithm of Stockham
/// in passes of radix 2 to 9, each from one array to another. All columns are treated alike, several to
/// a vector, so that no pass has to rearrange numbers, for which FFTW takes about as long again.
template <class T>
class ColumnFft {
 public:
  static bool has(std::int64_t n);
  /// n > 1.
  explicit ColumnFft(std::int64_t n);

  /// X[k] = sum_i x[i] exp(sign 2 pi i k / n), sign 1 or -1, of `numbers`: rows of `width` complex
  /// numbers whose parts take turns, `width` a multiple of 4. Uses `spare`, of the same size; the two
  /// are swapped where the result ends up there.
  void run(T*& numbers, T*& spare, std::int64_t width, int sign) const;

 private:
  struct Pass {
    std::int64_t radix, rest;  // of the n at hand
    std::vector<T> factors;    // exp(2 pi i p k / (radix rest)) for p < rest, k < radix
  };
  std::vector<Pass> passes_;
};

extern template class ColumnFft<float>;
extern template class ColumnFft<double>;

}  // namespace pellucid
