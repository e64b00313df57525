#include "parallel_beam.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace pellucid {
namespace {

// Positions along a line of samples are in units of 2^-32, so that the adjoint meets the very
// weights of the projection, whatever the order of its loops.
constexpr double kUnit = 4294967296.0;
constexpr int kFraction = 32;

template <class T>
T fraction(std::int64_t position) {
  if constexpr (std::is_same_v<T, float>)
    return float(std::int32_t(std::uint32_t(position) >> 8)) * 0x1p-24f;
  else return double(std::int64_t(std::uint32_t(position))) * 0x1p-32;
}

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0); }

/// Positions first + k step for k in [begin, end): those that are less than a sample away from the
/// samples 0 .. length - 1.
struct Walk {
  std::int64_t first;
  std::int64_t step;
  std::int64_t begin = 0;
  std::int64_t end = 0;

  Walk(double start, double stride, std::int64_t count, std::int64_t length)
      : first(std::llround(start * kUnit)), step(std::llround(stride * kUnit)) {
    const std::int64_t least = -(std::int64_t{1} << kFraction), most = length << kFraction;
    if (step > 0) {
      begin = divided_up(least - first, step);
      end = divided_up(most - first, step);
    } else if (step < 0) {
      begin = divided_up(first - most + 1, -step);
      end = divided_up(first - least + 1, -step);
    } else if (first >= least && first < most) {
      end = count;
    }
    begin = std::clamp<std::int64_t>(begin, 0, count);
    end = std::clamp(end, begin, count);
  }

  std::int64_t operator[](std::int64_t k) const { return first + k * step; }
};

/// sums[k] += the line at the k-th position. Before and behind the line's samples stands a zero.
template <class T>
void gather(const T* line, const Walk& walk, T* sums) {
  std::int64_t position = walk[walk.begin];
  for (std::int64_t k = walk.begin; k < walk.end; ++k, position += walk.step) {
    const T* const left = line + (position >> kFraction);
    sums[k] += left[0] + fraction<T>(position) * (left[1] - left[0]);
  }
}

template <class T>
void give(T value, std::int64_t position, T* line) {
  T* const left = line + (position >> kFraction);
  const T right = fraction<T>(position) * value;
  left[0] += value - right;
  left[1] += right;
}

/// The adjoint of `gather`: the sum of the lines `even` and `odd` gets what the samples were taken
/// from. Steps are of a sample at least, so that neighbours among the even k, and among the odd,
/// never meet in a place, and no addition has to wait for the one before.
template <class T>
void scatter(const T* values, const Walk& walk, T* even, T* odd) {
  std::int64_t position = walk[walk.begin], k = walk.begin;
  for (; k + 1 < walk.end; k += 2, position += 2 * walk.step) {
    give(values[k], position, even);
    give(values[k + 1], position + walk.step, odd);
  }
  if (k < walk.end) give(values[k], position, even);
}

/// How the rays of an angle cross the lines of pixels that they are steeper to.
struct Crossing {
  bool rows;      // these lines are the rows of the image, else its columns
  double start;   // where bin 0 crosses the line through the axis
  double shift;   // from a line to the next
  double stride;  // from a bin to the next
  double centre;  // the line through the axis
  std::int64_t length;

  Crossing(const ParallelBeam& beam, double angle) {
    const double cosine = std::cos(angle), sine = std::sin(angle);
    const auto row = double(beam.height / 2), column = double(beam.width / 2);
    rows = std::abs(cosine) >= std::abs(sine);
    stride = rows ? 1 / cosine : -1 / sine;
    shift = rows ? sine / cosine : cosine / sine;
    start = (rows ? column : row) - beam.centre * stride;
    centre = rows ? row : column;
    length = rows ? beam.width : beam.height;
  }

  Walk walk(std::int64_t line, std::int64_t bins) const {
    return {start + (double(line) - centre) * shift, stride, bins, length};
  }
};

std::vector<Crossing> crossings(const ParallelBeam& beam) {
  std::vector<Crossing> all;
  for (const double angle : beam.angles) all.emplace_back(beam, angle);
  return all;
}

/// Lines with a zero before and behind: (..., length) -> (..., length + 2).
Tensor with_ends(const Tensor& lines) { return at::constant_pad_nd(lines, {1, 1}); }

/// How many tasks make a thread worth its while, where each takes so many samples.
std::int64_t grain(std::int64_t samples) { return 1 + 32768 / std::max<std::int64_t>(1, samples); }

template <class T>
void project(const ParallelBeam& beam, const Tensor& images, const Tensor& projections) {
  const Tensor rows = with_ends(images), columns = with_ends(images.transpose(1, 2));
  const std::vector<Crossing> all = crossings(beam);
  const auto angles = std::int64_t(all.size());
  const auto task = [&](std::int64_t index) {
    const Crossing& crossing = all[std::size_t(index % angles)];
    const Tensor& lines = crossing.rows ? rows : columns;
    const std::int64_t count = lines.size(1), length = lines.size(2);
    const T* const line = lines.const_data_ptr<T>() + index / angles * count * length + 1;
    T* const sums = projections.mutable_data_ptr<T>() + index * beam.bins;
    for (std::int64_t i = 0; i < count; ++i)
      gather(line + i * length, crossing.walk(i, beam.bins), sums);
    const T weight = T(std::abs(crossing.stride));
    for (std::int64_t s = 0; s < beam.bins; ++s) sums[s] *= weight;
  };
  at::parallel_for(0, images.size(0) * angles, grain(beam.height * beam.width),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t index = begin; index < end; ++index) task(index);
                   });
}

