// lpips: how different two images look to a network that was trained on photographs: LPIPS, v0.1.
//
//   lpips = sum over depths l of mean over places of
//           sum over channels c of w_lc (X_lc / (|X_l| + 1e-10) - R_lc / (|R_l| + 1e-10))^2   [1]
//   X_l, R_l: features of x and reference at depth l after the rectifier, |.| over the channels;
//   w_l: a linear head. The network is given ((2 x / range - 1) - shift) / scale with shift
//   (-0.030, -0.088, -0.188) and scale (0.458, 0.448, 0.450) for red, green and blue.
//   x, reference: (c, h, w), c = 3, or 1 for grey, which is taken as red, green and blue
//
// Inputs
//   x           what is judged
//   reference   what it should look like
// Outputs
//   scores   a row an item: lpips, 0 where both are equal
// Settings (keys in a pipeline file)
//   network       alex, squeeze or vgg                                              default alex
//   weights       required: the network's weights, a state dict of torchvision (alexnet,
//                 squeezenet1_1, vgg16): `features.*`; `classifier.*` is not used
//   heads         required: the linear heads, `lin0.model.1.weight` and so on
//   border [px]   left out on each side before anything is computed, >= 0           default 5
//   range         largest minus smallest possible value, unit of x, > 0             default 1
//
// Errors
//   ConfigError  a tensor is missing in the weights or the heads, or is none of the network's
//                (while planning)
//   ShapeError   a tensor of the weights has another shape; other axes, shape or unit than the
//                reference; not one or three channels; too small for the network: 31 samples along
//                each axis inside the border for alex, 17 for squeeze, 16 for vgg (while planning)
//
// Accuracy  that of the images. A score means what is published only with the published weights: the
//           heads of LPIPS v0.1 and the networks trained on ImageNet, which do not come with
//           Pellucid.
// Cost      two passes through the network an item: 0.7 (alex), 0.3 (squeeze), 15 (vgg) thousand
//           million multiplications for 224 x 224.
//
// [1] R. Zhang, P. Isola, A. A. Efros, E. Shechtman, O. Wang, "The unreasonable effectiveness of deep
//     features as a perceptual metric", CVPR 2018, arXiv:1801.03924, eq. 1.

#include <algorithm>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>
#include <pellucid/weights.h>

#include "backbone.h"
#include "pair.h"

namespace pellucid {
namespace {

std::string head_key(std::size_t depth) {
  return "lin" + std::to_string(depth) + ".model.1.weight";
}

/// The tensors of a file are those that are needed; names that begin with `unused` do not count.
void require_tensors(const std::filesystem::path& file, const NamedShapes& needed,
                     const std::string& network, const std::string& unused = "") {
  const NamedShapes found = weight_shapes(file);
  const std::string of_file = " of '" + file.string() + "' ";
  for (const auto& [key, shape] : needed) {
    const auto tensor = found.find(key);
    if (tensor == found.end())
      throw ConfigError("the tensor '" + key + "' is missing in '" + file.string() + "'; " +
                        network + " has " + std::to_string(needed.size()) + " tensors");
    if (tensor->second != shape)
      throw ShapeError("the tensor '" + key + "'" + of_file + "must have the shape " +
                       shape_text(shape) + " in " + network + ", got " +
                       shape_text(tensor->second));
  }
  for (const auto& [key, shape] : found)
    if (!needed.count(key) && (unused.empty() || key.compare(0, unused.size(), unused) != 0))
      throw ConfigError("the tensor '" + key + "'" + of_file + "is none of " + network +
                        "; are these the weights of another network?");
}

class Lpips final : public Stage {
 public:
  struct Settings {
    Network network = Network::alex;
    std::filesystem::path weights;
    std::filesystem::path heads;
    std::int64_t border = 5;  // px
    double range = 1.0;       // unit of x
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"network", &Settings::network, "", "which network looks at the images"},
        {"weights", &Settings::weights, "", "the network's weights, as of torchvision", required()},
        {"heads", &Settings::heads, "", "the linear heads of LPIPS v0.1", required()},
        {"border", &Settings::border, "px", "left out on each side", at_least(0)},
        {"range", &Settings::range, "", "largest minus smallest possible value", positive()},
    };
    return rows;
  }

