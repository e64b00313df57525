#include "network.h"

#include <optional>

#include <ATen/ATen.h>

#include "entropy.h"
#include "layers.h"

namespace pellucid {
namespace {

bool is_autoregressive(Architecture architecture) {
  return architecture == Architecture::autoregressive || is_residual(architecture);
}

/// Images to z.
std::vector<LayerOf> analysis(Architecture architecture, Widths w) {
  const std::int64_t n = w.n;
  if (architecture == Architecture::anchor)
    return {downward_block(3, n),   residual_block(n, n), downward_block(n, n),
            residual_block(n, n),   downward_block(n, n), residual_block(n, n),
            convolution(n, n, 3, 2)};
  if (architecture == Architecture::attention)
    return {downward_block(3, n), residual_block(n, n),    downward_block(n, n),
            attention(n),         residual_block(n, n),    downward_block(n, n),
            residual_block(n, n), convolution(n, n, 3, 2), attention(n)};
  const LayerOf normalised = normalisation(n, Normalisation::divide);
  return {convolution(3, n), normalised, convolution(n, n),  normalised,
          convolution(n, n), normalised, convolution(n, w.m)};
}

/// z to images.
std::vector<LayerOf> synthesis(Architecture architecture, Widths w) {
  const std::int64_t n = w.n;
  if (architecture == Architecture::anchor)
    return {residual_block(n, n), upward_block(n, n),        residual_block(n, n),
            upward_block(n, n),   residual_block(n, n),      upward_block(n, n),
            residual_block(n, n), subpixel_convolution(n, 3)};
  if (architecture == Architecture::attention)
    return {attention(n),         residual_block(n, n),
            upward_block(n, n),   residual_block(n, n),
            upward_block(n, n),   attention(n),
            residual_block(n, n), upward_block(n, n),
            residual_block(n, n), subpixel_convolution(n, 3)};
  const LayerOf normalised = normalisation(n, Normalisation::multiply);
  return {deconvolution(w.m, n), normalised, deconvolution(n, n), normalised,
          deconvolution(n, n),   normalised, deconvolution(n, 3)};
}

/// z to h.
std::vector<LayerOf> hyper_analysis(Architecture architecture, Widths w) {
  const std::int64_t n = w.n;
  if (is_residual(architecture))
    return {convolution(n, n, 3, 1), leaky_relu(), convolution(n, n, 3, 1), leaky_relu(),
            convolution(n, n, 3, 2), leaky_relu(), convolution(n, n, 3, 1), leaky_relu(),
            convolution(n, n, 3, 2)};
  const LayerOf rectified = architecture == Architecture::hyperprior ? relu() : leaky_relu();
  return {convolution(w.m, n, 3, 1), rectified, convolution(n, n), rectified, convolution(n, n)};
}

/// h to the scales of z, to scales and means, or to what tells them with the context.
std::vector<LayerOf> hyper_synthesis(Architecture architecture, Widths w) {
  const std::int64_t n = w.n, wide = 3 * w.m / 2;
  if (is_residual(architecture))
    return {
        convolution(n, n, 3, 1),       leaky_relu(), subpixel_convolution(n, n),       leaky_relu(),
        convolution(n, wide, 3, 1),    leaky_relu(), subpixel_convolution(wide, wide), leaky_relu(),
        convolution(wide, 2 * n, 3, 1)};
  if (architecture == Architecture::hyperprior)
    return {deconvolution(n, n),       relu(), deconvolution(n, n), relu(),
            convolution(n, w.m, 3, 1), relu()};
  return {deconvolution(n, w.m), leaky_relu(), deconvolution(w.m, wide), leaky_relu(),
          convolution(wide, 2 * w.m, 3, 1)};
}

/// What stays in its dtype outside layers that compute in another.
class Layers {
 public:
  explicit Layers(Precision precision) : coarse_(precision == Precision::bfloat16) {}

  template <class Run>
  Tensor operator()(const Run& run, const Tensor& x) const {
    return coarse_ ? run(x.to(at::kBFloat16)).to(x.scalar_type()) : run(x);
  }

 private:
  bool coarse_;
};

class SynthesisDecoder final : public Decoder {
 public:
  SynthesisDecoder(Architecture architecture, Parameters& parameters, Widths w, Precision precision)
      : layers_(precision), synthesis_(parameters, "g_s", synthesis(architecture, w)) {}
  Tensor decode(const Tensor& z) const override { return layers_(synthesis_, z); }

 private:
  Layers layers_;
  Sequence synthesis_;
};

class CompressiveNetwork final : public Network {
 public:
  CompressiveNetwork(Architecture architecture, Parameters& parameters, Widths w,
                     Precision precision)
      : architecture_(architecture),
        layers_(precision),
        bottleneck_(parameters, architecture == Architecture::factorized ? w.m : w.n),
        analysis_(parameters, "g_a", analysis(architecture, w)),
        decoder_(architecture, parameters, w, precision) {
    if (architecture == Architecture::factorized) return;
    hyper_analysis_.emplace(parameters, "h_a", hyper_analysis(architecture, w));
    hyper_synthesis_.emplace(parameters, "h_s", hyper_synthesis(architecture, w));
    if (!has_context()) return;
    const std::int64_t m = w.m;
    context_ = masked_convolution(m, 2 * m)(parameters, "context_prediction");
    entropy_parameters_.emplace(
        parameters, "entropy_parameters",
        std::vector<LayerOf>{convolution(4 * m, 10 * m / 3, 1, 1), leaky_relu(),
                             convolution(10 * m / 3, 8 * m / 3, 1, 1), leaky_relu(),
                             convolution(8 * m / 3, 2 * m, 1, 1)});
  }

