// richardson_lucy_rows: what an iteration of Richardson-Lucy does with a row of samples.
#pragma once

#include <cstdint>

namespace pellucid {

/// What stands beside A x and y.
template <class T>
struct CountTerms {
  T background, variance, floor;  ///< b, s^2, and what the denominator is at least
};

// Each adds to sums[0] and sums[1] what its sentence says last.

/// ratio = (y + s^2) / (A x + b + s^2), of model = A x; adds |A x + b - y|^2 and A x + b + s^2.
void divide_counts(const float* model, const float* y, float* ratio, CountTerms<float> terms,
                   std::int64_t count, double* sums);
void divide_counts(const double* model, const double* y, double* ratio, CountTerms<double> terms,
                   std::int64_t count, double* sums);

/// x becomes x times max(0, back) times weight; adds |x' - x|^2 and |x'|^2.
void update_estimate(float* x, const float* back, const float* weight, std::int64_t count,
                     double* sums);
void update_estimate(double* x, const double* back, const double* weight, std::int64_t count,
                     double* sums);

/// The same from the beginning x, where `gain` is what the iteration before added to its own, and
/// becomes what this one adds; adds |gain|^2 and the product of both gains.
void update_and_gain(float* x, const float* back, const float* weight, float* gain,
                     std::int64_t count, double* sums);
void update_and_gain(double* x, const double* back, const double* weight, double* gain,
                     std::int64_t count, double* sums);

/// From the estimates x and `before` to the next beginning, x, and `before` = x; adds
/// |x - before|^2 and |x|^2.
void extrapolate_estimate(float* x, float* before, float factor, std::int64_t count, double* sums);
void extrapolate_estimate(double* x, double* before, double factor, std::int64_t count,
                          double* sums);

}  // namespace pellucid
