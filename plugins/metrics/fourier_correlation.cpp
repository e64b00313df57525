// fourier_correlation: up to which frequency two images of the same thing agree: the Fourier ring
// correlation of images, or Fourier shell correlation of volumes, and the resolution read from it.
//
//   correlation(i) = Re sum X conj(R) / sqrt(sum |X|^2 sum |R|^2)                           [1]
//   X, R: the Fourier transforms of x and reference, (..., h, w) or (..., z, y, x), less their
//   means, times the window; the sums go over the ring i and over all leading axes of an item (the
//   channels). With sizes n_a and spacings d_a (1 px where they are unknown) ring i holds the
//   frequencies f with |f| L in [i - 1/2, i + 1/2), L = min n_a d_a, up to 1 / (2 max d_a).
//   The resolution is 1 / f where the correlation, linear between rings, first falls below
//     one_seventh   1/7, for a comparison of two halves of the data [2]
//     half_bit      (0.2071 + 1.9102 / sqrt(n)) / (1.2071 + 0.9102 / sqrt(n)), n the samples of
//                   the ring times the channels, as if these were independent: half a bit of
//                   information a sample in the whole of the data [3]
//     half          1/2
//   It is 1 / f of the last ring where the correlation stays above, and inf where it is below from
//   ring 1 on. Ring 0, the mean, does not count.
//
// Inputs
//   x           an image of it
//   reference   another: from other data with noise of its own, or the truth
// Outputs
//   curve        a row a ring: ring, frequency, correlation, samples
//   resolution   a row an item: one_seventh, half_bit, half
// Settings (keys in a pipeline file)
//   dimensions [1]   2: rings in the last two axes; 3: shells in the last three; in [2, 3]
//                                                                                     default 2
//   border [px]      left out on each side before anything is computed, >= 0          default 0
//   window           tukey: a cosine taper of the outer eighth at each side; hann; or none
//                                                                                     default tukey
//
// Errors
//   ShapeError   other axes, shape or unit than the reference; less than 4 samples along an axis
//                inside the border; spacings that are not positive (while planning)
//   Error        a whole ring of x or of the reference is 0
//
// Accuracy  double precision throughout. Without a window the edges of an image that is not periodic
//           make a cross of frequencies that agree whatever the noise.
// Cost      two complex Fourier transforms an item; memory: 8 times one item in complex128.
//
// [1] W. O. Saxton, W. Baumeister, J. Microscopy 127(2):127-138, 1982,
//     doi:10.1111/j.1365-2818.1982.tb00405.x.
// [2] P. B. Rosenthal, R. Henderson, J. Mol. Biol. 333(4):721-745, 2003,
//     doi:10.1016/j.jmb.2003.07.013, and for images R. P. J. Nieuwenhuizen et al., Nature Methods
//     10(6):557-562, 2013, doi:10.1038/nmeth.2448.
// [3] M. van Heel, M. Schatz, J. Struct. Biol. 151(3):250-262, 2005, doi:10.1016/j.jsb.2005.05.009.

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/plugin.h>

#include "pair.h"