/// What all angles whose rays cross rows (or columns) give to these: (n, lines, length).
template <class T>
Tensor returned(const ParallelBeam& beam, const Tensor& weighted, bool rows) {
  const std::vector<Crossing> all = crossings(beam);
  const std::int64_t count = rows ? beam.height : beam.width;
  const std::int64_t length = rows ? beam.width : beam.height;
  Tensor lines = at::zeros({weighted.size(0), count, length}, weighted.options());
  const auto angles = std::int64_t(all.size());
  const T* const values = weighted.const_data_ptr<T>();
  const auto task = [&](std::int64_t index, std::vector<T>& even, std::vector<T>& odd) {
    std::fill(even.begin(), even.end(), T(0));
    std::fill(odd.begin(), odd.end(), T(0));
    for (std::int64_t k = 0; k < angles; ++k)
      if (all[std::size_t(k)].rows == rows)
        scatter(values + (index / count * angles + k) * beam.bins,
                all[std::size_t(k)].walk(index % count, beam.bins), even.data() + 1,
                odd.data() + 1);
    T* const line = lines.mutable_data_ptr<T>() + index * length;
    for (std::int64_t i = 0; i < length; ++i)
      line[i] = even[std::size_t(i + 1)] + odd[std::size_t(i + 1)];
  };
  at::parallel_for(0, weighted.size(0) * count, grain(angles * beam.bins),
                   [&](std::int64_t begin, std::int64_t end) {
                     std::vector<T> even(std::size_t(length + 2)), odd(even.size());
                     for (std::int64_t index = begin; index < end; ++index) task(index, even, odd);
                   });
  return lines;
}

template <class T>
void add_along_rays(const ParallelBeam& beam, const Tensor& projections, const Tensor& images) {
  const Tensor lines = with_ends(projections);
  const auto angles = std::int64_t(beam.angles.size());
  std::vector<double> cosines, sines;
  for (const double angle : beam.angles) {
    cosines.push_back(std::cos(angle));
    sines.push_back(std::sin(angle));
  }
  const double radius = std::min(beam.centre, double(beam.bins - 1) - beam.centre);
  const auto task = [&](std::int64_t index) {
    const auto row = double(index % beam.height - beam.height / 2);
    const double squared = radius * radius - row * row;
    if (squared < 0) return;
    const auto middle = beam.width / 2, reach = std::int64_t(std::sqrt(squared));
    const auto first = std::max<std::int64_t>(0, middle - reach);
    const auto count = std::min(beam.width, middle + reach + 1) - first;
    const T* line = lines.const_data_ptr<T>() + index / beam.height * angles * (beam.bins + 2) + 1;
    T* const sums = images.mutable_data_ptr<T>() + index * beam.width + first;
    for (std::size_t k = 0; k < cosines.size(); ++k, line += beam.bins + 2)
      gather(line,
             Walk(beam.centre + double(first - middle) * cosines[k] - row * sines[k], cosines[k],
                  count, beam.bins),
             sums);
  };
  at::parallel_for(0, images.size(0) * beam.height, grain(angles * beam.width),
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t index = begin; index < end; ++index) task(index);
                   });
}

/// Calls `compute` with a type for the elements of `like`, which is on the CPU.
template <class Compute>
void with_real(const Tensor& like, Compute compute) {
  if (like.scalar_type() == at::kDouble) compute(double{});
  else compute(float{});
}

}  // namespace

Tensor projected(const ParallelBeam& beam, const Tensor& images) {
  const Tensor given = images.cpu();
  const Tensor sums =
      at::zeros({given.size(0), std::int64_t(beam.angles.size()), beam.bins}, given.options());
  with_real(given, [&](auto zero) { project<decltype(zero)>(beam, given, sums); });
  return sums.to(images.device());
}

Tensor projected_adjoint(const ParallelBeam& beam, const Tensor& projections) {
  std::vector<double> weights;
  for (const Crossing& crossing : crossings(beam)) weights.push_back(std::abs(crossing.stride));
  const Tensor given = projections.cpu();
  const Tensor weighted = (given * at::tensor(weights, given.options()).unsqueeze(-1)).contiguous();
  Tensor images;
  with_real(given, [&](auto zero) {
    images = returned<decltype(zero)>(beam, weighted, /*rows=*/true);
    images.add_(returned<decltype(zero)>(beam, weighted, /*rows=*/false).transpose(1, 2));
  });
  return images.to(projections.device());
}

Tensor back_projected(const ParallelBeam& beam, const Tensor& projections) {
  const Tensor given = projections.cpu();
  const Tensor images = at::zeros({given.size(0), beam.height, beam.width}, given.options());
  with_real(given, [&](auto zero) { add_along_rays<decltype(zero)>(beam, given, images); });
  return images.to(projections.device());
}

std::int64_t working_bytes(const ParallelBeam& beam, std::int64_t images, std::int64_t element) {
  const std::int64_t pixels = (beam.height + 2) * (beam.width + 2);
  const std::int64_t samples = std::int64_t(beam.angles.size()) * (beam.bins + 2);
  return images * element * (2 * pixels + 2 * samples);
}

}  // namespace pellucid
