#include "network.h"

#include <ATen/ATen.h>

namespace pellucid {
namespace {

/// Four 5x5 convolutions of stride 2 with divisive normalisation between them.
Sequence analysis(Parameters& parameters, Widths w) {
  const LayerOf normalised = normalisation(w.n, Normalisation::divide);
  return {parameters,
          "g_a",
          {convolution(3, w.n), normalised, convolution(w.n, w.n), normalised,
           convolution(w.n, w.n), normalised, convolution(w.n, w.m)}};
}

Sequence synthesis(Parameters& parameters, Widths w) {
  const LayerOf normalised = normalisation(w.n, Normalisation::multiply);
  return {parameters,
          "g_s",
          {deconvolution(w.m, w.n), normalised, deconvolution(w.n, w.n), normalised,
           deconvolution(w.n, w.n), normalised, deconvolution(w.n, 3)}};
}

Sequence hyper_analysis(Parameters& parameters, Widths w) {
  return {parameters,
          "h_a",
          {convolution(w.m, w.n, 3, 1), leaky_relu(), convolution(w.n, w.n), leaky_relu(),
           convolution(w.n, w.n)}};
}

Sequence hyper_synthesis(Parameters& parameters, Widths w) {
  const std::int64_t wide = 3 * w.m / 2;
  return {parameters,
          "h_s",
          {deconvolution(w.n, w.m), leaky_relu(), deconvolution(w.m, wide), leaky_relu(),
           convolution(wide, 2 * w.m, 3, 1)}};
}

class MeanScaleHyperprior final : public Network {
 public:
  MeanScaleHyperprior(Parameters& parameters, Widths widths, at::ScalarType precision)
      : precision_(precision),
        bottleneck_(parameters, widths.n),
        analysis_(analysis(parameters, widths)),
        synthesis_(synthesis(parameters, widths)),
        hyper_analysis_(hyper_analysis(parameters, widths)),
        hyper_synthesis_(hyper_synthesis(parameters, widths)) {}

  std::vector<Tensor> encode(const Tensor& images) const override {
    const Tensor z = analysis_(images.to(precision_));
    return {exact(z), exact(hyper_analysis_(z))};
  }

  Tensor decode(const Tensor& z) const override { return exact(synthesis_(z.to(precision_))); }

  std::vector<Tensor> likelihoods(const std::vector<Tensor>& latents) const override {
    const auto [scales, means] = gaussians(latents[1]);
    return {gaussian_likelihood(latents[0], scales, means), bottleneck_.likelihood(latents[1])};
  }

  std::vector<Tensor> rounded(const std::vector<Tensor>& latents) const override {
    const Tensor medians = bottleneck_.medians();
    const Tensor h = at::round(latents[1] - medians) + medians;
    const Tensor means = gaussians(h).second;
    return {at::round(latents[0] - means) + means, h};
  }

  Tensor quantile_loss() const override { return bottleneck_.quantile_loss(); }

 private:
  static Tensor exact(const Tensor& x) {
    return x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x;
  }

  std::pair<Tensor, Tensor> gaussians(const Tensor& h) const {
    const auto both = exact(hyper_synthesis_(h.to(precision_))).chunk(2, 1);
    return {both[0], both[1]};
  }

  at::ScalarType precision_;
  EntropyBottleneck bottleneck_;
  Sequence analysis_, synthesis_, hyper_analysis_, hyper_synthesis_;
};

}  // namespace

std::unique_ptr<Network> make_mean_scale_hyperprior(Parameters& parameters, Widths widths,
                                                    at::ScalarType precision) {
  return std::make_unique<MeanScaleHyperprior>(parameters, widths, precision);
}

Widths widths_of(const std::map<std::string, std::vector<std::int64_t>>& shapes,
                 const std::filesystem::path& file) {
  const auto outputs = [&](const std::string& key) {
    for (const std::string prefix : {"", "module."})
      if (const auto found = shapes.find(prefix + key);
          found != shapes.end() && found->second.size() == 4)
        return found->second[0];
    throw ConfigError("'" + file.string() + "' has no '" + key +
                      "' of four axes, so that its widths are not known; is it of another "
                      "architecture?");
  };
  return {outputs("g_a.0.weight"), outputs("g_a.6.weight")};
}

}  // namespace pellucid
