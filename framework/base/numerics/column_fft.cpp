#include "base/numerics/column_fft.h"

#include <cmath>
#include <numbers>
#include <utility>

#include <pellucid/numerics/vectorised.h>

// Everything that takes or gives vectors is inlined, so how they are passed does not matter; and arrays
// of them whose first one is not used are seen as not set where a CPU has only half a vector.
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

namespace pellucid {
namespace {

template <class T>
struct Lanes;
template <>
struct Lanes<float> {
  using Type [[gnu::vector_size(32)]] = float;
  using Index [[gnu::vector_size(32)]] = std::int32_t;
  static constexpr Index swapped{1, 0, 3, 2, 5, 4, 7, 6};
  static constexpr Type ones{1, 1, 1, 1, 1, 1, 1, 1};
  static constexpr Type signs{-1, 1, -1, 1, -1, 1, -1, 1};
};
template <>
struct Lanes<double> {
  using Type [[gnu::vector_size(32)]] = double;
  using Index [[gnu::vector_size(32)]] = std::int64_t;
  static constexpr Index swapped{1, 0, 3, 2};
  static constexpr Type ones{1, 1, 1, 1};
  static constexpr Type signs{-1, 1, -1, 1};
};

/// Complex numbers of T, as many as a vector holds; `turn` is -s, s in turns.
template <class T>
struct Butterfly {
  using V = typename Lanes<T>::Type;

  // Numbers of an array are not read into it in place, which would keep it out of the registers.
  [[gnu::always_inline]] static inline V load(const T* numbers) {
    V x;
    __builtin_memcpy(&x, numbers, sizeof(V));
    return x;
  }
  [[gnu::always_inline]] static inline void store(T* numbers, const V& x) {
    const V copy = x;
    __builtin_memcpy(numbers, &copy, sizeof(V));
  }

  /// Times s i.
  [[gnu::always_inline]] static inline V turned(const V& x, const V& turn) {
    return __builtin_shuffle(x, Lanes<T>::swapped) * turn;
  }

  [[gnu::always_inline]] static inline void two(V* x) {
    const V a = x[0], b = x[1];
    x[0] = a + b;
    x[1] = a - b;
  }

  [[gnu::always_inline]] static inline void three(V* x, const V& turn) {
    constexpr T sine = T(0.866025403784438646763723170752936183L);
    const V sum = x[1] + x[2], difference = sine * turned(x[1] - x[2], turn);
    const V middle = x[0] - T(0.5) * sum;
    x[0] += sum;
    x[1] = middle + difference;
    x[2] = middle - difference;
  }

  [[gnu::always_inline]] static inline void four(V* x, const V& turn) {
    const V a = x[0] + x[2], b = x[0] - x[2], c = x[1] + x[3], d = turned(x[1] - x[3], turn);
    x[0] = a + c;
    x[1] = b + d;
    x[2] = a - c;
    x[3] = b - d;
  }

  [[gnu::always_inline]] static inline void five(V* x, const V& turn) {
    constexpr T cos1 = T(0.309016994374947424102293417182819059L);
    constexpr T cos2 = T(-0.809016994374947424102293417182819059L);
    constexpr T sin1 = T(0.951056516295153572116439333379382143L);
    constexpr T sin2 = T(0.587785252292473129168705954639072769L);
    const V a = x[1] + x[4], b = x[2] + x[3];
    const V c = turned(x[1] - x[4], turn), d = turned(x[2] - x[3], turn);
    const V near = x[0] + cos1 * a + cos2 * b, far = x[0] + cos2 * a + cos1 * b;
    const V to_near = sin1 * c + sin2 * d, to_far = sin2 * c - sin1 * d;
    x[0] += a + b;
    x[1] = near + to_near;
    x[4] = near - to_near;
    x[2] = far + to_far;
    x[3] = far - to_far;
  }

  [[gnu::always_inline]] static inline void eight(V* x, const V& turn) {
    constexpr T half = T(0.707106781186547524400844362104849039L);
    V even[4]{x[0], x[2], x[4], x[6]}, odd[4]{x[1], x[3], x[5], x[7]};
    four(even, turn);
    four(odd, turn);
    odd[1] = half * (odd[1] + turned(odd[1], turn));
    odd[2] = turned(odd[2], turn);
    odd[3] = half * (turned(odd[3], turn) - odd[3]);
    for (int k = 0; k < 4; ++k) {
      x[k] = even[k] + odd[k];
      x[k + 4] = even[k] - odd[k];
    }
  }

  [[gnu::always_inline]] static inline void nine(V* x, const V& turn) {
    // cos and sin of 1, 2 and 4 ninths of a turn.
    constexpr T cos1 = T(0.766044443118978035202392650555416674L);
    constexpr T cos2 = T(0.173648177666930348851716626769314796L);
    constexpr T cos4 = T(-0.939692620785908384054109277324731470L);
    constexpr T sin1 = T(0.642787609686539326322643409907263433L);
    constexpr T sin2 = T(0.984807753012208059366743024589523013L);
    constexpr T sin4 = T(0.342020143325668733044099614682259581L);
    V y[9];
    for (int i = 0; i < 3; ++i) {
      V some[3]{x[i], x[i + 3], x[i + 6]};
      three(some, turn);
      for (int k = 0; k < 3; ++k) y[3 * k + i] = some[k];
    }
    y[4] = cos1 * y[4] + sin1 * turned(y[4], turn);
    y[5] = cos2 * y[5] + sin2 * turned(y[5], turn);
    y[7] = cos2 * y[7] + sin2 * turned(y[7], turn);
    y[8] = cos4 * y[8] + sin4 * turned(y[8], turn);
    for (int k = 0; k < 3; ++k) {
      V some[3]{y[3 * k], y[3 * k + 1], y[3 * k + 2]};
      three(some, turn);
      for (int i = 0; i < 3; ++i) x[k + 3 * i] = some[i];
    }
  }

