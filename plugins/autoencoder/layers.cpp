#include "layers.h"

#include <cmath>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace pellucid {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class LowerBound final : public torch::autograd::Function<LowerBound> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, double bound) {
    context->save_for_backward({x});
    context->saved_data["bound"] = bound;
    return x.clamp_min(bound);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor x = context->get_saved_variables()[0];
    const double bound = context->saved_data["bound"].toDouble();
    const Tensor passes = (x >= bound).logical_or_(gradients[0] < 0);
    return {gradients[0] * passes, {}};
  }
};

class DivisiveNormalisation final : public torch::autograd::Function<DivisiveNormalisation> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& beta,
                        const Tensor& gamma, bool inverse) {
    const Tensor d = at::conv2d(x * x, gamma.unsqueeze(-1).unsqueeze(-1), beta);
    context->save_for_backward({x, gamma, d});
    context->saved_data["inverse"] = inverse;
    return inverse ? at::sqrt(d).mul_(x) : at::rsqrt(d).mul_(x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &gamma = saved[1], &d = saved[2];
    const bool inverse = context->saved_data["inverse"].toBool();
    // y = x d^p: dy/dx directly is d^p, and through d it is p x d^(p - 1).
    const Tensor power = inverse ? at::sqrt(d) : at::rsqrt(d);
    Tensor to_x = gradients[0] * power;
    const Tensor to_d = (to_x * x).div_(d).mul_(inverse ? 0.5 : -0.5);
    const std::int64_t one[]{1, 1}, none[]{0, 0}, channels[]{x.size(1)};
    const auto [to_square, to_gamma, to_beta] = at::convolution_backward(
        to_d, x * x, gamma.unsqueeze(-1).unsqueeze(-1), channels, one, none, one, false, none, 1,
        {true, context->needs_input_grad(2), context->needs_input_grad(1)});
    variable_list out(4);
    out[0] = to_x.addcmul_(x, to_square, 2);
    out[1] = to_beta;
    if (to_gamma.defined()) out[2] = to_gamma.squeeze(-1).squeeze(-1);
    return out;
  }
};

/// A parameter that is kept at or above `least`: max(v, sqrt(least + p))^2 - p, p = 2^-36
/// (CompressAI's reparametrisation, with the bound held in float32).
constexpr double kPedestal = 1.0 / (1ll << 36);

Tensor non_negative(const Tensor& v, double least) {
  const auto bound = static_cast<double>(static_cast<float>(std::sqrt(least + kPedestal)));
  return lower_bound(v, bound).square() - kPedestal;
}

Tensor non_negative_start(const Tensor& value) {
  return at::sqrt(at::clamp_min(value + kPedestal, kPedestal));
}

/// Uniform in +-1/sqrt(fan_in), for weights and biases alike.
std::function<Tensor(const Random&)> uniform_start(std::vector<std::int64_t> shape,
                                                   std::int64_t fan_in) {
  return [shape, bound = 1 / std::sqrt(double(fan_in))](const Random& draw) {
    return draw.uniform(shape)[0].mul_(2 * bound).sub_(bound);
  };
}

/// Of a convolution or a linear layer; without bias the second is undefined.
struct WeightAndBias {
  WeightAndBias(Parameters& parameters, const std::string& prefix,
                const std::vector<std::int64_t>& shape, std::int64_t out, std::int64_t fan_in,
                Bias wanted)
      : weight(parameters.take(prefix + ".weight", shape, uniform_start(shape, fan_in))) {
    if (wanted == Bias::added)
      bias = parameters.take(prefix + ".bias", {out}, uniform_start({out}, fan_in));
  }
  std::pair<Tensor, Tensor> as(at::ScalarType dtype) const {
    return {weight.to(dtype), bias.defined() ? bias.to(dtype) : bias};
  }

  Tensor weight, bias;
};

Tensor leaky(const Tensor& x) { return at::leaky_relu(x, 0.01); }

/// relu(x + conv1(relu(conv3(relu(conv1(x)))))), with half the channels between.
LayerOf residual_unit(std::int64_t channels) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const Sequence inner(parameters, prefix + ".conv",
                         {convolution(channels, channels / 2, 1, 1), relu(),
                          convolution(channels / 2, channels / 2, 3, 1), relu(),
                          convolution(channels / 2, channels, 1, 1)});
    return [=](const Tensor& x) { return at::relu(x + inner(x)); };
  };
}

}  // namespace

Tensor lower_bound(const Tensor& x, double bound) { return LowerBound::apply(x, bound); }

Tensor divisive_normalisation(const Tensor& x, const Tensor& beta, const Tensor& gamma,
                              Normalisation direction) {
  return DivisiveNormalisation::apply(x, beta.to(x.scalar_type()), gamma.to(x.scalar_type()),
                                      direction == Normalisation::multiply);
}

LayerOf convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                    Bias bias) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const std::int64_t fan_in = in * kernel * kernel;
    const WeightAndBias taken(parameters, prefix, {out, in, kernel, kernel}, out, fan_in, bias);
    return [=](const Tensor& x) {
      const auto [weight, added] = taken.as(x.scalar_type());
      return at::conv2d(x, weight, added, stride, kernel / 2);
    };
  };
}

LayerOf deconvolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                      Bias bias) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const std::int64_t fan_in = out * kernel * kernel;  // as libtorch counts for transposed ones
    const WeightAndBias taken(parameters, prefix, {in, out, kernel, kernel}, out, fan_in, bias);
    return [=](const Tensor& x) {
      const auto [weight, added] = taken.as(x.scalar_type());
      return at::conv_transpose2d(x, weight, added, stride, kernel / 2, stride - 1);
    };
  };
}

