#include "compressive_prior.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/accumulate.h>

#include "pictures.h"

namespace pellucid {
namespace {

/// Of the pictures' standard deviation.
constexpr double kLeastDeviation = 2e-4;

/// Keys of a decoder alone, "0.weight", or of a whole network, "g_s.0.weight".
Weights of_decoder(Weights weights) {
  if (weights.tensors.count("0.weight") == 0) return weights;
  std::map<std::string, Tensor> renamed;
  for (auto& [key, tensor] : weights.tensors) renamed["g_s." + key] = tensor;
  weights.tensors = std::move(renamed);
  return weights;
}

}  // namespace

const Schema<CompressivePrior::Settings>& CompressivePrior::schema() {
  static const Schema<Settings> rows{
      {"weights", &Settings::weights, "", "file of the network's weights", required()},
      {"channels", &Settings::channels, "1", "of the images, 1 or 3"},
      {"precision", &Settings::precision, "", "of the convolutions"},
      {"deviation", &Settings::deviation, "", "file of a variance decoder's weights"},
  };
  return rows;
}

CompressivePrior::CompressivePrior(Architecture architecture, Settings settings)
    : architecture_(architecture), settings_(std::move(settings)) {
  if (settings_.channels != 1 && settings_.channels != 3)
    throw ConfigError("'channels' must be 1 or 3, got " + std::to_string(settings_.channels));
}

CompressivePrior::~CompressivePrior() = default;

void CompressivePrior::bind(const Inputs&) {
  const auto shapes = network_shapes(settings_.weights);
  const Form form = form_of(shapes, settings_.weights);
  if (form.architecture != architecture_)
    throw ConfigError("'" + settings_.weights.string() + "' has the weights of " +
                      name_of(form.architecture) + ", not of " + name_of(architecture_) +
                      "; use autoencoder/" + name_of(form.architecture));
  widths_ = form.widths;
  bytes_ = 0;
  for (const auto& [key, shape] : shapes) bytes_ += 4 * c10::multiply_integers(shape);
}

void CompressivePrior::prepare(const Inputs&, Context&) {
  const at::NoGradGuard no_grad;
  Parameters parameters(read_network(settings_.weights), at::kFloat);
  network_ = make_network(architecture_, parameters, widths_, settings_.precision);
  parameters.require_all_taken();
  if (!settings_.deviation) return;
  Parameters of_variance(of_decoder(read_network(*settings_.deviation)), at::kFloat);
  variance_ = make_decoder(architecture_, of_variance, widths_, settings_.precision);
  of_variance.require_all_taken();
}

std::int64_t CompressivePrior::resident_bytes() const { return bytes_; }

std::int64_t CompressivePrior::multiple() const { return kMultiple; }

std::vector<Latent> CompressivePrior::latents(const Spec& x) const {
  require_axes(x, "chw");
  require_real(x);
  require_spatial(x, 2);
  if (x.size('c') != settings_.channels)
    throw ShapeError("the prior is one of images with " + std::to_string(settings_.channels) +
                     " channels, got " + x.text() + "; set 'channels', 1 or 3");
  const std::int64_t height = padded(x.size('h')), width = padded(x.size('w'));
  const auto latent = [&](const std::string& name, std::int64_t channels, std::int64_t halvings) {
    Spec spec = x;
    spec.shape = {channels, height >> halvings, width >> halvings};
    spec.unit = "1";
    return Latent{name, spec};
  };
  std::vector<Latent> all{latent("z", widths_.m, 4)};
  if (architecture_ != Architecture::factorized) all.push_back(latent("h", widths_.n, 6));
  return all;
}

std::vector<Tensor> CompressivePrior::encode(const Tensor& x) const {
  return network_->encode(as_pictures(x));
}

Tensor CompressivePrior::decode(const std::vector<Tensor>& latents,
                                at::IntArrayRef image_size) const {
  return as_images(network_->decode(latents[0]), image_size, settings_.channels);
}

Tensor CompressivePrior::energy(const std::vector<Tensor>& latents) const {
  Tensor nats;
  for (const Tensor& likelihood : network_->likelihoods(latents)) {
    const Tensor own = -at::log(likelihood).sum({1, 2, 3});
    nats = nats.defined() ? nats + own : own;
  }
  return nats;
}

std::vector<Tensor> CompressivePrior::start_scales(const std::vector<Tensor>& latents) const {
  std::vector<Tensor> scales;
  for (const Tensor& latent : latents) scales.push_back(at::ones_like(latent));
  return scales;
}

std::optional<Tensor> CompressivePrior::deviation(const std::vector<Tensor>& latents,
                                                  at::IntArrayRef image_size) const {
  if (!variance_) return std::nullopt;
  return as_images(at::sigmoid(variance_->decode(latents[0])) + kLeastDeviation, image_size,
                   settings_.channels);
}

}  // namespace pellucid
