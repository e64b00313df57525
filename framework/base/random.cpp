// Random: Philox4x32-10, and uniform and normal numbers made from it.
//
// Every draw is the result of the same IEEE operations wherever it is computed: nothing here calls
// the mathematics library, and this file is compiled without contraction into fused operations. The
// loops have no branches, so that the compiler turns them into vector instructions.
#include <pellucid/random.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <numbers>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/view_as_complex.h>
#include <c10/core/ScalarType.h>

#include <xxhash.h>

#include <pellucid/numerics/vectorised.h>

namespace pellucid {
namespace {

constexpr std::int64_t kBatch = 256;  // pairs made at once

/// Four words of each of a batch of pairs.
struct Words {
  alignas(64) std::uint32_t w[4][kBatch];
};

/// The pairs `first_pair` ... of one item at one step.
struct Counter {
  std::uint64_t first_pair;
  std::uint32_t item;
  std::uint32_t step;
  std::array<std::uint32_t, 2> key;
};

inline void philox_round(std::uint32_t& c0, std::uint32_t& c1, std::uint32_t& c2, std::uint32_t& c3,
                         std::uint32_t k0, std::uint32_t k1) {
  const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
  const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
  const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
  const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
  c1 = static_cast<std::uint32_t>(p1);
  c3 = static_cast<std::uint32_t>(p0);
  c0 = n0;
  c2 = n2;
}

PELLUCID_VECTORISED
void fill_words(const Counter& counter, std::int64_t pairs, Words& words) {
  // Copies of its own, which no store into `words` can change.
  const auto [first_pair, item, step, first_key] = counter;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const std::uint64_t pair = first_pair + static_cast<std::uint64_t>(i);
    auto c0 = static_cast<std::uint32_t>(pair);
    auto c1 = static_cast<std::uint32_t>(pair >> 32);
    std::uint32_t c2 = item, c3 = step;
    std::uint32_t k0 = first_key[0], k1 = first_key[1];
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      philox_round(c0, c1, c2, c3, k0, k1);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    words.w[0][i] = c0;
    words.w[1][i] = c1;
    words.w[2][i] = c2;
    words.w[3][i] = c3;
  }
}

/// 53 bits of two words as a number in [0, 1). The halves are small enough for signed conversions,
/// which every CPU has as vectors.
inline double unit_interval(std::uint32_t high, std::uint32_t low) {
  const auto upper = static_cast<double>(static_cast<std::int32_t>(high >> 5));
  const auto lower = static_cast<double>(static_cast<std::int32_t>(low >> 6));
  return (upper * 0x1p26 + lower) * 0x1p-53;
}

/// Natural logarithm of a normal number in (0, 1]: exponent apart, then the series of
/// 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.1716, cut where terms fall below 1e-17.
inline double logarithm(double v) {
  const auto bits = std::bit_cast<std::uint64_t>(v);
  double exponent = std::bit_cast<double>((bits >> 52) | 0x4330000000000000u) - (0x1p52 + 1023);
  double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFFu) | 0x3FF0000000000000u);
  const bool upper = m > std::numbers::sqrt2;
  const double half = m * 0.5, next = exponent + 1;
  m = upper ? half : m;
  exponent = upper ? next : exponent;

  const double s = (m - 1) / (m + 1);
  const double z = s * s;
  double series = 1.0 / 21;
  series = series * z + 1.0 / 19;
  series = series * z + 1.0 / 17;
  series = series * z + 1.0 / 15;
  series = series * z + 1.0 / 13;
  series = series * z + 1.0 / 11;
  series = series * z + 1.0 / 9;
  series = series * z + 1.0 / 7;
  series = series * z + 1.0 / 5;
  series = series * z + 1.0 / 3;
  return exponent * std::numbers::ln2 + (2 * s + 2 * s * (z * series));
}

struct UnitVector {
  double cosine;
  double sine;
};

