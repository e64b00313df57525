#include "backbone.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace pellucid {

std::vector<std::pair<std::string, Network>> enumerators(Network) {
  return {{"alex", Network::alex}, {"squeeze", Network::squeeze}, {"vgg", Network::vgg}};
}

Backbone::Backbone(Network network) : layers_(layers_of(network)) {}

std::vector<Backbone::Layer> Backbone::layers_of(Network network) {
  const auto key = [](int index) { return "features." + std::to_string(index); };
  switch (network) {
    case Network::alex:
      return {Convolution{key(0), 3, 64, 11, 4, 2},
              Features{64},
              Pool{3, false},
              Convolution{key(3), 64, 192, 5, 1, 2},
              Features{192},
              Pool{3, false},
              Convolution{key(6), 192, 384, 3, 1, 1},
              Features{384},
              Convolution{key(8), 384, 256, 3, 1, 1},
              Features{256},
              Convolution{key(10), 256, 256, 3, 1, 1},
              Features{256}};
    case Network::squeeze:
      return {Convolution{key(0), 3, 64, 3, 2, 0},
              Features{64},
              Pool{3, true},
              Fire{key(3), 64, 16, 128},
              Fire{key(4), 128, 16, 128},
              Features{128},
              Pool{3, true},
              Fire{key(6), 128, 32, 256},
              Fire{key(7), 256, 32, 256},
              Features{256},
              Pool{3, true},
              Fire{key(9), 256, 48, 384},
              Features{384},
              Fire{key(10), 384, 48, 384},
              Features{384},
              Fire{key(11), 384, 64, 512},
              Features{512},
              Fire{key(12), 512, 64, 512},
              Features{512}};
    case Network::vgg:
      break;
  }
  std::vector<Layer> layers;
  int index = 0;
  std::int64_t in = 3;
  for (const auto& [out, count] :
       std::vector<std::pair<std::int64_t, int>>{{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}}) {
    if (index > 0) {
      layers.emplace_back(Pool{2, false});
      ++index;
    }
    for (int i = 0; i < count; ++i, index += 2) {
      layers.emplace_back(Convolution{key(index), in, out, 3, 1, 1});
      in = out;
    }
    layers.emplace_back(Features{out});
  }
  return layers;
}

NamedShapes Backbone::shapes() const {
  NamedShapes shapes;
  const auto add = [&shapes](const Convolution& c) {
    shapes[c.key + ".weight"] = {c.out, c.in, c.kernel, c.kernel};
    shapes[c.key + ".bias"] = {c.out};
  };
  for (const Layer& layer : layers_) {
    if (const auto* convolution = std::get_if<Convolution>(&layer)) add(*convolution);
    if (const auto* fire = std::get_if<Fire>(&layer))
      for (const Convolution& part : {fire->squeeze(), fire->expand1(), fire->expand3()}) add(part);
  }
  return shapes;
}

std::vector<std::int64_t> Backbone::channels() const {
  std::vector<std::int64_t> all;
  for (const Layer& layer : layers_)
    if (const auto* features = std::get_if<Features>(&layer)) all.push_back(features->channels);
  return all;
}

std::pair<std::int64_t, std::int64_t> Backbone::after(const Layer& layer, std::int64_t channels,
                                                      std::int64_t length) {
  if (const auto* c = std::get_if<Convolution>(&layer)) {
    const std::int64_t room = length + 2 * c->padding - c->kernel;
    return {c->out, room < 0 ? 0 : room / c->stride + 1};
  }
  if (const auto* fire = std::get_if<Fire>(&layer)) return {fire->out, length};
  if (const auto* pool = std::get_if<Pool>(&layer)) {
    // Rounded up, the last window may hang over the edge by one.
    const std::int64_t room = length - pool->kernel + (pool->ceil ? 1 : 0);
    return {channels, room < 0 ? 0 : room / 2 + 1};
  }
  return {channels, length};
}

std::int64_t Backbone::least_size() const {
  for (std::int64_t size = 1;; ++size) {
    std::int64_t length = size;
    for (const Layer& layer : layers_) length = length == 0 ? 0 : after(layer, 0, length).second;
    if (length > 0) return size;
  }
}

std::pair<std::int64_t, std::int64_t> Backbone::samples(std::int64_t height,
                                                        std::int64_t width) const {
  std::int64_t channels = 3, all = 0, largest = 0;
  for (const Layer& layer : layers_) {
    height = after(layer, channels, height).second;
    std::tie(channels, width) = after(layer, channels, width);
    largest = std::max(largest, channels * height * width);
    if (std::holds_alternative<Features>(layer)) all += channels * height * width;
  }
  return {all, largest};
}

std::vector<Tensor> Backbone::features(const Tensor& images, const NamedTensors& weights) const {
  const auto convolved = [&weights](const Tensor& x, const Convolution& c) {
    const Tensor y = at::conv2d(x, weights.at(c.key + ".weight"), weights.at(c.key + ".bias"),
                                c.stride, c.padding);
    return at::relu(y);
  };
  std::vector<Tensor> all;
  Tensor x = images;
  for (const Layer& layer : layers_) {
    if (const auto* convolution = std::get_if<Convolution>(&layer)) {
      x = convolved(x, *convolution);
    } else if (const auto* fire = std::get_if<Fire>(&layer)) {
      const Tensor few = convolved(x, fire->squeeze());
      x = at::cat({convolved(few, fire->expand1()), convolved(few, fire->expand3())}, 1);
    } else if (const auto* pool = std::get_if<Pool>(&layer)) {
      x = at::max_pool2d(x, pool->kernel, /*stride=*/2, /*padding=*/0, /*dilation=*/1, pool->ceil);
    } else {
      all.push_back(x);
    }
  }
  return all;
}

}  // namespace pellucid