  static constexpr In<Tensor> x{"x", "what is judged"};
  static constexpr In<Tensor> reference{"reference", "what it should look like"};
  static constexpr Out<Table> scores{"scores", "the distance of each item from its reference"};
  static const Ports& ports() {
    static const Ports all{x, reference, scores};
    return all;
  }

  explicit Lpips(Settings settings)
      : settings_(std::move(settings)), backbone_(settings_.network) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec &judged = in.spec(x), &wanted = in.spec(reference);
    require_real(judged);
    require_real(wanted);
    require_pair(judged, wanted, 2);
    if (judged.axes.size() != 3 || judged.axes[0] != 'c' ||
        (judged.shape[0] != 3 && judged.shape[0] != 1))
      throw ShapeError("images must have the axes 'chw' with 3 channels, or 1 for grey, got " +
                       judged.axes + " " + shape_text(judged.shape));
    require_room(judged, 2, backbone_.least_size(), settings_.border, "what " + name() + " needs");
    require_tensors(settings_.weights, backbone_.shapes(), name(), "classifier.");
    require_tensors(settings_.heads, head_shapes(), "the heads of " + name());
    out[scores] = {paired_items(judged.items, wanted.items), 1, columns()};
  }

  void prepare(const Inputs& in, Context& context) override {
    const auto dtype = at::promote_types(in.spec(x).dtype, in.spec(reference).dtype);
    const Weights weights = read_weights(settings_.weights), heads = read_weights(settings_.heads);
    for (const auto& [key, shape] : backbone_.shapes())
      weights_[key] = weights.at(key, shape).to(context.device(), dtype);
    for (const auto& [key, shape] : head_shapes())
      heads_[key] = heads.at(key, shape).to(context.device(), dtype);
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    Table table(columns());
    const std::int64_t items = paired_items(in[x].size(0), in[reference].size(0));
    for (std::int64_t i = 0; i < items; ++i) {
      context.stop_if_cancelled();
      const auto seen = features(in[x], i), wanted = features(in[reference], i);
      double distance = 0;
      for (std::size_t depth = 0; depth < seen.size(); ++depth) {
        const Tensor apart = (normalized(seen[depth]) - normalized(wanted[depth])).square_();
        distance += (apart * heads_.at(head_key(depth))).sum(1).mean(at::kDouble).item<double>();
      }
      table.add(in.item(i), {distance});
    }
    out[scores] = std::move(table);
  }

  // Features of both images, three layers on the way, and the copies that a convolution makes.
  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& image = in.spec(x);
    const auto [features, largest] = backbone_.samples(image.shape[1], image.shape[2]);
    const std::int64_t copies = image.dtype == at::kDouble ? 9 : 3;
    return at::elementSize(image.dtype) * (4 * features + (3 + copies) * largest);
  }

 private:
  static std::vector<Column> columns() {
    return {{"lpips", Column::Type::real, "1", 0, "perceptual distance"}};
  }

  std::string name() const {
    for (const auto& [name, network] : enumerators(settings_.network))
      if (network == settings_.network) return name;
    return {};
  }

  NamedShapes head_shapes() const {
    NamedShapes shapes;
    const auto channels = backbone_.channels();
    for (std::size_t depth = 0; depth < channels.size(); ++depth)
      shapes[head_key(depth)] = {1, channels[depth], 1, 1};
    return shapes;
  }

  std::vector<Tensor> features(const Tensor& images, std::int64_t item) const {
    const auto dtype = weights_.begin()->second.scalar_type();
    const Tensor image = inside(item_of(images, item), settings_.border, 2).to(dtype);
    const auto of_colours = [&image](std::initializer_list<double> values) {
      return at::tensor(at::ArrayRef<double>(values), image.options()).view({3, 1, 1});
    };
    const Tensor shift = of_colours({-0.030, -0.088, -0.188});
    const Tensor scale = of_colours({0.458, 0.448, 0.450});
    const Tensor input = (image * (2 / settings_.range) - 1 - shift) / scale;
    return backbone_.features(input.unsqueeze(0), weights_);
  }

  /// Of length 1 over the channels.
  static Tensor normalized(const Tensor& features) {
    return features / (features.square().sum(1, /*keepdim=*/true).sqrt() + 1e-10);
  }

  Settings settings_;
  Backbone backbone_;
  NamedTensors weights_;
  NamedTensors heads_;
};

}  // namespace

PELLUCID_COMPONENT(Lpips, "Perceptual distance of each item from its reference: LPIPS");

}  // namespace pellucid
