// demosaicing: a sensor with one colour a pixel, in the order of Bayer.
//
//   forward   y[i, j] = x[c(i, j), i, j]     x: (3, h, w), red, green, blue; y: (1, h, w)
//             rggb: c is red at even i and j, blue at odd ones, green elsewhere; the others begin with
//             another corner of that square
//   adjoint   y in its colour's plane, 0 in the others
//   real or complex, one unit
//
// Settings (keys in a pipeline file)
//   pattern   colours of the first four pixels: rggb, bggr, grbg or gbrg         default rggb
//
// Errors
//   ShapeError   the last axes of x are not c of 3 colours and an image's, or y has more than one
//                (while planning)
//
// Accuracy  exact. Norm 1; the normal equations are solved by a division.
// Cost      one copy. Items are not cut into tiles, because colours belong to places of the whole.
//           Source: B. E. Bayer, "Color imaging array", US patent 3971065, 1976.

#include <array>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

enum class Pattern { rggb, bggr, grbg, gbrg };

std::vector<std::pair<std::string, Pattern>> enumerators(Pattern) {
  return {{"rggb", Pattern::rggb},
          {"bggr", Pattern::bggr},
          {"grbg", Pattern::grbg},
          {"gbrg", Pattern::gbrg}};
}

/// Colours of the pixels (0, 0), (0, 1), (1, 0) and (1, 1): 0 red, 1 green, 2 blue.
std::array<std::int64_t, 4> colours(Pattern pattern) {
  switch (pattern) {
    case Pattern::rggb:
      return {0, 1, 1, 2};
    case Pattern::bggr:
      return {2, 1, 1, 0};
    case Pattern::grbg:
      return {1, 0, 2, 1};
    case Pattern::gbrg:
      return {1, 2, 0, 1};
  }
  return {};
}

class Demosaicing final : public LinearOperator {
 public:
  struct Settings {
    Pattern pattern = Pattern::rggb;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"pattern", &Settings::pattern, "", "colours of the first four pixels"},
    };
    return rows;
  }

  explicit Demosaicing(Settings settings) : settings_(settings) {}

  Spec range(const Spec& x) const override { return with_channels(x, "x", 3, 1); }
  Spec domain(const Spec& y) const override { return with_channels(y, "y", 1, 3); }

  Tensor forward(const Tensor& x) const override {
    const Tensor y = at::empty(shape(x, 3, 1), x.options());
    each_corner([&](std::int64_t colour, std::int64_t i, std::int64_t j) {
      corner(y, 0, i, j).copy_(corner(x, colour, i, j));
    });
    return y;
  }

  Tensor adjoint(const Tensor& y) const override {
    const Tensor x = at::zeros(shape(y, 1, 3), y.options());
    each_corner([&](std::int64_t colour, std::int64_t i, std::int64_t j) {
      corner(x, colour, i, j).copy_(corner(y, 0, i, j));
    });
    return x;
  }

  double norm(const Spec& x) const override {
    range(x);
    return 1;
  }

  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override {
    if (weight == 0) return LinearOperator::solve_normal(b, weight, how);
    const Tensor seen = adjoint(forward(b));
    return (b - seen) / weight + seen / (1 + weight);
  }

 private:
  static Spec with_channels(Spec spec, const char* name, std::int64_t given, std::int64_t wanted) {
    require_floating(spec);
    require_spatial(spec, 2);
    const std::size_t axes = spec.axes.size();
    if (axes < 3 || spec.axes[axes - 3] != 'c' || spec.shape[axes - 3] != given)
      throw ShapeError(std::string("the axis before those of the image must be 'c' of length ") +
                       std::to_string(given) + " in " + name + ", got " + spec.text());
    spec.shape[axes - 3] = wanted;
    return spec;
  }

  static std::vector<std::int64_t> shape(const Tensor& from, std::int64_t given,
                                         std::int64_t wanted) {
    if (from.dim() < 3 || from.size(-3) != given)
      throw ShapeError("there must be " + std::to_string(given) + " channels, got " +
                       shape_text(from.sizes()));
    std::vector<std::int64_t> sizes = from.sizes().vec();
    sizes[sizes.size() - 3] = wanted;
    return sizes;
  }

  template <class Visit>
  void each_corner(Visit visit) const {
    const auto colour = colours(settings_.pattern);
    for (std::int64_t i = 0; i < 2; ++i)
      for (std::int64_t j = 0; j < 2; ++j) visit(colour[static_cast<std::size_t>(2 * i + j)], i, j);
  }

  /// Every second pixel of a plane, from (i, j) on.
  static Tensor corner(const Tensor& x, std::int64_t plane, std::int64_t i, std::int64_t j) {
    return x.select(-3, plane).slice(-2, i, std::nullopt, 2).slice(-1, j, std::nullopt, 2);
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Demosaicing, "A sensor with one colour a pixel, in the order of Bayer");

}  // namespace pellucid