namespace pellucid {
namespace {

enum class Window { tukey, hann, none };

std::vector<std::pair<std::string, Window>> enumerators(Window) {
  return {{"tukey", Window::tukey}, {"hann", Window::hann}, {"none", Window::none}};
}

/// n samples of a window, symmetric, 1 in the middle: the outer `taper` (0 to 1/2) of n on each side
/// rises as a cosine.
Tensor tapered(std::int64_t n, double taper) {
  if (taper == 0) return at::ones({n}, at::kDouble);
  const Tensor place = (at::arange(n, at::kDouble) + 0.5) / double(n);
  const Tensor from_edge = at::minimum(place, 1 - place) / taper;
  return 0.5 - 0.5 * at::cos(M_PI * from_edge.clamp_max(1));
}

/// Frequencies of the Fourier samples of n places at distance d: 0, 1, ..., -1 over n d.
Tensor frequencies(std::int64_t n, double d) {
  const Tensor index = at::arange(n, at::kDouble);
  return at::where(index * 2 < n, index, index - double(n)) / (double(n) * d);
}

/// Which ring each Fourier sample belongs to; `count` for what lies beyond the last.
struct Rings {
  std::int64_t count = 0;
  double width = 0;  // of a ring, a frequency
  Tensor index;      // (samples)
  Tensor samples;    // of each ring
};

Rings rings_of(at::IntArrayRef sizes, const std::vector<double>& spacing) {
  Rings rings;
  double length = std::numeric_limits<double>::infinity(), coarsest = 0;
  Tensor squared = at::zeros({1}, at::kDouble);
  for (std::size_t a = 0; a < sizes.size(); ++a) {
    length = std::min(length, double(sizes[a]) * spacing[a]);
    coarsest = std::max(coarsest, spacing[a]);
    squared = squared.unsqueeze(-1) + frequencies(sizes[a], spacing[a]).square();
  }
  rings.width = 1 / length;
  // The small share lets rounding take no ring away.
  rings.count = static_cast<std::int64_t>(length / (2 * coarsest) * (1 + 1e-12)) + 1;
  rings.index = (squared.flatten().sqrt() * length + 0.5)
                    .floor()
                    .clamp_max(double(rings.count))
                    .to(at::kLong);
  rings.samples = at::bincount(rings.index, {}, rings.count + 1).narrow(0, 0, rings.count);
  return rings;
}

/// 1 / frequency where the correlation falls below a threshold for each ring.
double resolution_of(const Tensor& correlation, const Tensor& threshold, double width) {
  const Tensor above = (correlation - threshold).contiguous();
  const double* gap = above.const_data_ptr<double>();
  const std::int64_t count = above.numel();
  for (std::int64_t i = 1; i < count; ++i) {
    if (gap[i] >= 0) continue;
    if (i == 1) return std::numeric_limits<double>::infinity();
    return 1 / (width * (double(i - 1) + gap[i - 1] / (gap[i - 1] - gap[i])));
  }
  return 1 / (width * double(count - 1));
}

class FourierCorrelation final : public Stage {
 public:
  struct Settings {
    std::int64_t dimensions = 2;
    std::int64_t border = 0;  // px
    Window window = Window::tukey;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"dimensions", &Settings::dimensions, "1", "2: rings of images, 3: shells of volumes",
         within(2, 3)},
        {"border", &Settings::border, "px", "left out on each side", at_least(0)},
        {"window", &Settings::window, "", "how images fade towards their edges"},
    };
    return rows;
  }

  static constexpr In<Tensor> x{"x", "an image"};
  static constexpr In<Tensor> reference{"reference", "another image of the same thing"};
  static constexpr Out<Table> curve{"curve", "frequency and correlation of each ring"};
  static constexpr Out<Table> resolution{"resolution",
                                         "where the correlation falls below 1/7, half a bit, 1/2"};
  static const Ports& ports() {
    static const Ports all{x, reference, curve, resolution};
    return all;
  }

  explicit FourierCorrelation(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec &first = in.spec(x), &second = in.spec(reference);
    require_floating(first);
    require_floating(second);
    require_pair(first, second, settings_.dimensions);
    require_room(first, settings_.dimensions, 4, settings_.border, "4 samples");
    for (const double d : spacing_of(first))
      if (!(d > 0) || !std::isfinite(d))
        throw ShapeError("the spacing of the axes must be positive, got " + std::to_string(d));
    const std::int64_t items = paired_items(first.items, second.items);
    out[curve] = {items, rings_of(sizes_of(first), spacing_of(first)).count,
                  curve_columns(length_unit(first))};
    out[resolution] = {items, 1, resolution_columns(length_unit(first))};
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Spec& spec = in.spec(x);
    const auto sizes = sizes_of(spec);
    const Rings rings = rings_of(sizes, spacing_of(spec));
    const ComplexFft fft(sizes, at::kComplexDouble);
    std::int64_t plane = 1;
    for (const std::int64_t n : last_sizes(spec.shape, axes())) plane *= n;
    const std::int64_t channels = spec.item_numel() / plane;
    const Tensor bits = (rings.samples * channels).to(at::kDouble).rsqrt();
    const Tensor half_bit = (0.2071 + 1.9102 * bits) / (1.2071 + 0.9102 * bits);

    Table curves(curve_columns(length_unit(spec)));
    Table resolutions(resolution_columns(length_unit(spec)));
    const std::int64_t items = paired_items(in[x].size(0), in[reference].size(0));
    for (std::int64_t i = 0; i < items; ++i) {
      context.stop_if_cancelled();
      const Tensor correlation = correlated(fft.forward(prepared(in[x], i)),
                                            fft.forward(prepared(in[reference], i)), rings);
      const auto at_level = [&](const Tensor& level) {
        return resolution_of(correlation, level, rings.width);
      };
      resolutions.add(in.item(i), {at_level(at::full_like(correlation, 1.0 / 7)),
                                   at_level(half_bit), at_level(at::full_like(correlation, 0.5))});
      for (std::int64_t ring = 0; ring < rings.count; ++ring)
        curves.add(in.item(i), {ring, double(ring) * rings.width, correlation[ring].item<double>(),
                                rings.samples[ring].item<std::int64_t>()});
    }
    out[curve] = std::move(curves);
    out[resolution] = std::move(resolutions);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return 8 * 16 * in.spec(x).item_numel();
  }

