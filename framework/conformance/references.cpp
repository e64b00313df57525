#include "conformance/references.h"

#include <ATen/ATen.h>

#include <pellucid/model.h>
#include <pellucid/operator.h>
#include <pellucid/prior.h>

namespace pellucid::conformance {
namespace {

/// A 3x3 kernel without symmetry over the last two axes: each tap adds a picked copy of the image,
/// and the adjoint puts it back where it was picked.
class Blur final : public ConvolutionOperator {
 public:
  explicit Blur(Boundary boundary)
      : boundary_(boundary),
        kernel_(at::tensor({0.05, 0.10, 0.05, 0.15, 0.30, 0.10, 0.05, 0.15, 0.05}, at::kDouble)
                    .view({1, 1, 3, 3})) {}

  Boundary boundary() const override { return boundary_; }
  const Tensor& kernel() const override { return kernel_; }
  Spec kernel_spec() const override { return {1, at::kDouble, "chw", {1, 3, 3}, {}, {}, {}}; }

  Spec range(const Spec& x) const override {
    require_floating(x);
    require_spatial(x, 2);
    for (const std::int64_t size : last_sizes(x.shape, 2))
      if (boundary_ == Boundary::reflect && size < 2)
        throw ShapeError("the reference blur reflects images of at least 2x2, got " + x.text());
    return x;
  }
  Spec domain(const Spec& y) const override { return range(y); }

  Tensor forward(const Tensor& x) const override {
    Tensor y = at::zeros_like(x);
    each_tap(x, [&](double weight, const Tensor& rows, const Tensor& columns) {
      y.add_(x.index_select(-2, rows).index_select(-1, columns), weight);
    });
    return y;
  }

  Tensor adjoint(const Tensor& y) const override {
    Tensor x = at::zeros_like(y);
    each_tap(y, [&](double weight, const Tensor& rows, const Tensor& columns) {
      const Tensor back = at::zeros_like(y).index_add_(-1, columns, y * weight);
      x.index_add_(-2, rows, back);
    });
    return x;
  }

  std::optional<std::vector<std::int64_t>> halo(const Spec& x) const override {
    if (boundary_ == Boundary::circular) return std::nullopt;
    std::vector<std::int64_t> reach(x.shape.size(), 0);
    reach.end()[-1] = reach.end()[-2] = 1;
    return reach;
  }

  std::int64_t working_bytes(const Spec& x) const override { return 3 * x.bytes(); }

 private:
  /// Where each sample of y looks in x along an axis, `shift` samples further on.
  Tensor picked(std::int64_t size, std::int64_t shift, const Tensor& like) const {
    const Tensor at_place = at::arange(size, like.options().dtype(at::kLong)) + shift;
    if (boundary_ == Boundary::circular) return at_place.remainder(size);
    return (size - 1 - (size - 1 - at_place.abs()).abs());
  }

  template <class Add>
  void each_tap(const Tensor& x, Add add) const {
    const Tensor weights = kernel_.view({3, 3});
    for (std::int64_t i = 0; i < 3; ++i)
      for (std::int64_t j = 0; j < 3; ++j)
        add(weights[i][j].item<double>(), picked(x.size(-2), 1 - i, x),
            picked(x.size(-1), 1 - j, x));
  }

  Boundary boundary_;
  Tensor kernel_;
};

/// x = 2 z with z standard normal: every method has a closed form.
class Gaussian final : public LatentPrior {
 public:
  explicit Gaussian(std::int64_t channels) : channels_(channels) {}

  std::vector<Latent> latents(const Spec& x) const override {
    require_real(x);
    require_axes(x, "chw");
    if (x.size('c') != channels_)
      throw ShapeError("the reference prior is one of " + std::to_string(channels_) +
                       " channels, got " + x.text());
    return {{"z", x}};
  }
  std::vector<Tensor> encode(const Tensor& x) const override { return {x / 2}; }
  Tensor decode(const std::vector<Tensor>& latents, at::IntArrayRef) const override {
    return latents[0] * 2;
  }
  Tensor energy(const std::vector<Tensor>& latents) const override {
    return latents[0].square().flatten(1).sum(1) / 2;
  }
  PosteriorFamily posterior_family() const override { return PosteriorFamily::gaussian; }
  std::vector<Tensor> start_scales(const std::vector<Tensor>& latents) const override {
    return {at::ones_like(latents[0])};
  }
  std::int64_t channels() const override { return channels_; }
  std::int64_t multiple() const override { return 1; }

 private:
  std::int64_t channels_;
};

/// The estimate under a standard normal prior.
class Shrink final : public Denoiser {
 public:
  Tensor denoise(const Tensor& x, double sigma) const override { return x / (1 + sigma * sigma); }
};

/// g(x) = |x|^2 / 2.
class Energy final : public Functional {
 public:
  bool has_gradient() const override { return true; }
  bool has_prox() const override { return true; }
  Tensor value(const Tensor& x) const override { return x.abs().square().flatten(1).sum(1) / 2; }
  Tensor gradient(const Tensor& x) const override { return x.clone(); }
  Tensor prox(const Tensor& x, double step) const override { return x / (1 + step); }
};

/// f(x) = x / 2 + 0.1, sample by sample.
class Linear final : public Model {
 public:
  Spec range(const Spec& argument) const override { return argument; }
  Tensor operator()(const Tensor& batch, std::int64_t) const override { return batch / 2 + 0.1; }
};

}  // namespace

std::vector<std::shared_ptr<const Component>> references(PortType type) {
  switch (type) {
    case PortType::operator_:
    case PortType::operator_linear:
    case PortType::operator_convolution:
      return {std::make_shared<Blur>(Boundary::circular),
              std::make_shared<Blur>(Boundary::reflect)};
    case PortType::prior:
      return {std::make_shared<Gaussian>(3), std::make_shared<Gaussian>(1)};
    case PortType::denoiser:
      return {std::make_shared<Shrink>()};
    case PortType::functional:
      return {std::make_shared<Energy>()};
    case PortType::model:
      return {std::make_shared<Linear>()};
    case PortType::tensor:
    case PortType::table:
      break;
  }
  return {};
}

}  // namespace pellucid::conformance
