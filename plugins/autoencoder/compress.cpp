// compress: images as a compressive autoencoder would store them, and what that costs.
//
//   decoded   D(round(z)): z = E(x) rounded as the network's entropy coder needs it [1]
//   rate      -sum log2 P over the rounded latents, over the pixels of x: what an arithmetic coder
//             reaches but for a few bytes; nothing is coded
//
// Inputs
//   images   (..., c, h, w), c = 1 or 3, [0, 1], real, of any size: the network gets them continued by
//            their border to multiples of 64; a grey image is given to it thrice
// Outputs
//   decoded   as images; values beyond [0, 1] stay as they are
//   rates     a row an item: rate [bit/px]
// Settings (keys in a pipeline file)
//   weights     file with the keys of CompressAI: .h5, .safetensors, .pth or .pth.tar, of any of its
//               six architectures that stand here as priors, required
//   precision   of the convolutions: float32 for the dtype of the images, or bfloat16, which is slower
//               on a CPU without it; default float32
//
// Errors
//   ConfigError  the weights are of no such architecture; a key is missing, of another shape, or
//                unknown
//   ShapeError   images are not real, not "chw", have other channels or no pixels (while planning)
//   Error        a file is truncated, of no such format, or holds a number that is not finite
//
// Accuracy  a latent within rounding of a half may fall to either side on another machine.
// Cost      E, D and the density once an item. Memory: the weights in float32, and the widest layers.
//
// [1] J. Balle, D. Minnen, S. Singh, S. Hwang, N. Johnston, arXiv 1802.01436.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <pellucid/plugin.h>

#include "network.h"
#include "pictures.h"

namespace pellucid {
namespace {

class Compress final : public Stage {
 public:
  struct Settings {
    std::filesystem::path weights;
    Precision precision = Precision::float32;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"weights", &Settings::weights, "", "file of the network's weights", required()},
        {"precision", &Settings::precision, "", "of the convolutions"},
    };
    return rows;
  }

  static constexpr In<Tensor> images{"images", "what is stored"};
  static constexpr Out<Tensor> decoded{"decoded", "what comes back"};
  static constexpr Out<Table> rates{"rates", "what that costs, a row an item"};
  static const Ports& ports() {
    static const Ports all{images, decoded, rates};
    return all;
  }

  explicit Compress(Settings settings) : settings_(std::move(settings)) {}

  // A latent at a half may fall to either side.
  double tolerance() const override { return 1e-3; }

  void infer(const Inputs& in, Specs& out) const override {
    const Spec& spec = in.spec(images);
    require_axes(spec, "chw");
    require_real(spec);
    require_spatial(spec, 2);
    if (spec.size('c') != 1 && spec.size('c') != 3)
      throw ShapeError("'images' must have 1 or 3 channels, got " + spec.text());
    form_of(network_shapes(settings_.weights), settings_.weights);
    out[decoded] = spec;
    out[rates] = {spec.items, 1, columns()};
  }

  void prepare(const Inputs&, Context&) override {
    const at::NoGradGuard no_grad;
    const Form form = form_of(network_shapes(settings_.weights), settings_.weights);
    Parameters parameters(read_network(settings_.weights), at::kFloat);
    network_ = make_network(form.architecture, parameters, form.widths, settings_.precision);
    parameters.require_all_taken();
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const at::NoGradGuard no_grad;
    const Tensor x = in[images];
    const std::int64_t channels = x.size(-3), height = x.size(-2), width = x.size(-1);
    const Tensor results = at::empty(x.sizes(), x.options());
    Table table(columns());
    for (std::int64_t item = 0; item < x.size(0); ++item) {
      context.stop_if_cancelled();
      const Tensor own = x[item].reshape({-1, channels, height, width});
      const Network::Values values = network_->rounded(network_->encode(as_pictures(own)));
      double bits = 0;
      for (const Tensor& likelihood : network_->likelihoods(values.latents, values.counted))
        bits -= at::log2(likelihood).sum(at::kDouble).item<double>();
      results[item].copy_(as_images(network_->decode(values.latents[0]), {height, width}, channels)
                              .reshape(results[item].sizes()));
      table.add(in.item(item), {bits / double(own.size(0) * height * width)});
    }
    out[decoded] = results;
    out[rates] = std::move(table);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& spec = in.spec(images);
    const Form form = form_of(network_shapes(settings_.weights), settings_.weights);
    // The widest layers stand at half the size, N channels each: what goes in and comes out, squares
    // and what they are summed to, or four times the channels before a sub-pixel shuffle.
    const std::int64_t pixels = padded(spec.size('h')) * padded(spec.size('w'));
    const std::int64_t images_an_item =
        spec.item_numel() / (spec.size('c') * spec.size('h') * spec.size('w'));
    const std::int64_t wide = is_residual(form.architecture) ? 8 : 5;
    return images_an_item * pixels * (wide * form.widths.n / 4 + 12) *
               static_cast<std::int64_t>(c10::elementSize(spec.dtype)) +
           spec.item_bytes();
  }

 private:
  static std::vector<Column> columns() {
    return {{"rate", Column::Type::real, "bit/px", 0, "of rounded latents"}};
  }

  Settings settings_;
  std::unique_ptr<Network> network_;
};

}  // namespace

PELLUCID_COMPONENT(Compress, "Images as an autoencoder would store them, and their rate");

}  // namespace pellucid
