// coil_maps: how each coil sees the object, estimated from the middle of k-space.
//
//   R(r) = mean over a patch around r of m m^H,   m: the images of all coils at low resolution
//   s(r) = eigenvector of R(r) of the largest eigenvalue, of length 1
//          turned so that its product with the one eigenvector of all the image is positive [1, 2]
//
// Inputs
//   y   k-space of all coils, axes "chw", complex, frequency 0 at index n / 2 rounded down; what
//       was not measured is 0 in all coils
// Outputs
//   coils   the sensitivities, spec of y, unit [1]
//   mask    1 where y was measured and 0 elsewhere: (1, h, w), real
// Settings (keys in a pipeline file)
//   centre [px]   side of the square in the middle of k-space that is used, >= 4; by default the
//                 largest that was measured, but at most 32
//   patch [px]    side of the square that R is averaged over, odd, >= 1          default 5
//   threshold     where the object is darker than this part of its brightest place, sensitivities
//                 are 0, in [0, 1]                                               default 0
//
// Errors
//   ConfigError  an even patch (before anything runs)
//   ShapeError   y is not complex, has other axes or less than 4 samples along one (while planning)
//   Error        the middle of k-space was not measured, or holds what is not finite
//
// Accuracy  a window tapers the middle of k-space, so that its cut leaves no ripples; sensitivities
//           have the resolution of about n / centre pixels. Where there is no object they are
//           those of the noise, unless a threshold removes them.
// Cost      an eigenvalue problem of the size of the coils in each pixel; memory: three times
//           coils^2 complex numbers in each of 2^14 pixels, once in all, and five times the coil images.
//
// [1] D. O. Walsh, A. F. Gmitro, M. W. Marcellin, Magn. Reson. Med. 43:682-690, 2000,
//     doi:10.1002/(SICI)1522-2594(200005)43:5<682::AID-MRM10>3.0.CO;2-G.
// [2] M. Buehrer, P. Boesiger, S. Kozerke, Proc. ISMRM 17:760, 2009, for the turn.

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "centred_fft.h"
#include "complex_fields.h"
#include "each_item.h"

namespace pellucid {
namespace {

constexpr std::int64_t kLeast = 4;         // samples that can tell anything
constexpr std::int64_t kEnough = 32;       // sensitivities are smoother than this resolves
constexpr std::int64_t kPixels = 1 << 14;  // solved at once

/// The n samples around the middle of each of the last two axes.
Tensor middle_of(const Tensor& x, std::int64_t n) {
  return x.narrow(-2, x.size(-2) / 2 - n / 2, n).narrow(-1, x.size(-1) / 2 - n / 2, n);
}

/// Falls from 1 in the middle to near 0 at the ends.
Tensor taper(std::int64_t n, const at::TensorOptions& options) {
  const Tensor offset = at::arange(n, options) - double(n / 2);
  return at::cos(offset * (std::numbers::pi / double(n + 2))).square();
}

/// The eigenvectors of the largest eigenvalues: (n, k, k) -> (n, k).
Tensor principal(const Tensor& hermitian) {
  std::vector<Tensor> some;
  for (const Tensor& part : hermitian.split(kPixels))
    some.push_back(std::get<1>(at::linalg_eigh(part)).select(-1, -1));
  return at::cat(some);
}

class CoilMaps final : public Stage {
 public:
  struct Settings {
    std::optional<std::int64_t> centre;  // px
    std::int64_t patch = 5;              // px
    double threshold = 0;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"centre", &Settings::centre, "px", "side of the square of k-space that is used",
         at_least(kLeast)},
        {"patch", &Settings::patch, "px", "side of the square that is averaged over", at_least(1)},
        {"threshold", &Settings::threshold, "", "brightness below which sensitivities are 0",
         within(0, 1)},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "k-space of all coils"};
  static constexpr Out<Tensor> coils{"coils", "the sensitivities"};
  static constexpr Out<Tensor> mask{"mask", "1 where k-space was measured, 0 elsewhere"};
  static const Ports& ports() {
    static const Ports all{y, coils, mask};
    return all;
  }

  explicit CoilMaps(Settings settings) : settings_(settings) {
    if (settings_.patch % 2 == 0)
      throw ConfigError("'patch' must be odd, got " + std::to_string(settings_.patch));
  }

