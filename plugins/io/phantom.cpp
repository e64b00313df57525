// phantom: the head phantom of Shepp and Logan, for tomography and magnetic resonance.
//
//   image: (1, h, w), float32 in [0, 1], unit [1]; ten ellipses [1] with the contrasts of [2]
//
// Outputs
//   image   one item; the skull is 1, what lies around it 0
// Settings (keys in a pipeline file)
//   size [px]   height and width, or one for both, >= 1                          default 256
//
// Errors
//   ConfigError  more than two entries in `size` (before anything runs)
//
// Accuracy  each pixel is the mean over 4 by 4 samples.
// Cost      160 ellipses looked at a pixel.
//
// [1] L. A. Shepp, B. F. Logan, IEEE Trans. Nucl. Sci. 21:21-43, 1974,
//     doi:10.1109/TNS.1974.6499235.
// [2] P. Toft, The Radon transform: theory and implementation, Technical University of Denmark,
//     1996, table B.3.

#include <array>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

/// In units of half the image, y upwards.
struct Ellipse {
  double value;
  double half_width;
  double half_height;
  double x;
  double y;
  double turn;  // degrees against the clock
};

constexpr std::array<Ellipse, 10> kHead{{
    {1.0, 0.69, 0.92, 0, 0, 0},
    {-0.8, 0.6624, 0.874, 0, -0.0184, 0},
    {-0.2, 0.11, 0.31, 0.22, 0, -18},
    {-0.2, 0.16, 0.41, -0.22, 0, 18},
    {0.1, 0.21, 0.25, 0, 0.35, 0},
    {0.1, 0.046, 0.046, 0, 0.1, 0},
    {0.1, 0.046, 0.046, 0, -0.1, 0},
    {0.1, 0.046, 0.023, -0.08, -0.605, 0},
    {0.1, 0.023, 0.023, 0, -0.606, 0},
    {0.1, 0.023, 0.046, 0.06, -0.605, 0},
}};

constexpr std::int64_t kSamples = 4;  // a pixel along each axis

/// Positions from -1 to 1 across n pixels.
Tensor positions(std::int64_t n) {
  return (2 * at::arange(kSamples * n, at::kDouble) + 1) / double(kSamples * n) - 1;
}

class Phantom final : public Stage {
 public:
  struct Settings {
    std::vector<std::int64_t> size{256};  // px
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"size", &Settings::size, "px", "height and width, or one for both", at_least(1),
         count(1, 2)},
    };
    return rows;
  }

  static constexpr Out<Tensor> image{"image", "the phantom"};
  static const Ports& ports() {
    static const Ports all{image};
    return all;
  }

  explicit Phantom(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs&, Specs& out) const override {
    Spec spec;
    spec.axes = "chw";
    spec.shape = {1, settings_.size.front(), settings_.size.back()};
    spec.unit = "1";
    out[image] = spec;
  }

  void process(const Inputs&, Outputs& out, Context& context) const override {
    const std::int64_t h = settings_.size.front(), w = settings_.size.back();
    const Tensor x = positions(w), y = -positions(h);
    const Tensor picture = at::empty({h, w});
    for (std::int64_t row = 0; row < h; ++row) {
      context.stop_if_cancelled();
      const Tensor samples = head(x, y.narrow(0, kSamples * row, kSamples).unsqueeze(1));
      picture[row].copy_(samples.view({kSamples, w, kSamples}).mean({0, 2}));
    }
    out[image] = picture.view({1, 1, h, w});
  }

  std::int64_t working_bytes(const Inputs&) const override {
    return 8 * kSamples * (settings_.size.front() + (8 * kSamples + 1) * settings_.size.back());
  }

 private:
  static Tensor head(const Tensor& x, const Tensor& y) {
    Tensor sum = at::zeros({y.size(0), x.size(0)}, at::kDouble);
    for (const Ellipse& part : kHead) {
      const double turn = part.turn * std::numbers::pi / 180;
      const double cosine = std::cos(turn), sine = std::sin(turn);
      const Tensor right = x - part.x, up = y - part.y;
      const Tensor along = (cosine * right + sine * up) / part.half_width;
      const Tensor across = (cosine * up - sine * right) / part.half_height;
      sum.add_(along.square().add_(across.square()).le(1), part.value);
    }
    return sum.clamp_(0, 1);
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Phantom, "The head phantom of Shepp and Logan");

}  // namespace pellucid