  template <int radix>
  [[gnu::always_inline]] static inline void of(V* x, const V& turn) {
    if constexpr (radix == 2) two(x);
    else if constexpr (radix == 3) three(x, turn);
    else if constexpr (radix == 4) four(x, turn);
    else if constexpr (radix == 5) five(x, turn);
    else if constexpr (radix == 8) eight(x, turn);
    else nine(x, turn);
  }

  /// From rows j rest + p, j < radix, to rows p radix + k, each of `reals`.
  template <int radix>
  [[gnu::always_inline]] static inline void pass(const T* from, T* to, const T* factors,
                                                 std::int64_t rest, std::int64_t reals, T sign) {
    constexpr std::int64_t lanes = sizeof(V) / sizeof(T);
    const V turn = sign * Lanes<T>::signs;
    for (std::int64_t p = 0; p < rest; ++p) {
      V re[radix]{}, im[radix]{};
      for (int k = 1; k < radix; ++k) {
        const T* const factor = factors + 2 * (p * radix + k);
        re[k] = factor[0] * Lanes<T>::ones;
        im[k] = factor[1] * turn;
      }
      for (std::int64_t i = 0; i < reals; i += lanes) {
        V x[radix];
        for (int j = 0; j < radix; ++j) x[j] = load(from + (j * rest + p) * reals + i);
        of<radix>(x, turn);
        if (p > 0)
          for (int k = 1; k < radix; ++k)
            x[k] = x[k] * re[k] + __builtin_shuffle(x[k], Lanes<T>::swapped) * im[k];
        for (int k = 0; k < radix; ++k) store(to + (p * radix + k) * reals + i, x[k]);
      }
    }
  }

  [[gnu::always_inline]] static inline void pass(std::int64_t radix, const T* from, T* to,
                                                 const T* factors, std::int64_t rest,
                                                 std::int64_t reals, T sign) {
    switch (radix) {
      case 2:
        return pass<2>(from, to, factors, rest, reals, sign);
      case 3:
        return pass<3>(from, to, factors, rest, reals, sign);
      case 4:
        return pass<4>(from, to, factors, rest, reals, sign);
      case 5:
        return pass<5>(from, to, factors, rest, reals, sign);
      case 8:
        return pass<8>(from, to, factors, rest, reals, sign);
      default:
        return pass<9>(from, to, factors, rest, reals, sign);
    }
  }
};

PELLUCID_VECTORISED void column_pass(std::int64_t radix, const float* from, float* to,
                                     const float* factors, std::int64_t rest, std::int64_t reals,
                                     float sign) {
  Butterfly<float>::pass(radix, from, to, factors, rest, reals, sign);
}
PELLUCID_VECTORISED void column_pass(std::int64_t radix, const double* from, double* to,
                                     const double* factors, std::int64_t rest, std::int64_t reals,
                                     double sign) {
  Butterfly<double>::pass(radix, from, to, factors, rest, reals, sign);
}

std::vector<std::int64_t> radices(std::int64_t n) {
  std::vector<std::int64_t> all;
  for (const std::int64_t radix : {9, 5, 3, 8, 4, 2})
    // 16 is 4 x 4, one pass less of radix 2 than 8 x 2.
    for (; n % radix == 0 && !(radix == 8 && n == 16); n /= radix) all.push_back(radix);
  return all;
}

}  // namespace

template <class T>
bool ColumnFft<T>::has(std::int64_t n) {
  for (const std::int64_t prime : {2, 3, 5})
    while (n % prime == 0) n /= prime;
  return n == 1;
}

template <class T>
ColumnFft<T>::ColumnFft(std::int64_t n) {
  for (const std::int64_t radix : radices(n)) {
    Pass pass{radix, n / radix, std::vector<T>(static_cast<std::size_t>(2 * n))};
    for (std::int64_t p = 0; p < pass.rest; ++p)
      for (std::int64_t k = 0; k < radix; ++k) {
        const double angle = 2 * std::numbers::pi * double(p * k % n) / double(n);
        pass.factors[static_cast<std::size_t>(2 * (p * radix + k))] = T(std::cos(angle));
        pass.factors[static_cast<std::size_t>(2 * (p * radix + k) + 1)] = T(std::sin(angle));
      }
    n = pass.rest;
    passes_.push_back(std::move(pass));
  }
}

template <class T>
void ColumnFft<T>::run(T*& numbers, T*& spare, std::int64_t width, int sign) const {
  std::int64_t reals = 2 * width;
  for (const Pass& pass : passes_) {
    column_pass(pass.radix, numbers, spare, pass.factors.data(), pass.rest, reals, T(sign));
    std::swap(numbers, spare);
    reals *= pass.radix;
  }
}

template class ColumnFft<float>;
template class ColumnFft<double>;

}  // namespace pellucid
