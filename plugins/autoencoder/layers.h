// layers: what the networks are made of, each differentiable in its input and its parameters.
//
// Images and latents are (n, c, h, w), channels last in memory. Layers compute in the dtype of
// their input; parameters of another dtype are converted.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "parameters.h"

namespace pellucid {

/// max(x, bound); its gradient passes where x >= bound or where a step against it would raise x.
Tensor lower_bound(const Tensor& x, double bound);

/// Generalised divisive normalisation y_i = x_i d_i^(-1/2), or with `inverse` y_i = x_i d_i^(1/2),
/// d_i = beta_i + sum_j gamma_ij x_j^2 (J. Balle, V. Laparra, E. Simoncelli, arXiv 1511.06281).
/// beta: (c), > 0; gamma: (c, c), >= 0.
enum class Normalisation { divide, multiply };
Tensor divisive_normalisation(const Tensor& x, const Tensor& beta, const Tensor& gamma,
                              Normalisation direction);

using Layer = std::function<Tensor(const Tensor&)>;
/// Makes a layer from the parameters whose keys begin with a prefix, "g_a.3".
using LayerOf = std::function<Layer(Parameters&, const std::string& prefix)>;

enum class Bias { added, none };

/// Zero padding of half the kernel; (out, in, kernel, kernel) weights.
LayerOf convolution(std::int64_t in, std::int64_t out, std::int64_t kernel = 5,
                    std::int64_t stride = 2, Bias bias = Bias::added);
/// The transposed one, that multiplies sizes by the stride; (in, out, kernel, kernel) weights.
LayerOf deconvolution(std::int64_t in, std::int64_t out, std::int64_t kernel = 5,
                      std::int64_t stride = 2, Bias bias = Bias::added);
/// weight x + bias of (n, in), (out, in) weights.
LayerOf linear(std::int64_t in, std::int64_t out);
/// (x - mean) / (variance + 1e-5)^(1/2) weight + bias, with the mean and the variance that training
/// found (S. Ioffe, C. Szegedy, arXiv 1502.03167).
LayerOf batch_normalisation(std::int64_t channels);
/// A convolution to `scale`^2 times the channels, kernel 3, whose numbers then stand side by side:
/// out[c, s y + a, s x + b] = in[c s^2 + a s + b, y, x] (W. Shi et al., arXiv 1609.05158).
LayerOf subpixel_convolution(std::int64_t in, std::int64_t out, std::int64_t scale = 2);
/// A 5x5 convolution of the rows above and of what stands to the left in the same row alone
/// (A. van den Oord et al., arXiv 1606.05328, mask A).
LayerOf masked_convolution(std::int64_t in, std::int64_t out);
LayerOf normalisation(std::int64_t channels, Normalisation direction);
LayerOf relu();
LayerOf leaky_relu();  ///< slope 0.01

/// Blocks of Z. Cheng, H. Sun, M. Takeuchi, J. Katto, arXiv 2001.01568; all convolutions are 3x3 but
/// those of skips, 1x1.
///
/// skip(x) + leaky(conv(leaky(conv(x)))); the skip is x itself where the channels stay
LayerOf residual_block(std::int64_t in, std::int64_t out);
/// skip(x) + GDN(conv(leaky(conv(x)))), at half the size
LayerOf downward_block(std::int64_t in, std::int64_t out);
/// upsampled(x) + IGDN(conv(leaky(subpixel(x)))), at twice the size
LayerOf upward_block(std::int64_t in, std::int64_t out);
/// x + a sigmoid(b): a three residual units of x; b three more and a 1x1 convolution
LayerOf attention(std::int64_t channels);

/// Layers one after the other, numbered in the keys: "g_a.0", "g_a.1", ...
class Sequence {
 public:
  Sequence(Parameters& parameters, const std::string& name, const std::vector<LayerOf>& layers);
  Tensor operator()(Tensor x) const;

 private:
  std::vector<Layer> layers_;
};

}  // namespace pellucid