/// Cosine and sine of a turn u in [0, 1): the nearest quarter apart, then Taylor series of angles
/// within pi / 4, cut where terms fall below 1e-17.
inline UnitVector unit_vector(double u) {
  constexpr double kRounding = 0x1.8p52;  // adding it leaves a whole number in the low bits
  const double shifted = 4 * u + kRounding;
  const auto quarter = std::bit_cast<std::uint64_t>(shifted);
  const double x = (u - 0.25 * (shifted - kRounding)) * (2 * std::numbers::pi);
  const double z = x * x;

  double sine = -1.0 / 1307674368000.0;
  sine = sine * z + 1.0 / 6227020800.0;
  sine = sine * z - 1.0 / 39916800.0;
  sine = sine * z + 1.0 / 362880.0;
  sine = sine * z - 1.0 / 5040.0;
  sine = sine * z + 1.0 / 120.0;
  sine = sine * z - 1.0 / 6.0;
  sine = x + x * (z * sine);
  double cosine = 1.0 / 20922789888000.0;
  cosine = cosine * z - 1.0 / 87178291200.0;
  cosine = cosine * z + 1.0 / 479001600.0;
  cosine = cosine * z - 1.0 / 3628800.0;
  cosine = cosine * z + 1.0 / 40320.0;
  cosine = cosine * z - 1.0 / 720.0;
  cosine = cosine * z + 1.0 / 24.0;
  cosine = cosine * z - 0.5;
  cosine = 1 + z * cosine;

  // Quarters turn (cos, sin) into (-sin, cos), (-cos, -sin), (sin, -cos).
  const auto sine_bits = std::bit_cast<std::uint64_t>(sine);
  const auto cosine_bits = std::bit_cast<std::uint64_t>(cosine);
  const std::uint64_t swap = 0 - (quarter & 1);
  const std::uint64_t mixed = (sine_bits ^ cosine_bits) & swap;
  const std::uint64_t cosine_sign = ((quarter + 1) & 2) << 62;
  const std::uint64_t sine_sign = (quarter & 2) << 62;
  return {std::bit_cast<double>((cosine_bits ^ mixed) ^ cosine_sign),
          std::bit_cast<double>((sine_bits ^ mixed) ^ sine_sign)};
}

/// The part of a batch that is wanted: `count` draws from number `first` on, which go to `output`
/// of the flat result.
struct Batch {
  const Words& words;
  std::int64_t pairs;
  std::int64_t first;
  std::int64_t count;
  std::int64_t output;
};

/// Draws of one batch, two a pair, in the order of their positions.
using Draws = std::array<double, 2 * kBatch>;

PELLUCID_VECTORISED
void uniform_draws(const Words& words, std::int64_t pairs, Draws& draws) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    draws[2 * i] = unit_interval(words.w[0][i], words.w[1][i]);
    draws[2 * i + 1] = unit_interval(words.w[2][i], words.w[3][i]);
  }
}

/// Box and Muller, Annals of Mathematical Statistics 29:610-611, 1958, doi:10.1214/aoms/1177706645.
PELLUCID_VECTORISED
void normal_draws(const Words& words, std::int64_t pairs, Draws& draws) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    const double u = unit_interval(words.w[0][i], words.w[1][i]);
    const double turn = unit_interval(words.w[2][i], words.w[3][i]);
    const double radius = __builtin_sqrt(-2 * logarithm(1 - u));
    const UnitVector towards = unit_vector(turn);
    draws[2 * i] = radius * towards.cosine;
    draws[2 * i + 1] = radius * towards.sine;
  }
}

template <class T>
constexpr int kDigits = std::numeric_limits<T>::digits;
template <>
constexpr int kDigits<at::Half> = 11;
template <>
constexpr int kDigits<at::BFloat16> = 8;

/// A uniform number cut, not rounded, to the digits of T, so that it stays below 1.
template <class T>
T cut(double u) {
  if constexpr (std::is_same_v<T, double>) {
    return u;
  } else {
    constexpr auto steps = static_cast<float>(1 << kDigits<T>);
    return static_cast<T>(static_cast<float>(static_cast<std::int32_t>(u * steps)) / steps);
  }
}