  std::vector<Tensor> encode(const Tensor& images) const override {
    const Tensor z = layers_(analysis_, images);
    if (!hyper_analysis_) return {z};
    const bool of_sizes = architecture_ == Architecture::hyperprior;
    return {z, layers_(*hyper_analysis_, of_sizes ? z.abs() : z)};
  }

  Tensor decode(const Tensor& z) const override { return decoder_.decode(z); }

  std::vector<Tensor> likelihoods(const std::vector<Tensor>& latents,
                                  const Tensor& counted) const override {
    const Tensor& z = counted.defined() ? counted : latents[0];
    if (!hyper_synthesis_) return {bottleneck_.likelihood(z)};
    const auto [scales, means] = gaussians(latents[0], latents[1]);
    return {gaussian_likelihood(z, scales, means), bottleneck_.likelihood(latents[1])};
  }

  Values rounded(const std::vector<Tensor>& latents) const override {
    const Tensor medians = bottleneck_.medians();
    const Tensor& z = latents[0];
    const Tensor innermost = at::round(latents.back() - medians) + medians;
    if (!hyper_synthesis_) return {{innermost}, innermost};
    const Tensor decoded = at::round(z);
    const Tensor means = gaussians(decoded, innermost).second;
    const Tensor counted = at::round(z - means) + means;
    return {{has_context() ? decoded : counted, innermost}, counted};
  }

  Tensor quantile_loss() const override { return bottleneck_.quantile_loss(); }
  bool has_context() const override { return is_autoregressive(architecture_); }

 private:
  /// Scales and means of z.
  std::pair<Tensor, Tensor> gaussians(const Tensor& z, const Tensor& h) const {
    Tensor told = layers_(*hyper_synthesis_, h);
    if (architecture_ == Architecture::hyperprior) return {told, at::zeros_like(z)};
    if (has_context())
      told = layers_(*entropy_parameters_, at::cat({told, layers_(context_, z)}, 1));
    const auto both = told.chunk(2, 1);
    return {both[0], both[1]};
  }

  Architecture architecture_;
  Layers layers_;
  EntropyBottleneck bottleneck_;
  Sequence analysis_;
  SynthesisDecoder decoder_;
  std::optional<Sequence> hyper_analysis_, hyper_synthesis_, entropy_parameters_;
  Layer context_;
};

}  // namespace

std::vector<std::pair<std::string, Precision>> enumerators(Precision) {
  return {{"float32", Precision::float32}, {"bfloat16", Precision::bfloat16}};
}

bool is_residual(Architecture architecture) {
  return architecture == Architecture::anchor || architecture == Architecture::attention;
}

std::vector<std::pair<std::string, Architecture>> enumerators(Architecture) {
  return {{"bmshj2018-factorized", Architecture::factorized},
          {"bmshj2018-hyperprior", Architecture::hyperprior},
          {"mbt2018-mean", Architecture::mean_scale},
          {"mbt2018", Architecture::autoregressive},
          {"cheng2020-anchor", Architecture::anchor},
          {"cheng2020-attn", Architecture::attention}};
}

const std::string& name_of(Architecture architecture) {
  static const auto all = enumerators(Architecture{});
  return all.at(static_cast<std::size_t>(architecture)).first;
}

std::unique_ptr<Network> make_network(Architecture architecture, Parameters& parameters,
                                      Widths widths, Precision precision) {
  return std::make_unique<CompressiveNetwork>(architecture, parameters, widths, precision);
}

std::unique_ptr<Decoder> make_decoder(Architecture architecture, Parameters& parameters,
                                      Widths widths, Precision precision) {
  return std::make_unique<SynthesisDecoder>(architecture, parameters, widths, precision);
}

Form form_of(const std::map<std::string, std::vector<std::int64_t>>& shapes,
             const std::filesystem::path& file) {
  /// How many channels a layer gives; 0 where there is none.
  const auto outputs = [&](const std::string& key) -> std::int64_t {
    for (const std::string prefix : {"", "module."})
      if (const auto found = shapes.find(prefix + key);
          found != shapes.end() && found->second.size() == 4)
        return found->second[0];
    return 0;
  };
  if (const std::int64_t n = outputs("g_a.0.conv1.weight"); n > 0) {
    const bool attends = outputs("g_a.3.conv_a.0.conv.0.weight") > 0;
    return {attends ? Architecture::attention : Architecture::anchor, {n, n}};
  }
  const Widths widths{outputs("g_a.0.weight"), outputs("g_a.6.weight")};
  for (const auto& [key, width] : {std::pair{"g_a.0.weight", widths.n}, {"g_a.6.weight", widths.m}})
    if (width == 0)
      throw ConfigError("'" + file.string() + "' has no '" + key +
                        "' of four axes, so that its widths are not known; expected the weights of "
                        "a compressive autoencoder, with the keys of CompressAI");
  if (outputs("context_prediction.weight") > 0) return {Architecture::autoregressive, widths};
  if (outputs("h_a.0.weight") == 0) return {Architecture::factorized, widths};
  return {outputs("h_s.4.weight") == widths.m ? Architecture::hyperprior : Architecture::mean_scale,
          widths};
}

}  // namespace pellucid
