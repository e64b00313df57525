// coil_ring: simulated sensitivities of coils on a ring around the object.
//
//   s_c(z) = 1 / (radius - z exp(-2 pi i c / coils)), divided by the root of sum_c |s_c|^2
//   z = x + i y, x and y from -1 to 1 across the image       coils: (coils, h, w), complex64
//
// Outputs
//   coils   one item: magnitudes fall with the distance to a coil, phases turn around it
// Settings (keys in a pipeline file)
//   size [px]    height and width, or one for both, >= 1                         required
//   coils [1]    how many, >= 1                                                  default 8
//   radius [1]   of the ring, in half images, >= 1.5                             default 1.5
//
// Errors
//   ConfigError  more than two entries in `size` (before anything runs)
//
// Accuracy  the field of a line dipole in two dimensions: smooth as measured ones are, but no model
//           of a coil. The squares of the magnitudes sum to 1 in each pixel.
// Cost      memory: four times the result.

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

/// From -1 to 1 at the outer edges of the first and last pixel.
Tensor across(std::int64_t n) { return (2 * at::arange(n, at::kDouble) + 1) / double(n) - 1; }

class CoilRing final : public Stage {
 public:
  struct Settings {
    std::vector<std::int64_t> size;  // px
    std::int64_t coils = 8;
    double radius = 1.5;  // half images
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"size", &Settings::size, "px", "height and width, or one for both", at_least(1),
         count(1, 2), required()},
        {"coils", &Settings::coils, "1", "how many", at_least(1)},
        {"radius", &Settings::radius, "1", "of the ring, in half images", at_least(1.5)},
    };
    return rows;
  }

  static constexpr Out<Tensor> coils{"coils", "the sensitivities"};
  static const Ports& ports() {
    static const Ports all{coils};
    return all;
  }

  explicit CoilRing(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs&, Specs& out) const override {
    Spec spec;
    spec.dtype = at::kComplexFloat;
    spec.axes = "chw";
    spec.shape = {settings_.coils, settings_.size.front(), settings_.size.back()};
    spec.unit = "1";
    out[coils] = spec;
  }

  void process(const Inputs&, Outputs& out, Context&) const override {
    const auto [y, x] = std::pair{across(settings_.size.front()), across(settings_.size.back())};
    const Tensor z = at::complex(x.expand({y.size(0), -1}), y.unsqueeze(1).expand({-1, x.size(0)}));
    std::vector<Tensor> fields;
    for (std::int64_t c = 0; c < settings_.coils; ++c) {
      const double angle = -2 * std::numbers::pi * double(c) / double(settings_.coils);
      const c10::complex<double> towards(std::cos(angle), std::sin(angle));
      fields.push_back(at::reciprocal(settings_.radius - z * towards));
    }
    const Tensor all = at::stack(fields);
    const Tensor power = all.abs().square().sum(0);
    out[coils] = (all / power.sqrt()).to(at::kComplexFloat).unsqueeze(0);
  }

  std::int64_t working_bytes(const Inputs&) const override {
    return 4 * 16 * settings_.coils * settings_.size.front() * settings_.size.back();
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(CoilRing, "Simulated sensitivities of coils around an object");

}  // namespace pellucid