/// A stretch of neighbouring positions of one item, and where its draws go.
struct Run {
  std::int64_t row;
  std::int64_t position;
  std::int64_t count;
  std::int64_t output;
};

/// The stretches of a region of an item; whole items are one stretch.
std::vector<Run> runs_of(at::IntArrayRef shape, const std::optional<Region>& region) {
  std::int64_t numel = 1;
  for (const std::int64_t length : shape) numel *= length;
  if (!region) return {{0, 0, numel, 0}};
  if (shape != at::IntArrayRef(region->size))
    throw ShapeError("draws for a region of " + shape_text(region->size) +
                     " must have its shape, got " + shape_text(shape));

  std::vector<Run> runs;
  const auto axes = static_cast<std::int64_t>(shape.size());
  const std::int64_t length = axes == 0 ? 1 : shape[axes - 1];
  if (numel == 0) return runs;
  std::vector<std::int64_t> index(shape.size(), 0);
  for (std::int64_t output = 0; output < numel; output += length) {
    std::int64_t position = 0;
    for (std::int64_t a = 0; a < axes; ++a)
      position = position * region->whole[a] + region->offset[a] + index[a];
    if (!runs.empty() && runs.back().position + runs.back().count == position)
      runs.back().count += length;
    else runs.push_back({0, position, length, output});
    for (std::int64_t a = axes - 2; a >= 0 && ++index[a] == shape[a]; --a) index[a] = 0;
  }
  return runs;
}

std::uint32_t word_of(std::int64_t number, const char* what) {
  if (number < 0 || number > std::int64_t{0xFFFFFFFF})
    throw Error(std::string("random draws number their ") + what + "s from 0 to 4294967295, got " +
                std::to_string(number));
  return static_cast<std::uint32_t>(number);
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key) {
  auto [c0, c1, c2, c3] = counter;
  auto [k0, k1] = key;
  for (int round = 0; round < 10; ++round) {
    philox_round(c0, c1, c2, c3, k0, k1);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

Random::Random(std::uint64_t seed, const std::string& node, const std::string& purpose,
               std::vector<std::int64_t> items, std::optional<Region> region)
    : items_(std::move(items)), region_(std::move(region)) {
  const std::string name = node + '\0' + purpose;
  const std::uint64_t hash = XXH3_64bits_withSeed(name.data(), name.size(), seed);
  key_ = {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(hash >> 32)};
}

Random::Random(const Random&) = default;
Random& Random::operator=(const Random&) = default;
Random::~Random() = default;

/// Calls `fill` for all draws, in parallel, a batch at a time.
template <class Fill>
void Random::each_row(at::IntArrayRef shape, std::int64_t step, Fill fill) const {
  std::int64_t numel = 1;
  for (const std::int64_t length : shape) numel *= length;
  const std::uint32_t step_word = word_of(step, "step");
  std::vector<Run> pieces;
  constexpr std::int64_t kPiece = 64 * kBatch;
  for (const Run& run : runs_of(shape, region_)) {
    for (std::int64_t row = 0; row < static_cast<std::int64_t>(items_.size()); ++row) {
      for (std::int64_t done = 0; done < run.count;) {
        // Pieces end at even positions, so that no pair is made twice.
        const std::int64_t begin = run.position + done;
        const std::int64_t end = std::min((begin / kPiece + 1) * kPiece, run.position + run.count);
        pieces.push_back({row, begin, end - begin, row * numel + run.output + done});
        done += end - begin;
      }
    }
  }

  at::parallel_for(
      0, static_cast<std::int64_t>(pieces.size()), 1, [&](std::int64_t from, std::int64_t to) {
        Words words;
        for (std::int64_t p = from; p < to; ++p) {
          const Run& piece = pieces[p];
          const std::uint32_t item = word_of(items_[piece.row], "item");
          for (std::int64_t done = 0; done < piece.count;) {
            const std::int64_t position = piece.position + done;
            const std::int64_t first = position & 1;
            const std::int64_t count = std::min(2 * kBatch - first, piece.count - done);
            const std::int64_t pairs = (first + count + 1) / 2;
            fill_words({static_cast<std::uint64_t>(position / 2), item, step_word, key_}, pairs,
                       words);
            fill(Batch{words, pairs, first, count, piece.output + done});
            done += count;
          }
        }
      });
}

namespace {

std::vector<std::int64_t> batched(std::size_t items, at::IntArrayRef shape) {
  std::vector<std::int64_t> all{static_cast<std::int64_t>(items)};
  all.insert(all.end(), shape.begin(), shape.end());
  return all;
}

/// Calls `fill` with a pointer to the values of a tensor of a real floating dtype.
template <class Fill>
void with_values(const Tensor& tensor, const Fill& fill) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return fill(tensor.data_ptr<float>());
    case at::kDouble:
      return fill(tensor.data_ptr<double>());
    case at::kHalf:
      return fill(tensor.data_ptr<at::Half>());
    case at::kBFloat16:
      return fill(tensor.data_ptr<at::BFloat16>());
    default:
      throw ShapeError("draws have a floating dtype, got " + dtype_name(tensor.scalar_type()));
  }
}

}  // namespace