LayerOf linear(std::int64_t in, std::int64_t out) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const WeightAndBias taken(parameters, prefix, {out, in}, out, in, Bias::added);
    return [=](const Tensor& x) {
      const auto [weight, added] = taken.as(x.scalar_type());
      return at::linear(x, weight, added);
    };
  };
}

LayerOf batch_normalisation(std::int64_t channels) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const auto take = [&](const char* name, double start) {
      return parameters.take(prefix + name, {channels},
                             [=](const Random&) { return at::full({channels}, start); });
    };
    const Tensor weight = take(".weight", 1), bias = take(".bias", 0);
    const Tensor mean = take(".running_mean", 0), variance = take(".running_var", 1);
    return [=](const Tensor& x) {
      const auto dtype = x.scalar_type();
      return at::batch_norm(x, weight.to(dtype), bias.to(dtype), mean.to(dtype), variance.to(dtype),
                            false, 0, 1e-5, false);
    };
  };
}

LayerOf normalisation(std::int64_t channels, Normalisation direction) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const Tensor beta = parameters.take(prefix + ".beta", {channels}, [=](const Random&) {
      return non_negative_start(at::ones({channels}));
    });
    const Tensor gamma =
        parameters.take(prefix + ".gamma", {channels, channels},
                        [=](const Random&) { return non_negative_start(at::eye(channels) * 0.1); });
    return [=](const Tensor& x) {
      return divisive_normalisation(x, non_negative(beta, 1e-6), non_negative(gamma, 0), direction);
    };
  };
}

LayerOf subpixel_convolution(std::int64_t in, std::int64_t out, std::int64_t scale) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const Layer wide = convolution(in, out * scale * scale, 3, 1)(parameters, prefix + ".0");
    return [=](const Tensor& x) { return at::pixel_shuffle(wide(x), scale); };
  };
}

LayerOf masked_convolution(std::int64_t in, std::int64_t out) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const std::vector<std::int64_t> shape{out, in, 5, 5};
    const Tensor weight = parameters.take(prefix + ".weight", shape, uniform_start(shape, in * 25));
    const Tensor bias = parameters.take(prefix + ".bias", {out}, uniform_start({out}, in * 25));
    const Tensor mask = at::zeros({5, 5}, weight.options());
    mask.narrow(0, 0, 2).fill_(1);
    mask[2].narrow(0, 0, 2).fill_(1);
    return [=](const Tensor& x) {
      const auto dtype = x.scalar_type();
      return at::conv2d(x, (weight * mask).to(dtype), bias.to(dtype), 1, 2);
    };
  };
}

LayerOf relu() {
  return [](Parameters&, const std::string&) -> Layer {
    return [](const Tensor& x) { return at::relu(x); };
  };
}

LayerOf leaky_relu() {
  return [](Parameters&, const std::string&) -> Layer {
    return [](const Tensor& x) { return leaky(x); };
  };
}

LayerOf residual_block(std::int64_t in, std::int64_t out) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const Layer first = convolution(in, out, 3, 1)(parameters, prefix + ".conv1");
    const Layer second = convolution(out, out, 3, 1)(parameters, prefix + ".conv2");
    Layer skip = [](const Tensor& x) { return x; };
    if (in != out) skip = convolution(in, out, 1, 1)(parameters, prefix + ".skip");
    return [=](const Tensor& x) { return skip(x) + leaky(second(leaky(first(x)))); };
  };
}

LayerOf downward_block(std::int64_t in, std::int64_t out) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const Layer first = convolution(in, out, 3, 2)(parameters, prefix + ".conv1");
    const Layer second = convolution(out, out, 3, 1)(parameters, prefix + ".conv2");
    const Layer gdn = normalisation(out, Normalisation::divide)(parameters, prefix + ".gdn");
    const Layer skip = convolution(in, out, 1, 2)(parameters, prefix + ".skip");
    return [=](const Tensor& x) { return skip(x) + gdn(second(leaky(first(x)))); };
  };
}

LayerOf upward_block(std::int64_t in, std::int64_t out) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const Layer first = subpixel_convolution(in, out)(parameters, prefix + ".subpel_conv");
    const Layer second = convolution(out, out, 3, 1)(parameters, prefix + ".conv");
    const Layer igdn = normalisation(out, Normalisation::multiply)(parameters, prefix + ".igdn");
    const Layer upsampled = subpixel_convolution(in, out)(parameters, prefix + ".upsample");
    return [=](const Tensor& x) { return upsampled(x) + igdn(second(leaky(first(x)))); };
  };
}

LayerOf attention(std::int64_t channels) {
  return [=](Parameters& parameters, const std::string& prefix) -> Layer {
    const LayerOf unit = residual_unit(channels);
    const Sequence a(parameters, prefix + ".conv_a", {unit, unit, unit});
    const Sequence b(parameters, prefix + ".conv_b",
                     {unit, unit, unit, convolution(channels, channels, 1, 1)});
    return [=](const Tensor& x) { return x + a(x) * at::sigmoid(b(x)); };
  };
}

Sequence::Sequence(Parameters& parameters, const std::string& name,
                   const std::vector<LayerOf>& layers) {
  for (const LayerOf& layer : layers)
    layers_.push_back(layer(parameters, name + "." + std::to_string(layers_.size())));
}

Tensor Sequence::operator()(Tensor x) const {
  for (const Layer& layer : layers_) x = layer(x);
  return x;
}

}  // namespace pellucid