  void infer(const Inputs& in, Specs& out) const override {
    const Spec& given = in.spec(y);
    require_complex(given);
    if (given.axes != "chw")
      throw ShapeError("k-space must have the axes 'chw', got " + given.text());
    const std::int64_t side = std::min(given.shape[1], given.shape[2]);
    if (side < std::max(kLeast, settings_.centre.value_or(kLeast)))
      throw ShapeError("k-space must be at least " +
                       std::to_string(std::max(kLeast, settings_.centre.value_or(kLeast))) +
                       " samples high and wide, got " + given.text());
    Spec maps = given;
    maps.unit = "1";
    maps.spacing.clear();
    maps.spacing_unit.clear();
    out[coils] = maps;
    maps.dtype = c10::toRealValueType(given.dtype);
    maps.shape[0] = 1;
    out[mask] = maps;
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Tensor& spectra = in[y];
    const at::IntArrayRef shape = spectra.sizes().slice(1);
    const Tensor measured = (spectra != 0).any(1, /*keepdim=*/true);
    out[mask] = measured.to(c10::toRealValueType(spectra.scalar_type()));
    out[coils] = each_item(spectra.size(0), shape, spectra.options(), [&](std::int64_t item) {
      context.stop_if_cancelled();
      return estimated(spectra[item], side_of(measured[item][0]));
    });
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& given = in.spec(y);
    const std::int64_t number = given.item_bytes() / std::max<std::int64_t>(1, given.item_numel());
    const std::int64_t pixels = given.shape[1] * given.shape[2], count = given.shape[0];
    // Coil images, their spectra and sensitivities; planes of one entry of R; covariances, and the
    // eigenvectors of a part of the pixels.
    const std::int64_t covariances = count * count * (pixels + 3 * std::min(pixels, kPixels));
    return 5 * given.item_bytes() + number * (4 * pixels + covariances);
  }

 private:
  /// Side of the square in the middle of k-space to use.
  std::int64_t side_of(const Tensor& measured) const {
    const std::int64_t most =
        settings_.centre.value_or(std::min({measured.size(0), measured.size(1), kEnough}));
    std::int64_t side = most;
    while (side > 0 && !middle_of(measured, side).all().item<bool>()) --side;
    if (side < (settings_.centre ? most : kLeast))
      throw Error("the middle " + std::to_string(settings_.centre ? most : kLeast) + "x" +
                  std::to_string(settings_.centre ? most : kLeast) +
                  " samples of k-space must all be measured, but only " + std::to_string(side) +
                  "x" + std::to_string(side) + " are; " +
                  (settings_.centre ? "make 'centre' smaller" : "give sensitivities as a tensor"));
    return side;
  }

  /// (coils, h, w) from k-space, of which the middle is used.
  Tensor estimated(const Tensor& spectra, std::int64_t side) const {
    if (!at::isfinite(at::view_as_real(middle_of(spectra, side))).all().item<bool>())
      throw Error("the middle of k-space must be finite, got infinite samples or no numbers");
    const auto real = at::TensorOptions(c10::toRealValueType(spectra.scalar_type()));
    const Tensor weight = taper(side, real);
    const Tensor low = at::zeros_like(spectra);
    middle_of(low, side).copy_(middle_of(spectra, side) * weight * weight.unsqueeze(1));
    const CentredFft fft(last_sizes(spectra.sizes(), 2), spectra.scalar_type());
    const Tensor images = fft.inverse(low);

    const Tensor covariance = averaged(images);
    const std::int64_t count = images.size(0);
    const Tensor maps = principal(covariance);
    const Tensor whole = principal(covariance.mean(0, /*keepdim=*/true));
    const Tensor product = (maps * whole.conj()).sum(1, /*keepdim=*/true);
    const Tensor turned = maps * at::where(product == 0, 1, product.sgn().conj());
    return seen(turned.transpose(0, 1).reshape({count, images.size(1), images.size(2)}), images);
  }

  /// R of each pixel: (h w, coils, coils).
  Tensor averaged(const Tensor& images) const {
    const std::int64_t count = images.size(0), half = (settings_.patch - 1) / 2;
    const Tensor all = at::empty({images.size(1) * images.size(2), count, count}, images.options());
    for (std::int64_t a = 0; a < count; ++a)
      for (std::int64_t b = 0; b <= a; ++b) {
        const Tensor product = at::view_as_real(images[a] * images[b].conj()).permute({2, 0, 1});
        const Tensor mean = window_mean(product, half);
        const Tensor entry = at::view_as_complex(mean.permute({1, 2, 0}).contiguous()).flatten();
        all.select(1, a).select(1, b).copy_(entry);
        all.select(1, b).select(1, a).copy_(entry.conj());
      }
    return all;
  }

  /// Over the part of a window that lies inside.
  static Tensor window_mean(const Tensor& planes, std::int64_t half) {
    return at::avg_pool2d(planes.unsqueeze(0), {2 * half + 1, 2 * half + 1}, {1, 1}, {half, half},
                          /*ceil_mode=*/false, /*count_include_pad=*/false)[0];
  }

  Tensor seen(const Tensor& maps, const Tensor& images) const {
    if (settings_.threshold == 0) return maps;
    const Tensor brightness = images.abs().square().sum(0).sqrt();
    return at::where(brightness >= settings_.threshold * brightness.max(), maps, 0);
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(CoilMaps, "Sensitivities of coils from the middle of k-space");

}  // namespace pellucid
