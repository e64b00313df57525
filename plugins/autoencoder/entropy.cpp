#include "entropy.h"

#include <array>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "layers.h"

namespace pellucid {
namespace {

// Held in float32 by the networks that files come from.
constexpr double kLeastLikelihood = 1e-9f;
constexpr double kLeastScale = 0.11f;
const double kTail = static_cast<float>(std::log(2 / 1e-9 - 1));

constexpr std::array<std::int64_t, 6> kWidths{1, 3, 3, 3, 3, 1};

Tensor cumulative(const Tensor& x) { return at::erfc(x * (-1 / std::numbers::sqrt2)) * 0.5; }

}  // namespace

EntropyBottleneck::EntropyBottleneck(Parameters& parameters, std::int64_t channels) {
  const auto key = [](const char* kind, std::size_t layer) {
    return std::string("entropy_bottleneck.") + kind + "." + std::to_string(layer);
  };
  const double scale = std::pow(10.0, 1.0 / 5.0);
  for (std::size_t layer = 0; layer < 5; ++layer) {
    const std::int64_t in = kWidths[layer], out = kWidths[layer + 1];
    matrices_.push_back(
        parameters.take(key("matrices", layer), {channels, out, in}, [=](const Random&) {
          return at::full({channels, out, in}, std::log(std::expm1(1 / (scale * double(out)))));
        }));
    biases_.push_back(
        parameters.take(key("biases", layer), {channels, out, 1}, [=](const Random& draw) {
          return draw.uniform({channels, out, 1})[0] - 0.5;
        }));
    if (layer < 4)
      factors_.push_back(
          parameters.take(key("factors", layer), {channels, out, 1}, [=](const Random&) {
            return at::zeros({channels, out, 1});
          }));
  }
  quantiles_ =
      parameters.take("entropy_bottleneck.quantiles", {channels, 1, 3}, [channels](const Random&) {
        return at::tensor({-10.0f, 0.0f, 10.0f}).repeat({channels, 1, 1});
      });
}

Tensor EntropyBottleneck::logits(Tensor l, bool detached) const {
  const auto given = [detached, dtype = l.scalar_type()](const Tensor& parameter) {
    return (detached ? parameter.detach() : parameter).to(dtype);
  };
  for (std::size_t layer = 0; layer < 5; ++layer) {
    l = at::matmul(at::softplus(given(matrices_[layer])), l) + given(biases_[layer]);
    if (layer < 4) l = l + at::tanh(given(factors_[layer])) * at::tanh(l);
  }
  return l;
}

Tensor EntropyBottleneck::likelihood(const Tensor& values) const {
  const Tensor columns = values.transpose(0, 1).reshape({values.size(1), 1, -1});
  const Tensor p =
      at::sigmoid(logits(columns + 0.5, false)) - at::sigmoid(logits(columns - 0.5, false));
  const Tensor shaped =
      p.reshape({values.size(1), values.size(0), values.size(2), values.size(3)}).transpose(0, 1);
  return lower_bound(shaped, kLeastLikelihood);
}

Tensor EntropyBottleneck::quantile_loss() const {
  const Tensor target = at::tensor({-kTail, 0.0, kTail}, quantiles_.options());
  return (logits(quantiles_, true) - target).abs().sum();
}

Tensor EntropyBottleneck::medians() const { return quantiles_.narrow(2, 1, 1).detach(); }

Tensor gaussian_likelihood(const Tensor& values, const Tensor& scales, const Tensor& means) {
  const Tensor inverse = lower_bound(scales, kLeastScale).reciprocal();
  const Tensor distance = (values - means).abs();
  const Tensor p = cumulative((0.5 - distance) * inverse) - cumulative((-0.5 - distance) * inverse);
  return lower_bound(p, kLeastLikelihood);
}

}  // namespace pellucid
