// compressive_prior: a compressive autoencoder as a prior of images.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pellucid/prior.h>
#include <pellucid/schema.h>

#include "network.h"

namespace pellucid {

/// x = D(z), energy -log p(z, h), or -log p(z) without hyper-latent, by a network with weights of a
/// file. Images are in [0, 1]; they are continued by their border to sides that are multiples of 64,
/// and decoded ones are cut back. The network's own parameters are constants: gradients reach the
/// latents alone.
class CompressivePrior : public LatentPrior {
 public:
  struct Settings {
    std::filesystem::path weights;
    std::int64_t channels = 3;
    Precision precision = Precision::float32;
    std::optional<std::filesystem::path> deviation;
  };
  static const Schema<Settings>& schema();

  CompressivePrior(Architecture architecture, Settings settings);
  ~CompressivePrior() override;

  /// Reads what the weights are of. Throws ConfigError where they are of another architecture.
  void bind(const Inputs& specs) override;
  void prepare(const Inputs& in, Context& context) override;
  std::int64_t resident_bytes() const override;

  std::vector<Latent> latents(const Spec& x) const override;
  std::vector<Tensor> encode(const Tensor& x) const override;
  Tensor decode(const std::vector<Tensor>& latents, at::IntArrayRef image_size) const override;
  Tensor energy(const std::vector<Tensor>& latents) const override;
  PosteriorFamily posterior_family() const override { return PosteriorFamily::uniform; }
  /// 1, the width of the noise that a network is trained with.
  std::vector<Tensor> start_scales(const std::vector<Tensor>& latents) const override;
  /// sigmoid(V(z)) + 2e-4, V a second decoder (VBLE-xz); none without its weights.
  std::optional<Tensor> deviation(const std::vector<Tensor>& latents,
                                  at::IntArrayRef image_size) const override;
  std::int64_t channels() const override { return settings_.channels; }
  std::int64_t multiple() const override;

 private:
  Architecture architecture_;
  Settings settings_;
  Widths widths_;
  std::int64_t bytes_ = 0;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Decoder> variance_;
};

/// The prior of one architecture, a component of its own.
template <Architecture kArchitecture>
class PriorOf final : public CompressivePrior {
 public:
  explicit PriorOf(Settings settings) : CompressivePrior(kArchitecture, std::move(settings)) {}
};

}  // namespace pellucid
