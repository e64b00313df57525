// network: a compressive autoencoder as the trainer and the priors see it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/random.h>

#include "parameters.h"

namespace pellucid {

/// Networks of CompressAI, by their names there:
///
///   factorized     one latent, each channel with a density of its own (J. Balle et al., 1802.01436)
///   hyperprior     a second latent h tells the scales of z (the same)
///   mean_scale     h tells scales and means (D. Minnen et al., 1809.02736)
///   autoregressive the latents before tell them, too (the same): "mbt2018"
///   anchor, attention   the same with residual blocks, the second with attention
///                  (Z. Cheng et al., 2001.01568)
enum class Architecture { factorized, hyperprior, mean_scale, autoregressive, anchor, attention };

/// "bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean", "mbt2018", "cheng2020-anchor",
/// "cheng2020-attn".
std::vector<std::pair<std::string, Architecture>> enumerators(Architecture);
const std::string& name_of(Architecture architecture);
/// `anchor` or `attention`, whose widths are one.
bool is_residual(Architecture architecture);

/// What layers compute in: float32 means the dtype of what they get.
enum class Precision { float32, bfloat16 };
std::vector<std::pair<std::string, Precision>> enumerators(Precision);

/// Channels between the layers, N, and of the main latent, M; equal in `anchor` and `attention`.
struct Widths {
  std::int64_t n = 0;
  std::int64_t m = 0;
};

/// What turns z into pictures, or into what tells their deviation.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual Tensor decode(const Tensor& z) const = 0;
};

/// Encoder, decoder and density of the latents. Images, latents and likelihoods keep their dtype in
/// bfloat16, too, which has no digits for rounding or small likelihoods. Latents are listed from the
/// image inwards: z (n, m, h/16, w/16), then, but for `factorized`, h (n, n, h/64, w/64).
class Network : public Decoder {
 public:
  /// Latents to decode, and the values of z whose likelihood counts: others where the density
  /// depends on z itself, else undefined or the same.
  struct Values {
    std::vector<Tensor> latents;
    Tensor counted;
  };

  /// The latents of images whose sides are multiples of 64: means, without noise.
  virtual std::vector<Tensor> encode(const Tensor& images) const = 0;
  /// How likely each number of each latent is; 1e-9 at least. Where `counted` is defined it stands
  /// for z under the density that the latents give.
  virtual std::vector<Tensor> likelihoods(const std::vector<Tensor>& latents,
                                          const Tensor& counted = {}) const = 0;
  /// What a decoder of a file would have.
  virtual Values rounded(const std::vector<Tensor>& latents) const = 0;
  /// What trains the quantiles of the bottleneck, and them alone.
  virtual Tensor quantile_loss() const = 0;
  /// The density of z depends on z: in training, likelihoods count with a noise of their own.
  virtual bool has_context() const = 0;
};

std::unique_ptr<Network> make_network(Architecture architecture, Parameters& parameters,
                                      Widths widths, Precision precision);
/// The decoder of that architecture alone.
std::unique_ptr<Decoder> make_decoder(Architecture architecture, Parameters& parameters,
                                      Widths widths, Precision precision);

/// What weights are of, by their keys and shapes. Throws ConfigError where the layers that tell are
/// not there.
struct Form {
  Architecture architecture;
  Widths widths;
};
Form form_of(const std::map<std::string, std::vector<std::int64_t>>& shapes,
             const std::filesystem::path& file);

}  // namespace pellucid
