#include "adam.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace pellucid {
namespace {

constexpr double kMeanDecay = 0.9, kSquareDecay = 0.999, kEpsilon = 1e-8;

}  // namespace

Adam::Adam(std::vector<Tensor> parameters) {
  std::int64_t count = 0;
  for (const Tensor& parameter : parameters) count += parameter.numel();
  values_ = at::empty({count}, at::kFloat);
  gradient_ = at::zeros({count}, at::kFloat);
  mean_ = at::zeros({count}, at::kFloat);
  square_ = at::zeros({count}, at::kFloat);
  std::int64_t first = 0;
  for (Tensor& parameter : parameters) {
    const std::int64_t size = parameter.numel();
    const Tensor place = values_.narrow(0, first, size).view(parameter.sizes());
    place.copy_(parameter);
    parameter.set_data(place);
    parameter.requires_grad_();
    parameter.mutable_grad() = gradient_.narrow(0, first, size).view(parameter.sizes());
    first += size;
  }
  average_ = values_.clone();
}

void Adam::zero_gradients() { gradient_.zero_(); }

double Adam::step(double rate, double clip, double decay) {
  // One thread's sum, so that the length does not depend on how many there are.
  const float* const gradient = gradient_.const_data_ptr<float>();
  double energy = 0;
  for (std::int64_t i = 0; i < gradient_.numel(); ++i) energy += double(gradient[i]) * gradient[i];
  const double length = std::sqrt(energy);
  const auto scale = static_cast<float>(clip > 0 && length > clip ? clip / length : 1.0);

  ++steps_;
  const auto t = static_cast<double>(steps_);
  const auto step = static_cast<float>(rate / (1 - std::pow(kMeanDecay, t)));
  const auto correction = static_cast<float>(1 / std::sqrt(1 - std::pow(kSquareDecay, t)));
  const auto keep = static_cast<float>(std::min(decay, (1 + t) / (10 + t)));
  float* const value = values_.mutable_data_ptr<float>();
  float* const mean = mean_.mutable_data_ptr<float>();
  float* const square = square_.mutable_data_ptr<float>();
  float* const average = average_.mutable_data_ptr<float>();
  at::parallel_for(0, values_.numel(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float g = gradient[i] * scale;
      mean[i] += (1 - float(kMeanDecay)) * (g - mean[i]);
      square[i] += (1 - float(kSquareDecay)) * (g * g - square[i]);
      value[i] -= step * mean[i] / (std::sqrt(square[i]) * correction + float(kEpsilon));
      average[i] = value[i] + keep * (average[i] - value[i]);
    }
  });
  return length;
}

std::map<std::string, Tensor> Adam::state() const {
  return {{"values", values_},
          {"mean", mean_},
          {"square", square_},
          {"average", average_},
          {"steps", at::tensor({double(steps_)}, at::kDouble)}};
}

void Adam::restore(const std::map<std::string, Tensor>& state) {
  values_.copy_(state.at("values"));
  mean_.copy_(state.at("mean"));
  square_.copy_(state.at("square"));
  average_.copy_(state.at("average"));
  steps_ = static_cast<std::int64_t>(state.at("steps").item<double>());
}

void Adam::swap_average() {
  const Tensor kept = values_.clone();
  values_.copy_(average_);
  average_.copy_(kept);
}

}  // namespace pellucid