 private:
  static std::string length_unit(const Spec& spec) {
    return spec.spacing.empty() || spec.spacing_unit.empty() ? "px" : spec.spacing_unit;
  }

  static std::vector<Column> curve_columns(const std::string& length) {
    return {{"ring", Column::Type::integer, "1", 0, "number of the ring"},
            {"frequency", Column::Type::real, "1/" + length, 0, "of its middle"},
            {"correlation", Column::Type::real, "1", 0, "of both spectra in the ring"},
            {"samples", Column::Type::integer, "1", 0, "Fourier samples in the ring"}};
  }

  static std::vector<Column> resolution_columns(const std::string& length) {
    return {{"one_seventh", Column::Type::real, length, 0, "correlation below 1/7"},
            {"half_bit", Column::Type::real, length, 0, "correlation below half a bit"},
            {"half", Column::Type::real, length, 0, "correlation below 1/2"}};
  }

  std::size_t axes() const { return static_cast<std::size_t>(settings_.dimensions); }

  std::vector<std::int64_t> sizes_of(const Spec& spec) const {
    auto sizes = last_sizes(spec.shape, axes());
    for (std::int64_t& n : sizes) n -= 2 * settings_.border;
    return sizes;
  }

  std::vector<double> spacing_of(const Spec& spec) const {
    if (length_unit(spec) == "px") return std::vector<double>(axes(), 1.0);
    return {spec.spacing.end() - settings_.dimensions, spec.spacing.end()};
  }

  /// (planes, sizes...): complex, less its mean, times the window.
  Tensor prepared(const Tensor& images, std::int64_t item) const {
    Tensor image = inside(item_of(images, item), settings_.border, settings_.dimensions);
    std::vector<std::int64_t> shape{-1};
    for (const std::int64_t n : last_sizes(image.sizes(), axes())) shape.push_back(n);
    image = image.to(at::kComplexDouble).reshape(shape);
    image = image - image.mean(last_axes(axes()), /*keepdim=*/true);
    const double taper = settings_.window == Window::hann    ? 0.5
                         : settings_.window == Window::tukey ? 0.125
                                                             : 0;
    for (std::int64_t axis = -settings_.dimensions; axis < 0; ++axis) {
      std::vector<std::int64_t> along(axes(), 1);
      along[along.size() - static_cast<std::size_t>(-axis)] = image.size(axis);
      image.mul_(tapered(image.size(axis), taper).view(along));
    }
    return image;
  }

  static Tensor correlated(const Tensor& a, const Tensor& b, const Rings& rings) {
    const auto in_rings = [&rings](const Tensor& values) {
      const Tensor planes = values.sum(0).flatten();
      return at::bincount(rings.index, planes, rings.count + 1).narrow(0, 0, rings.count);
    };
    const Tensor of_a = in_rings(at::real(a * a.conj())), of_b = in_rings(at::real(b * b.conj()));
    Tensor correlation = in_rings(at::real(a * b.conj())) / (of_a * of_b).sqrt();
    correlation[0].fill_(1);
    if (!correlation.isfinite().all().item<bool>())
      throw Error(
          "a whole ring of a spectrum is 0, so that its correlation has no value; is one of the "
          "images constant, or padded by zeros of its spectrum?");
    return correlation;
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(FourierCorrelation,
                   "Fourier ring or shell correlation of two images, and their resolution");

}  // namespace pellucid
