// propagation: coherent light from one plane to a parallel one; a linear operator.
//
//   forward   y = F* H F x           x, y: (..., h, w), complex amplitudes
//             angular_spectrum   H(f) = exp(2 pi i z sqrt(1/lambda^2 - |f|^2))         [1, 3.10]
//                                H(f) = exp(-2 pi |z| sqrt(|f|^2 - 1/lambda^2)) of evanescent
//                                waves, |f| > 1/lambda
//             fresnel            H(f) = exp(2 pi i z / lambda - pi i lambda z |f|^2)    [1, 4.2]
//   adjoint   F* conj(H) F: propagates back by z; evanescent waves decay on that way, too
//
// Settings (keys in a pipeline file)
//   wavelength [um]   lambda, in the medium, > 0                                    required
//   distance [um]     z, negative: against the light                                required
//   pixel [um]        distance of samples along h and w, or one for both, > 0       required
//   method            angular_spectrum or fresnel             default angular_spectrum
//   padding           the field is surrounded by zeros until its sides are so many times as long,
//                     and cut out again afterwards, in [1, 4]; 1: it goes on periodically, light
//                     that leaves on one side comes in on the other                 default 1
//
// Errors
//   ConfigError  more than two entries in `pixel` (before anything runs)
//   ShapeError   x is not complex, or the last axes are not those of an image (while planning)
//
// Accuracy  exact for a periodic field. H is sampled well up to |z| = n pixel^2 / lambda, n the
//           side with its padding; beyond it wraps around, and larger padding or pixels help. With
//           padding 1 the norm is 1, energy is kept but for evanescent waves, and the normal
//           equations are solved in closed form.
// Cost      two Fourier transforms; memory: three fields with their padding.
//
// [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed., Roberts, 2005.

#include <cmath>
#include <mutex>
#include <numbers>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/plugin.h>

#include "complex_fields.h"
#include "each_item.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

enum class Propagator { angular_spectrum, fresnel };

std::vector<std::pair<std::string, Propagator>> enumerators(Propagator) {
  return {{"angular_spectrum", Propagator::angular_spectrum}, {"fresnel", Propagator::fresnel}};
}

/// Squares of the frequencies of a grid, in the order of a Fourier transform.
Tensor square_frequencies(std::int64_t n, double pixel) {
  return at::fft_fftfreq(n, pixel, at::kDouble).square();
}

class Propagation final : public LinearOperator {
 public:
  struct Settings {
    double wavelength = 0.5;    // um
    double distance = 0;        // um
    std::vector<double> pixel;  // um
    Propagator method = Propagator::angular_spectrum;
    double padding = 1;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"wavelength", &Settings::wavelength, "um", "in the medium", positive(), required()},
        {"distance", &Settings::distance, "um", "to the other plane", required()},
        {"pixel", &Settings::pixel, "um", "distance of samples", positive(), count(1, 2),
         required()},
        {"method", &Settings::method, "", "how waves travel"},
        {"padding", &Settings::padding, "", "how many times as long the sides are made",
         within(1, 4)},
    };
    return rows;
  }

  explicit Propagation(Settings settings) : settings_(std::move(settings)) {}

  Spec range(const Spec& x) const override {
    require_spatial(x, 2);
    require_complex(x);
    return x;
  }

  Tensor forward(const Tensor& x) const override { return filtered(x, Direction::forward); }
  Tensor adjoint(const Tensor& y) const override { return filtered(y, Direction::adjoint); }

  double norm(const Spec& x) const override { return is_padded() ? LinearOperator::norm(x) : 1; }

  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override {
    if (is_padded() || weight == 0) return LinearOperator::solve_normal(b, weight, how);
    const Tensor gain = transfer(last_sizes(b.sizes(), 2), b.scalar_type()).abs().square() + weight;
    const ComplexFft fft(last_sizes(b.sizes(), 2), b.scalar_type());
    return each_item(b.size(0), b.sizes().slice(1), b.options(),
                     [&](std::int64_t item) { return fft.inverse(fft.forward(b[item]) / gain); });
  }

  std::int64_t working_bytes(const Spec& x) const override {
    const double grid = settings_.padding * settings_.padding;
    return static_cast<std::int64_t>(std::ceil(4 * grid * double(x.item_bytes())));
  }

 private:
  enum class Direction { forward, adjoint };

  bool is_padded() const { return settings_.padding > 1; }

  Sizes grid_of(const Sizes& sizes) const {
    if (!is_padded()) return sizes;
    Sizes grid;
    for (const std::int64_t n : sizes)
      grid.push_back(
          fast_size(static_cast<std::int64_t>(std::ceil(settings_.padding * double(n)))));
    return grid;
  }

  Tensor filtered(const Tensor& x, Direction direction) const {
    const Sizes sizes = last_sizes(x.sizes(), 2), grid = grid_of(sizes);
    const ComplexFft fft(grid, x.scalar_type());
    Tensor gain = transfer(grid, x.scalar_type());
    if (direction == Direction::adjoint) gain = gain.conj();
    return each_item(x.size(0), x.sizes().slice(1), x.options(), [&](std::int64_t item) {
      const Tensor padded =
          at::constant_pad_nd(x[item], {0, grid[1] - sizes[1], 0, grid[0] - sizes[0]});
      const Tensor field = fft.inverse(fft.forward(padded) * gain);
      return field.narrow(-2, 0, sizes[0]).narrow(-1, 0, sizes[1]);
    });
  }

  /// H on a grid; kept, because iterations ask for the same one again and again.
  Tensor transfer(const Sizes& grid, at::ScalarType complex) const {
    const std::lock_guard guard(mutex_);
    if (!transfer_.defined() || transfer_.scalar_type() != complex ||
        transfer_.sizes() != at::IntArrayRef(grid))
      transfer_ = computed_transfer(grid).to(complex);
    return transfer_;
  }

  Tensor computed_transfer(const Sizes& grid) const {
    const Tensor square = square_frequencies(grid[0], settings_.pixel.front()).unsqueeze(1) +
                          square_frequencies(grid[1], settings_.pixel.back());
    const double wavelength = settings_.wavelength, z = settings_.distance;
    const double turns = 2 * std::numbers::pi * z;
    if (settings_.method == Propagator::fresnel) {
      const Tensor phase = turns * (1 / wavelength - 0.5 * wavelength * square);
      return at::polar(at::ones_like(phase), phase);
    }
    const Tensor along = 1 / (wavelength * wavelength) - square;
    const Tensor phase = turns * along.clamp_min(0).sqrt();
    const Tensor decay = at::exp(-std::abs(turns) * (-along).clamp_min(0).sqrt());
    return at::polar(decay, phase);
  }

  Settings settings_;
  mutable std::mutex mutex_;
  mutable Tensor transfer_;
};

}  // namespace

PELLUCID_COMPONENT(Propagation, "Coherent light from one plane to another");

}  // namespace pellucid
