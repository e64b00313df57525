// vae: images whose latents are normal and independent: variational autoencoders without compression.
//
//   x = D(z), energy sum_k z_k^2 / (2 s_k^2) + log s_k + log(2 pi) / 2 in nats, s = prior_scale of
//   the weights, 1e-5 at least, one number a channel
//   encode     z = mu(x), the mean of the encoder's distribution
//   deviation  of x given z: |decoder.gamma_x| of the weights, where they have it
//   x          (n, c, h, w), c that of the weights, float32 or float64, of any size: the network gets
//              it continued by its border to multiples of 16, and what it decodes is cut back
//   z          (n, M, h/16, w/16) of the sides so continued; with a linear layer between: (n, M), and
//              x of 64 x 64 px alone
//   posterior: normal, of deviation exp(-3) at the start [1]
//   Of three networks, which the keys of the weights tell apart:
//     convolutions   four 5x5 ones of stride 2 with batch normalisation between, and their mirror
//     linear         the same without normalisation, and with a linear layer in the middle
//     residual       ResNet-18 without its head, and its mirror
//   Batch normalisation uses the means and variances that training found.
//
// Settings (keys in a pipeline file)
//   weights   file of the network: .h5, .safetensors, .pth or .pth.tar, with encoder.layers.0.weight,
//             ..., decoder.layers.0.weight, ..., prior_scale, required
//
// Errors
//   ConfigError  the weights are of no such network; a key is missing, of another shape, or unknown
//   ShapeError   x is not real, not "chw", has other channels than the weights, or is not 64 x 64 where
//                it must be (while planning)
//   Error        a file is truncated, of no such format, or holds a number that is not finite
//
// Cost  that of D. Memory: the weights in float32, or in float64 if they are stored so.
//
// [1] D. P. Kingma, M. Welling, arXiv 1312.6114; as a prior: arXiv 2311.17744, section 3.

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/accumulate.h>

#include <pellucid/plugin.h>

#include "layers.h"
#include "pictures.h"

namespace pellucid {
namespace {

/// Sides of what the networks see: four halvings.
constexpr std::int64_t kVaeMultiple = 16;
/// The only side that a network with a linear layer takes.
constexpr std::int64_t kLinearSide = 64;
constexpr double kLeastPriorScale = 1e-5;

enum class Between { convolutions, linear, residual };

struct VaeForm {
  Between between;
  std::int64_t channels;  // of images
  std::int64_t n;         // between layers
  std::int64_t m;         // of z
};

VaeForm vae_form_of(const std::map<std::string, std::vector<std::int64_t>>& shapes,
                    const std::filesystem::path& file) {
  const auto size = [&](const std::string& key, std::size_t axis) -> std::int64_t {
    const auto found = shapes.find(key);
    return found == shapes.end() || found->second.size() <= axis ? 0 : found->second[axis];
  };
  const std::int64_t m = size("prior_scale", 0);
  if (m > 0 && size("encoder.last_conv.weight", 0) == 2 * m)
    return {Between::residual, size("encoder.conv1.weight", 1), 64, m};
  const std::int64_t channels = size("encoder.layers.0.weight", 1),
                     n = size("encoder.layers.0.weight", 0);
  if (m > 0 && channels > 0 && size("encoder.bottleneck.weight", 0) == 2 * m)
    return {Between::linear, channels, n, m};
  if (m > 0 && channels > 0) return {Between::convolutions, channels, n, m};
  throw ConfigError(
      "'" + file.string() +
      "' must have 'prior_scale' and 'encoder.layers.0.weight' or "
      "'encoder.last_conv.weight', the keys of a variational autoencoder, and has not");
}

/// Layers one after the other with keys of their own, as in "encoder.layer1.0".
Layer chained(Parameters& parameters, const std::vector<std::pair<std::string, LayerOf>>& named) {
  std::vector<Layer> layers;
  for (const auto& [key, layer] : named) layers.push_back(layer(parameters, key));
  return [layers](Tensor x) {
    for (const Layer& layer : layers) x = layer(x);
    return x;
  };
}

/// Nearest neighbours at twice the size, then a 3x3 convolution.
LayerOf enlarging_convolution(std::int64_t in, std::int64_t out) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const Layer convolved = convolution(in, out, 3, 1)(parameters, prefix + ".conv");
    return [=](const Tensor& x) {
      return convolved(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
    };
  };
}

/// relu(BN(conv(relu(BN(conv x)))) + shortcut x), the first convolution and the shortcut of `stride`.
LayerOf encoder_block(std::int64_t in, std::int64_t stride) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const std::int64_t out = in * stride;
    const auto of = [&](const char* name, const LayerOf& layer) {
      return layer(parameters, prefix + name);
    };
    const Layer conv1 = of(".conv1", convolution(in, out, 3, stride, Bias::none)),
                bn1 = of(".bn1", batch_normalisation(out)),
                conv2 = of(".conv2", convolution(out, out, 3, 1, Bias::none)),
                bn2 = of(".bn2", batch_normalisation(out));
    Layer shortcut = [](const Tensor& x) { return x; };
    if (stride != 1) {
      const Layer narrow = of(".shortcut.0", convolution(in, out, 1, stride, Bias::none)),
                  bn = of(".shortcut.1", batch_normalisation(out));
      shortcut = [=](const Tensor& x) { return bn(narrow(x)); };
    }
    return [=](const Tensor& x) {
      return at::relu(bn2(conv2(at::relu(bn1(conv1(x))))) + shortcut(x));
    };
  };
}

