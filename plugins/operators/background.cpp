// background: takes away the brightness of a dark corner.
//
//   y = x - b, or max(0, x - b);   b: mean of x over a square in a corner, of each channel its own
//   x, y: (..., h, w), real, one unit
//
// Inputs
//   x   images with a corner that no light reaches
// Outputs
//   y   spec of x
// Settings (keys in a pipeline file)
//   corner      top_left, top_right, bottom_left or bottom_right            default top_left
//   size [px]   side of the square, >= 1                                    default 16
//   clip        what is darker than the background becomes 0                default false
//
// Errors
//   ShapeError   x is not real, or smaller than the square (while planning)
//
// Accuracy  noise about the background has mean 0 in y; clip keeps its positive half alone, which is a
//           pedestal again.
// Cost      memory: three times one item.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "each_item.h"

namespace pellucid {
namespace {

enum class Corner { top_left, top_right, bottom_left, bottom_right };

std::vector<std::pair<std::string, Corner>> enumerators(Corner) {
  return {{"top_left", Corner::top_left},
          {"top_right", Corner::top_right},
          {"bottom_left", Corner::bottom_left},
          {"bottom_right", Corner::bottom_right}};
}

class Background final : public Stage {
 public:
  struct Settings {
    Corner corner = Corner::top_left;
    std::int64_t size = 16;  // px
    bool clip = false;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"corner", &Settings::corner, "", "where it is dark"},
        {"size", &Settings::size, "px", "side of the square", at_least(1)},
        {"clip", &Settings::clip, "", "what is darker than the background becomes 0"},
    };
    return rows;
  }

  static constexpr In<Tensor> x{"x", "images with a dark corner"};
  static constexpr Out<Tensor> y{"y", "the same without background"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }

  explicit Background(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec& given = in.spec(x);
    require_real(given);
    require_spatial(given, 2);
    if (std::min(given.shape.end()[-1], given.shape.end()[-2]) < settings_.size)
      throw ShapeError("images must be at least " + std::to_string(settings_.size) +
                       " pixels high and wide, the 'size' of the corner, got " + given.text());
    out[y] = given;
  }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    const Tensor& images = in[x];
    out[y] = each_item(images.size(0), images.sizes().slice(1), images.options(), [&](auto item) {
      const Tensor dark = corner_of(images[item]).mean({-2, -1}, /*keepdim=*/true);
      const Tensor rest = images[item] - dark;
      return settings_.clip ? rest.clamp_min(0) : rest;
    });
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return 3 * in.spec(x).item_bytes();
  }

 private:
  Tensor corner_of(const Tensor& image) const {
    const bool below =
        settings_.corner == Corner::bottom_left || settings_.corner == Corner::bottom_right;
    const bool right =
        settings_.corner == Corner::top_right || settings_.corner == Corner::bottom_right;
    const std::int64_t n = settings_.size;
    return image.narrow(-2, below ? image.size(-2) - n : 0, n)
        .narrow(-1, right ? image.size(-1) - n : 0, n);
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Background, "Takes away the brightness of a dark corner");

}  // namespace pellucid
