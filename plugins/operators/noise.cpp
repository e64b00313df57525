#include "noise.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <boost/math/distributions/gamma.hpp>
#include <boost/math/distributions/poisson.hpp>

namespace pellucid {
namespace {

// The distribution's inverse at one uniform draw a sample: the same for every way to cut the data.
template <class Inverse>
Tensor inverted(const Tensor& clean, const Context& context, const std::string& purpose,
                Inverse inverse) {
  Tensor draws = context.random(purpose).uniform(clean.sizes().slice(1), at::kDouble);
  const Tensor means = clean.to(at::kCPU, at::kDouble).contiguous();
  double* const draw = draws.data_ptr<double>();
  const double* const mean = means.data_ptr<double>();
  at::parallel_for(0, draws.numel(), 1 << 12, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) draw[i] = inverse(mean[i], draw[i]);
  });
  return draws;
}

// Smallest n with P(N <= n) > u, N Poisson.
double poisson_inverse(double mean, double u) {
  using boost::math::policies::discrete_quantile;
  using boost::math::policies::integer_round_up;
  using Poisson = boost::math::poisson_distribution<
      double, boost::math::policies::policy<discrete_quantile<integer_round_up>>>;
  constexpr double kSummed = 64;  // up to here, adding up terms is faster
  if (mean <= 0) return 0;
  if (mean > kSummed) return boost::math::quantile(Poisson(mean), u);
  double term = std::exp(-mean);
  double sum = term;
  double n = 0;
  // The bound ends a sum that rounding keeps below u.
  while (u >= sum && n < 16 * kSummed) {
    n += 1;
    term *= mean / n;
    sum += term;
  }
  return n;
}

// One bound for every sample, so that it does not depend on others in the block whether a sample is
// taken.
void require_counts(const Tensor& clean, double photons) {
  constexpr double kBelow = 0.5;  // photons
  if (clean.numel() == 0) return;
  const double least = clean.min().item<double>();
  const double most = clean.abs().max().item<double>();
  if (!std::isfinite(most))
    throw Error("photons are to be counted of A x, which must be finite, got " +
                Value(most).text());
  // Transforms leave values a little below 0, which count as 0.
  if (least * photons >= -kBelow) return;
  throw Error("photons are to be counted of A x, which goes down to " + Value(least).text() +
              "; it must not be below 0");
}

Tensor counted(const Tensor& clean, double photons, const Context& context) {
  require_counts(clean, photons);
  return inverted(clean, context, "photons",
                  [photons](double mean, double u) {
                    return poisson_inverse(photons * mean, u) / photons;
                  })
      .to(clean.options());
}

// The draws are made on the CPU, and the sum takes their memory.
Tensor with_gaussian(const Tensor& clean, double sigma, const Context& context) {
  if (sigma == 0) return clean;
  Tensor draws = context.random("noise")
                     .normal(clean.sizes().slice(1), clean.scalar_type())
                     .to(clean.device());
  return draws.mul_(sigma).add_(clean);
}

}  // namespace

Tensor NoNoise::operator()(const Tensor& clean, const Context&) const { return clean; }

const Schema<GaussianNoise>& GaussianNoise::schema() {
  static const Schema<GaussianNoise> rows{
      {"sigma", &GaussianNoise::sigma, "", "standard deviation in the unit of y", at_least(0.0)},
  };
  return rows;
}

Tensor GaussianNoise::operator()(const Tensor& clean, const Context& context) const {
  return with_gaussian(clean, sigma, context);
}

const Schema<PoissonNoise>& PoissonNoise::schema() {
  static const Schema<PoissonNoise> rows{
      {"photons", &PoissonNoise::photons, "", "mean count where A x is 1", positive()},
  };
  return rows;
}

Tensor PoissonNoise::operator()(const Tensor& clean, const Context& context) const {
  return counted(clean, photons, context);
}

const Schema<PoissonGaussianNoise>& PoissonGaussianNoise::schema() {
  static const Schema<PoissonGaussianNoise> rows{
      {"photons", &PoissonGaussianNoise::photons, "", "mean count where A x is 1", positive()},
      {"sigma", &PoissonGaussianNoise::sigma, "",
       "standard deviation of the read-out in the unit of y", at_least(0.0)},
  };
  return rows;
}

Tensor PoissonGaussianNoise::operator()(const Tensor& clean, const Context& context) const {
  return with_gaussian(counted(clean, photons, context), sigma, context);
}

const Schema<SpeckleNoise>& SpeckleNoise::schema() {
  static const Schema<SpeckleNoise> rows{
      {"looks", &SpeckleNoise::looks, "1", "how many intensities are averaged", positive()},
  };
  return rows;
}

Tensor SpeckleNoise::operator()(const Tensor& clean, const Context& context) const {
  const boost::math::gamma_distribution<double> gamma(looks, 1 / looks);
  const auto speckle = [&gamma](double mean, double u) {
    return mean * boost::math::quantile(gamma, u);
  };
  return inverted(clean, context, "speckle", speckle).to(clean.options());
}

const Schema<SaltPepperNoise>& SaltPepperNoise::schema() {
  static const Schema<SaltPepperNoise> rows{
      {"fraction", &SaltPepperNoise::fraction, "1", "share of the samples that are lost",
       within(0.0, 1.0)},
      {"low", &SaltPepperNoise::low, "", "pepper, in the unit of y"},
      {"high", &SaltPepperNoise::high, "", "salt, in the unit of y"},
  };
  return rows;
}

Tensor SaltPepperNoise::operator()(const Tensor& clean, const Context& context) const {
  const auto lost = [this](double mean, double u) {
    if (u >= fraction) return mean;
    return u < fraction / 2 ? low : high;
  };
  return inverted(clean, context, "lost", lost).to(clean.options());
}

const Schema<Quantization>& Quantization::schema() {
  static const Schema<Quantization> rows{
      {"bits", &Quantization::bits, "1", "of a sample", within(1, 24)},
      {"peak", &Quantization::peak, "", "value of the highest level, in the unit of y", positive()},
  };
  return rows;
}

Tensor Quantization::operator()(const Tensor& clean, const Context&) const {
  const double levels = static_cast<double>((std::int64_t{1} << bits) - 1);
  return clean.clamp(0, peak).mul_(levels / peak).round_().mul_(peak / levels);
}

bool needs_real(const Noise& noise) {
  return !std::holds_alternative<NoNoise>(noise) && !std::holds_alternative<GaussianNoise>(noise);
}

void require_fit(const Noise& noise, const Spec& measured) {
  require_floating(measured);
  if (needs_real(noise)) require_real(measured);
}

Tensor disturbed(const Noise& noise, const Tensor& clean, const Context& context) {
  return std::visit([&](const auto& kind) { return kind(clean, context); }, noise);
}

}  // namespace pellucid