/// The same backwards: at stride 2 twice the size and half the channels.
LayerOf decoder_block(std::int64_t in, std::int64_t stride) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const std::int64_t out = in / stride;
    const auto of = [&](const char* name, const LayerOf& layer) {
      return layer(parameters, prefix + name);
    };
    const Layer conv2 = of(".conv2", convolution(in, in, 3, 1, Bias::none)),
                bn2 = of(".bn2", batch_normalisation(in)),
                conv1 = of(".conv1", stride == 1 ? convolution(in, out, 3, 1, Bias::none)
                                                 : enlarging_convolution(in, out)),
                bn1 = of(".bn1", batch_normalisation(out));
    Layer shortcut = [](const Tensor& x) { return x; };
    if (stride != 1) {
      const Layer wide = of(".shortcut.0", enlarging_convolution(in, out)),
                  bn = of(".shortcut.1", batch_normalisation(out));
      shortcut = [=](const Tensor& x) { return bn(wide(x)); };
    }
    return [=](const Tensor& x) {
      return at::relu(bn1(conv1(at::relu(bn2(conv2(x))))) + shortcut(x));
    };
  };
}

/// Convolutions with what stands between them; the last alone.
std::vector<LayerOf> alternating(const std::vector<LayerOf>& convolutions,
                                 const std::vector<LayerOf>& between) {
  std::vector<LayerOf> all;
  for (const LayerOf& one : convolutions) {
    all.push_back(one);
    if (&one != &convolutions.back()) all.insert(all.end(), between.begin(), between.end());
  }
  return all;
}

/// Images to mean and log-deviation of z, side by side.
Layer encoder_of(const VaeForm& form, Parameters& parameters) {
  const std::int64_t c = form.channels, n = form.n, m = form.m;
  if (form.between == Between::residual) {
    const Layer first =
        chained(parameters, {{"encoder.conv1", convolution(c, 64, 3, 2, Bias::none)},
                             {"encoder.bn1", batch_normalisation(64)}});
    const Layer rest =
        chained(parameters, {{"encoder.layer1.0", encoder_block(64, 1)},
                             {"encoder.layer1.1", encoder_block(64, 1)},
                             {"encoder.layer2.0", encoder_block(64, 2)},
                             {"encoder.layer2.1", encoder_block(128, 1)},
                             {"encoder.layer3.0", encoder_block(128, 2)},
                             {"encoder.layer3.1", encoder_block(256, 1)},
                             {"encoder.layer4.0", encoder_block(256, 2)},
                             {"encoder.layer4.1", encoder_block(512, 1)},
                             {"encoder.last_conv", convolution(512, 2 * m, 3, 1, Bias::none)}});
    return [=](const Tensor& x) { return rest(at::relu(first(x))); };
  }
  if (form.between == Between::convolutions)
    return Sequence(parameters, "encoder.layers",
                    alternating({convolution(c, n), convolution(n, n), convolution(n, n),
                                 convolution(n, 2 * m)},
                                {batch_normalisation(n), leaky_relu()}));
  std::vector<LayerOf> layers = alternating(
      {convolution(c, n), convolution(n, n), convolution(n, n), convolution(n, n)}, {leaky_relu()});
  layers.push_back(leaky_relu());
  const Sequence convolved(parameters, "encoder.layers", layers);
  const Layer told = linear(16 * n, 2 * m)(parameters, "encoder.bottleneck");
  return [=](const Tensor& x) { return told(convolved(x).flatten(1)); };
}

