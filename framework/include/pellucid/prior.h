// Priors: latent models, denoisers and functionals, as objects of a pipeline.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/component.h>

namespace pellucid {

/// One latent tensor of a LatentPrior: its name ("z", "h") and the spec of one item of it.
struct Latent {
  std::string name;
  Spec spec;
};

/// Which posterior a latent prior wants for its latents (VBLE, arXiv 2311.17744, section 3).
enum class PosteriorFamily { uniform, gaussian };

/// A generative model of images with latent tensors: x = decode(z), energy = -log p(z).
class PELLUCID_EXPORT LatentPrior : public Object {
 public:
  /// The latents for images of this spec. Throws ShapeError for channels it cannot do.
  virtual std::vector<Latent> latents(const Spec& x) const = 0;
  virtual std::vector<Tensor> encode(const Tensor& x) const = 0;
  /// Images (n, c, h, w) of the size asked for; differentiable in the latents.
  virtual Tensor decode(const std::vector<Tensor>& latents, at::IntArrayRef image_size) const = 0;
  /// -log p of each item's latents in nats, without rounding, (n); differentiable.
  virtual Tensor energy(const std::vector<Tensor>& latents) const = 0;
  virtual PosteriorFamily posterior_family() const = 0;
  /// Where the posterior's scales start, one tensor a latent.
  virtual std::vector<Tensor> start_scales(const std::vector<Tensor>& latents) const = 0;
  /// Standard deviation of the decoder's output, for priors that have one (VBLE-xz).
  virtual std::optional<Tensor> deviation(const std::vector<Tensor>& latents,
                                          at::IntArrayRef image_size) const;
  virtual std::int64_t channels() const = 0;
  /// Image sides are padded to a multiple of this inside.
  virtual std::int64_t multiple() const = 0;
};

/// Removes white Gaussian noise of a known level.
class PELLUCID_EXPORT Denoiser : public Object {
 public:
  ~Denoiser() override;

  /// Estimate of the clean images; `sigma` is the noise's standard deviation in the unit of x.
  virtual Tensor denoise(const Tensor& x, double sigma) const = 0;
};

/// A penalty g(x), one value an item. It says what it can do; asking for the rest is an error.
class PELLUCID_EXPORT Functional : public Object {
 public:
  virtual bool has_value() const { return true; }
  virtual bool has_gradient() const { return false; }
  virtual bool has_prox() const { return false; }

  /// g of each item, (n).
  virtual Tensor value(const Tensor& x) const;
  virtual Tensor gradient(const Tensor& x) const;
  /// argmin_u g(u) + |u - x|^2 / (2 step).
  virtual Tensor prox(const Tensor& x, double step) const;
};

}  // namespace pellucid
