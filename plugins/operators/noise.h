// noise: what disturbs a measurement.
#pragma once

#include <variant>

#include <pellucid/context.h>
#include <pellucid/schema.h>
#include <pellucid/spec.h>

namespace pellucid {

struct NoNoise {
  static constexpr const char* name = "none";
  static constexpr const char* summary = "y = A x";

  Tensor operator()(const Tensor& clean, const Context& context) const;
};

/// y = m + sigma e, e standard normal; for complex m, real and imaginary part of e have variance
/// 1/2 each.
struct GaussianNoise {
  static constexpr const char* name = "gaussian";
  static constexpr const char* summary = "additive, of one standard deviation";
  double sigma = 0.0;  // unit of y

  static const Schema<GaussianNoise>& schema();
  Tensor operator()(const Tensor& clean, const Context& context) const;
};

/// y = n / photons, n Poisson with mean photons m: mean m, variance m / photons.
struct PoissonNoise {
  static constexpr const char* name = "poisson";
  static constexpr const char* summary = "photons are counted";
  double photons = 1000.0;  // mean count where A x is 1

  static const Schema<PoissonNoise>& schema();
  Tensor operator()(const Tensor& clean, const Context& context) const;
};

/// Photons are counted, then read out with Gaussian noise: mean m, variance m / photons + sigma^2.
struct PoissonGaussianNoise {
  static constexpr const char* name = "poisson_gaussian";
  static constexpr const char* summary = "photons are counted and read out with noise";
  double photons = 1000.0;  // mean count where A x is 1
  double sigma = 0.0;       // unit of y

  static const Schema<PoissonGaussianNoise>& schema();
  Tensor operator()(const Tensor& clean, const Context& context) const;
};

/// y = m g, g of the gamma distribution with shape L and scale 1/L: mean m, variance m^2 / L.
struct SpeckleNoise {
  static constexpr const char* name = "speckle";
  static constexpr const char* summary = "multiplicative, of coherent light or sound";
  double looks = 1.0;  // L, how many intensities are averaged

  static const Schema<SpeckleNoise>& schema();
  Tensor operator()(const Tensor& clean, const Context& context) const;
};

/// A sample is `high` or `low` with probability fraction / 2 each, and m otherwise.
struct SaltPepperNoise {
  static constexpr const char* name = "salt_pepper";
  static constexpr const char* summary = "some samples are lost to the ends of the range";
  double fraction = 0.05;
  double low = 0.0;   // unit of y
  double high = 1.0;  // unit of y

  static const Schema<SaltPepperNoise>& schema();
  Tensor operator()(const Tensor& clean, const Context& context) const;
};

/// y = peak round(m (2^bits - 1) / peak) / (2^bits - 1), within [0, peak]: a converter that cannot
/// go beyond its ends. Halves go to the even level.
struct Quantization {
  static constexpr const char* name = "quantization";
  static constexpr const char* summary = "levels of a converter";
  std::int64_t bits = 8;
  double peak = 1.0;  // unit of y

  static const Schema<Quantization>& schema();
  Tensor operator()(const Tensor& clean, const Context& context) const;
};

using Noise = std::variant<NoNoise, GaussianNoise, PoissonNoise, PoissonGaussianNoise, SpeckleNoise,
                           SaltPepperNoise, Quantization>;

/// All kinds but Gaussian noise are for real samples.
bool needs_real(const Noise& noise);

/// Throws ShapeError for a dtype that this kind of noise is not made for.
void require_fit(const Noise& noise, const Spec& measured);

/// The noisy measurement of a clean one, with the draws that `context` gives; never its input, but
/// where there is no noise. Throws Error where photons would be counted of a value below 0.
Tensor disturbed(const Noise& noise, const Tensor& clean, const Context& context);

}  // namespace pellucid