/// z to images.
Layer decoder_of(const VaeForm& form, Parameters& parameters) {
  const std::int64_t c = form.channels, n = form.n, m = form.m;
  if (form.between == Between::residual)
    return chained(parameters, {{"decoder.first_conv", deconvolution(m, 512, 3, 1, Bias::none)},
                                {"decoder.layer4.0", decoder_block(512, 1)},
                                {"decoder.layer4.1", decoder_block(512, 2)},
                                {"decoder.layer3.0", decoder_block(256, 1)},
                                {"decoder.layer3.1", decoder_block(256, 2)},
                                {"decoder.layer2.0", decoder_block(128, 1)},
                                {"decoder.layer2.1", decoder_block(128, 2)},
                                {"decoder.layer1.0", decoder_block(64, 1)},
                                {"decoder.layer1.1", decoder_block(64, 1)},
                                {"decoder.conv1", enlarging_convolution(64, c)}});
  if (form.between == Between::convolutions)
    return Sequence(parameters, "decoder.layers",
                    alternating({deconvolution(m, n), deconvolution(n, n), deconvolution(n, n),
                                 deconvolution(n, c)},
                                {batch_normalisation(n), leaky_relu()}));
  const Layer first = linear(m, 16 * n)(parameters, "decoder.first_layer.0");
  const Sequence convolved(parameters, "decoder.layers",
                           alternating({deconvolution(n, n), deconvolution(n, n),
                                        deconvolution(n, n), deconvolution(n, c)},
                                       {leaky_relu()}));
  return [=](const Tensor& z) {
    return convolved(at::leaky_relu(first(z), 0.01).view({-1, n, 4, 4}));
  };
}

class Vae final : public LatentPrior {
 public:
  struct Settings {
    std::filesystem::path weights;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"weights", &Settings::weights, "", "file of the network's weights", required()},
    };
    return rows;
  }

  explicit Vae(Settings settings) : settings_(std::move(settings)) {}

  void bind(const Inputs&) override {
    const auto shapes = network_shapes(settings_.weights);
    form_ = vae_form_of(shapes, settings_.weights);
    bytes_ = 0;
    for (const auto& [key, shape] : shapes) bytes_ += 4 * c10::multiply_integers(shape);
  }

  void prepare(const Inputs&, Context&) override {
    const at::NoGradGuard no_grad;
    Weights weights = read_network(settings_.weights);
    const bool has_deviation = weights.tensors.count("decoder.gamma_x") > 0;
    const at::ScalarType dtype = precision_of(weights);
    Parameters parameters(std::move(weights), dtype);
    encoder_ = encoder_of(form_, parameters);
    decoder_ = decoder_of(form_, parameters);
    const auto as_stored = [](const Random&) -> Tensor { return {}; };
    scale_ = parameters.take("prior_scale", {form_.m}, as_stored).clamp_min(kLeastPriorScale);
    if (has_deviation)
      deviation_ = parameters.take("decoder.gamma_x", {1}, as_stored).abs().item<double>();
    parameters.require_all_taken();
  }

  std::int64_t resident_bytes() const override { return bytes_; }

  std::vector<Latent> latents(const Spec& x) const override {
    require_axes(x, "chw");
    require_real(x);
    require_spatial(x, 2);
    if (x.size('c') != form_.channels)
      throw ShapeError("the prior is one of images with " + std::to_string(form_.channels) +
                       " channels, as its weights, got " + x.text());
    Spec z = x;
    z.unit = "1";
    if (form_.between == Between::linear) {
      if (x.size('h') != kLinearSide || x.size('w') != kLinearSide)
        throw ShapeError("the network of these weights takes images of 64 x 64 px, got " +
                         x.text());
      z.axes = "c";
      z.shape = {form_.m};
    } else {
      z.shape = {form_.m, padded(x.size('h'), kVaeMultiple) / kVaeMultiple,
                 padded(x.size('w'), kVaeMultiple) / kVaeMultiple};
    }
    return {{"z", z}};
  }

  std::vector<Tensor> encode(const Tensor& x) const override {
    return {encoder_(continued(x, kVaeMultiple)).narrow(1, 0, form_.m).contiguous()};
  }

  Tensor decode(const std::vector<Tensor>& latents, at::IntArrayRef image_size) const override {
    return as_images(decoder_(latents[0]), image_size, form_.channels);
  }

  Tensor energy(const std::vector<Tensor>& latents) const override {
    const Tensor z = latents[0].unsqueeze(-1).flatten(2);
    const Tensor scale = scale_.to(z.scalar_type()).unsqueeze(1);
    return ((z / scale).square() / 2 + at::log(scale) + std::log(2 * std::numbers::pi) / 2)
        .sum({1, 2});
  }

  PosteriorFamily posterior_family() const override { return PosteriorFamily::gaussian; }

  std::vector<Tensor> start_scales(const std::vector<Tensor>& latents) const override {
    return {at::full_like(latents[0], std::exp(-3.0))};
  }

  std::optional<Tensor> deviation(const std::vector<Tensor>& latents,
                                  at::IntArrayRef image_size) const override {
    if (!deviation_) return std::nullopt;
    return at::full({latents[0].size(0), form_.channels, image_size[0], image_size[1]}, *deviation_,
                    latents[0].options());
  }

  std::int64_t channels() const override { return form_.channels; }
  std::int64_t multiple() const override { return kVaeMultiple; }

 private:
  Settings settings_;
  VaeForm form_{};
  std::int64_t bytes_ = 0;
  Layer encoder_, decoder_;
  Tensor scale_;
  std::optional<double> deviation_;
};

}  // namespace

PELLUCID_COMPONENT(Vae, "Prior: latents are normal and independent");

}  // namespace pellucid
