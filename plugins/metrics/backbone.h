// backbone: the convolutional parts of three networks for photographs, and what they see of an image
// at several depths.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <pellucid/spec.h>

namespace pellucid {

/// Tensors by name, as torchvision names them ("features.0.weight").
using NamedTensors = std::map<std::string, Tensor>;
using NamedShapes = std::map<std::string, std::vector<std::int64_t>>;

enum class Network { alex, squeeze, vgg };

std::vector<std::pair<std::string, Network>> enumerators(Network);

/// AlexNet in one column (A. Krizhevsky, arXiv:1404.5997), SqueezeNet 1.1 (F. N. Iandola et al.,
/// arXiv:1602.07360), VGG with 16 layers (K. Simonyan, A. Zisserman, arXiv:1409.1556).
class Backbone {
 public:
  explicit Backbone(Network network);

  /// Of all weights and biases.
  NamedShapes shapes() const;
  /// Of the features at each depth.
  std::vector<std::int64_t> channels() const;
  /// The smallest height and width that leave a sample at every depth.
  std::int64_t least_size() const;
  /// Samples of all features of an image (3, h, w), and of the largest layer.
  std::pair<std::int64_t, std::int64_t> samples(std::int64_t height, std::int64_t width) const;

  /// Features of images (n, 3, h, w) at each depth, after the rectifier; of the images' dtype, which
  /// the weights have, too.
  std::vector<Tensor> features(const Tensor& images, const NamedTensors& weights) const;

 private:
  /// With a bias and a rectifier.
  struct Convolution {
    std::string key;
    std::int64_t in, out, kernel, stride, padding;
  };
  /// A convolution to few channels, and two from these whose results are stacked.
  struct Fire {
    std::string key;
    std::int64_t in, few, out;

    Convolution squeeze() const { return {key + ".squeeze", in, few, 1, 1, 0}; }
    Convolution expand1() const { return {key + ".expand1x1", few, out / 2, 1, 1, 0}; }
    Convolution expand3() const { return {key + ".expand3x3", few, out / 2, 3, 1, 1}; }
  };
  struct Pool {
    std::int64_t kernel;
    bool ceil;
  };
  struct Features {
    std::int64_t channels;
  };
  using Layer = std::variant<Convolution, Fire, Pool, Features>;

  static std::vector<Layer> layers_of(Network network);
  /// Channels, and the length of an axis; 0 where nothing is left.
  static std::pair<std::int64_t, std::int64_t> after(const Layer& layer, std::int64_t channels,
                                                     std::int64_t length);

  std::vector<Layer> layers_;
};

}  // namespace pellucid
