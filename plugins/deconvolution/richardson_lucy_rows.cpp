#include "richardson_lucy_rows.h"

#include <algorithm>

#include <pellucid/numerics/vectorised.h>

namespace pellucid {
namespace {

constexpr int kRowLanes = 16;

/// `one(i, lane)` for i = 0 .. count - 1, lane by lane, so that a compiler may use vectors.
template <class One>
[[gnu::always_inline]] inline void lane_by_lane(std::int64_t count, One one) {
  std::int64_t i = 0;
  for (; i + kRowLanes <= count; i += kRowLanes)
    for (int lane = 0; lane < kRowLanes; ++lane) one(i + lane, lane);
  for (int lane = 0; i < count; ++i, ++lane) one(i, lane);
}

template <class T>
[[gnu::always_inline]] inline void add_lanes(const T* lanes, double& sum) {
  for (int lane = 0; lane < kRowLanes; ++lane) sum += double(lanes[lane]);
}

template <class T>
[[gnu::always_inline]] inline void divide_row(const T* __restrict model, const T* __restrict y,
                                              T* __restrict ratio, CountTerms<T> terms,
                                              std::int64_t count, double* sums) {
  T squares[kRowLanes]{}, totals[kRowLanes]{};
  lane_by_lane(count, [&](std::int64_t i, int lane) [[gnu::always_inline]] {
    const T predicted = model[i] + terms.background, difference = predicted - y[i];
    const T denominator = std::max(predicted + terms.variance, terms.floor);
    ratio[i] = (y[i] + terms.variance) / denominator;
    squares[lane] += difference * difference;
    totals[lane] += denominator;
  });
  add_lanes(squares, sums[0]);
  add_lanes(totals, sums[1]);
}

template <class T>
[[gnu::always_inline]] inline void update_row(T* __restrict x, const T* __restrict back,
                                              const T* __restrict weight, std::int64_t count,
                                              double* sums) {
  T changes[kRowLanes]{}, sizes[kRowLanes]{};
  lane_by_lane(count, [&](std::int64_t i, int lane) [[gnu::always_inline]] {
    const T next = x[i] * std::max(back[i], T(0)) * weight[i], change = next - x[i];
    x[i] = next;
    changes[lane] += change * change;
    sizes[lane] += next * next;
  });
  add_lanes(changes, sums[0]);
  add_lanes(sizes, sums[1]);
}

template <class T>
[[gnu::always_inline]] inline void gain_row(T* __restrict x, const T* __restrict back,
                                            const T* __restrict weight, T* __restrict gain,
                                            std::int64_t count, double* sums) {
  T squares[kRowLanes]{}, products[kRowLanes]{};
  lane_by_lane(count, [&](std::int64_t i, int lane) [[gnu::always_inline]] {
    const T next = x[i] * std::max(back[i], T(0)) * weight[i], gained = next - x[i];
    products[lane] += gained * gain[i];
    squares[lane] += gained * gained;
    gain[i] = gained;
    x[i] = next;
  });
  add_lanes(squares, sums[0]);
  add_lanes(products, sums[1]);
}

template <class T>
[[gnu::always_inline]] inline void extrapolate_row(T* __restrict x, T* __restrict before, T factor,
                                                   std::int64_t count, double* sums) {
  T changes[kRowLanes]{}, sizes[kRowLanes]{};
  lane_by_lane(count, [&](std::int64_t i, int lane) [[gnu::always_inline]] {
    const T estimate = x[i], change = estimate - before[i];
    x[i] = std::max(estimate + factor * change, T(0));
    before[i] = estimate;
    changes[lane] += change * change;
    sizes[lane] += estimate * estimate;
  });
  add_lanes(changes, sums[0]);
  add_lanes(sizes, sums[1]);
}

}  // namespace

PELLUCID_VECTORISED void divide_counts(const float* model, const float* y, float* ratio,
                                       CountTerms<float> terms, std::int64_t count, double* sums) {
  divide_row(model, y, ratio, terms, count, sums);
}
PELLUCID_VECTORISED void update_estimate(float* x, const float* back, const float* weight,
                                         std::int64_t count, double* sums) {
  update_row(x, back, weight, count, sums);
}
PELLUCID_VECTORISED void update_and_gain(float* x, const float* back, const float* weight,
                                         float* gain, std::int64_t count, double* sums) {
  gain_row(x, back, weight, gain, count, sums);
}
PELLUCID_VECTORISED void extrapolate_estimate(float* x, float* before, float factor,
                                              std::int64_t count, double* sums) {
  extrapolate_row(x, before, factor, count, sums);
}
PELLUCID_VECTORISED void divide_counts(const double* model, const double* y, double* ratio,
                                       CountTerms<double> terms, std::int64_t count, double* sums) {
  divide_row(model, y, ratio, terms, count, sums);
}
PELLUCID_VECTORISED void update_estimate(double* x, const double* back, const double* weight,
                                         std::int64_t count, double* sums) {
  update_row(x, back, weight, count, sums);
}
PELLUCID_VECTORISED void update_and_gain(double* x, const double* back, const double* weight,
                                         double* gain, std::int64_t count, double* sums) {
  gain_row(x, back, weight, gain, count, sums);
}
PELLUCID_VECTORISED void extrapolate_estimate(double* x, double* before, double factor,
                                              std::int64_t count, double* sums) {
  extrapolate_row(x, before, factor, count, sums);
}

}  // namespace pellucid
