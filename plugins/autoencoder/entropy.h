// entropy: densities of latents, convolved with a box of width one, whose -log is the rate.
#pragma once

#include <vector>

#include "parameters.h"

namespace pellucid {

/// A density of its own for each channel, from a monotone network for its cumulative
/// (J. Balle, D. Minnen, S. Singh, S. Hwang, N. Johnston, arXiv 1802.01436, appendix 6.1):
///   l <- softplus(H_i) l + b_i,  l <- l + tanh(f_i) tanh(l) but for the last of five layers,
///   P(v) = sigmoid(l(v + 1/2)) - sigmoid(l(v - 1/2)), at least 1e-9.
class EntropyBottleneck {
 public:
  EntropyBottleneck(Parameters& parameters, std::int64_t channels);

  /// P of each value, (n, c, h, w).
  Tensor likelihood(const Tensor& values) const;
  /// sum |l(q) - target| over the quantiles q of all channels; differentiable in those alone.
  Tensor quantile_loss() const;
  /// The middle quantile of each channel, (c, 1, 1): what rounding counts from.
  Tensor medians() const;

 private:
  /// l of (channels, 1, values); with `detached` parameters it is differentiable in l alone.
  Tensor logits(Tensor l, bool detached) const;

  std::vector<Tensor> matrices_, biases_, factors_;
  Tensor quantiles_;  // (c, 1, 3)
};

/// Phi((1/2 - d) / s) - Phi((-1/2 - d) / s), d = |v - mean|, s = max(scale, 0.11); at least 1e-9.
Tensor gaussian_likelihood(const Tensor& values, const Tensor& scales, const Tensor& means);

}  // namespace pellucid