Tensor Random::uniform(at::IntArrayRef shape, at::ScalarType dtype, std::int64_t step) const {
  const Tensor drawn = at::empty(batched(items_.size(), shape), dtype);
  with_values(drawn, [&]<class T>(T* output) {
    each_row(shape, step, [output](const Batch& batch) {
      Draws draws;
      uniform_draws(batch.words, batch.pairs, draws);
      for (std::int64_t i = 0; i < batch.count; ++i)
        output[batch.output + i] = cut<T>(draws[batch.first + i]);
    });
  });
  return drawn;
}

Tensor Random::normal(at::IntArrayRef shape, at::ScalarType dtype, std::int64_t step) const {
  if (c10::isComplexType(dtype)) {
    // Real and imaginary part are a last axis of 2, so that one pair makes one number.
    Random parts = *this;
    if (parts.region_) {
      parts.region_->offset.push_back(0);
      parts.region_->size.push_back(2);
      parts.region_->whole.push_back(2);
    }
    std::vector<std::int64_t> with_parts = shape.vec();
    with_parts.push_back(2);
    const Tensor both = parts.normal(with_parts, c10::toRealValueType(dtype), step);
    return at::view_as_complex(both.mul_(std::numbers::sqrt2 / 2));
  }
  const Tensor drawn = at::empty(batched(items_.size(), shape), dtype);
  with_values(drawn, [&]<class T>(T* output) {
    each_row(shape, step, [output](const Batch& batch) {
      Draws draws;
      normal_draws(batch.words, batch.pairs, draws);
      for (std::int64_t i = 0; i < batch.count; ++i)
        output[batch.output + i] = static_cast<T>(draws[batch.first + i]);
    });
  });
  return drawn;
}

Tensor Random::integers(at::IntArrayRef shape, std::int64_t bound, std::int64_t step) const {
  if (bound < 1)
    throw Error("the bound of random integers must be at least 1, got " + std::to_string(bound));
  const Tensor drawn = at::empty(batched(items_.size(), shape), at::kLong);
  auto* const output = drawn.data_ptr<std::int64_t>();
  each_row(shape, step, [output, bound](const Batch& batch) {
    for (std::int64_t i = 0; i < batch.count; ++i) {
      const std::int64_t pair = (batch.first + i) / 2, half = (batch.first + i) & 1;
      const std::uint64_t word =
          std::uint64_t{batch.words.w[2 * half][pair]} << 32 | batch.words.w[2 * half + 1][pair];
      // The high word of a product is uniform below `bound` up to bound / 2^64.
      const auto product = static_cast<unsigned __int128>(word) * static_cast<std::uint64_t>(bound);
      output[batch.output + i] = static_cast<std::int64_t>(product >> 64);
    }
  });
  return drawn;
}

}  // namespace pellucid
