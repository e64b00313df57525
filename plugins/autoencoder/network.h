// network: a compressive autoencoder as the trainer and the priors see it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "entropy.h"
#include "layers.h"

namespace pellucid {

/// Widths of an architecture: channels between layers, and of the main latent.
struct Widths {
  std::int64_t n = 0;
  std::int64_t m = 0;
};

/// Encoder, decoder and density of the latents. Layers compute in the `precision` that a network is
/// made with; in bfloat16 images, latents and likelihoods are float32 nevertheless, because it has
/// no digits for rounding or small likelihoods. Latents are listed from the image inwards: z (n, m,
/// h/16, w/16), then h (n, n, h/64, w/64).
class Network {
 public:
  virtual ~Network() = default;

  /// The latents of images whose sides are multiples of 64: means, without noise.
  virtual std::vector<Tensor> encode(const Tensor& images) const = 0;
  virtual Tensor decode(const Tensor& z) const = 0;
  /// How likely each number of each latent is; 1e-9 at least.
  virtual std::vector<Tensor> likelihoods(const std::vector<Tensor>& latents) const = 0;
  /// The latents as a decoder of a file would have them: rounded, around their means.
  virtual std::vector<Tensor> rounded(const std::vector<Tensor>& latents) const = 0;
  /// What trains the quantiles of the bottleneck, and them alone.
  virtual Tensor quantile_loss() const = 0;
};

/// The mean-scale hyperprior of D. Minnen, J. Balle, G. Toderici, arXiv 1809.02736, without context
/// model: `mbt2018_mean` of CompressAI.
std::unique_ptr<Network> make_mean_scale_hyperprior(Parameters& parameters, Widths widths,
                                                    at::ScalarType precision);

/// N and M of weights of that architecture. Throws ConfigError where the layers that tell are not
/// there.
Widths widths_of(const std::map<std::string, std::vector<std::int64_t>>& shapes,
                 const std::filesystem::path& file);

}  // namespace pellucid
