// wiener: deconvolution by the filter that is best on average for a stationary signal and white
// noise.
//
//   X = conj(H) Y / (|H|^2 + N / S)      on the FFT grid of M samples, Y of y without its mean
//   N = M noise^2                        power of the noise at each frequency
//   S = c (|f|^2 + M^(-2/d))^(-p/2)      power of the signal, f in cycles per sample, d axes
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//
//   c makes the sums of S |H|^2 + N and of |Y|^2 over the grid agree, for each item and channel
//   (and each z where two axes of a volume are convolved).
//   Where the noise alone would exceed |Y|^2, c is such that S |H|^2 sums to a thousandth of |Y|^2.
//   The mean of each item and channel is removed before and put back, divided by the kernel's sum.
//   For a circular blur the grid is that of y. For a reflecting one y is extended by reflection, by
//   at least half the kernel's size on each side (rounded down) and to a size that transforms fast,
//   and x is cut out.
//
// Inputs
//   y   blurred and noisy images
//   A   the blur; its boundary must be circular or reflect
// Outputs
//   x   estimate, spec of y
// Settings (keys in a pipeline file)
//   noise    standard deviation of the noise, unit of y, >= 0                 required
//   signal   power_law: exponent p [1], in [0, 10], default 2.5; flat: p = 0    default power_law
//
// Errors
//   ShapeError    y is not real, or does not have the axes that A convolves (while planning)
//   ConfigError   the boundary of A is neither circular nor reflect (while planning)
//
// Accuracy  N / S is at least the rounding error of the dtype, which bounds the gain where neither
//           noise nor H keeps it small.
// Cost      two real FFTs an item and channel, and one of the kernel a block; one item at a time.
//           Source: N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time
//           Series", MIT Press, 1949; power law of natural images: D. J. Field, J. Opt. Soc. Am. A
//           4(12):2379-2394, 1987, doi:10.1364/JOSAA.4.002379.

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/border.h>
#include <pellucid/numerics/fft.h>
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

struct PowerLaw {
  static constexpr const char* name = "power_law";
  static constexpr const char* summary = "falls with a power of the frequency, as in photographs";
  double exponent = 2.5;
  static const Schema<PowerLaw>& schema() {
    static const Schema<PowerLaw> rows{
        {"exponent", &PowerLaw::exponent, "1", "p; photographs have about 2", within(0.0, 10.0)},
    };
    return rows;
  }
  double power() const { return exponent; }
};

struct Flat {
  static constexpr const char* name = "flat";
  static constexpr const char* summary = "the same at all frequencies";
  double power() const { return 0; }
};

/// |f|^2 in squared cycles per sample, on the half spectrum of a grid.
Tensor squared_frequency(const Sizes& grid, const at::TensorOptions& options) {
  Tensor sum = at::zeros({}, options);
  for (std::size_t a = 0; a < grid.size(); ++a) {
    const bool half = a + 1 == grid.size();
    const Tensor f =
        half ? at::fft_rfftfreq(grid[a], 1.0, options) : at::fft_fftfreq(grid[a], 1.0, options);
    sum = sum.unsqueeze(-1) + f.square();
  }
  return sum;
}

/// Sum over the whole grid of a real, even function on the half spectrum; over the last `axes`.
Tensor sum_over_grid(const Tensor& half, const Sizes& grid) {
  const std::int64_t twice = (grid.back() - 1) / 2;  // columns that stand for two
  const Sizes axes = last_axes(grid.size());
  return half.sum(axes, false, at::kDouble) +
         half.narrow(-1, 1, twice).sum(axes, false, at::kDouble);
}

class Wiener final : public Stage {
 public:
  struct Settings {
    double noise = 0;  // unit of y
    std::variant<PowerLaw, Flat> signal;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"noise", &Settings::noise, "", "standard deviation of the noise, unit of y", at_least(0.0),
         required()},
        {"signal", &Settings::signal, "", "power spectrum of the signal"},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "blurred and noisy images"};
  static constexpr In<ConvolutionOperator> A{"A", "the blur"};
  static constexpr Out<Tensor> x{"x", "estimate, unit of y"};
  static const Ports& ports() {
    static const Ports all{y, A, x};
    return all;
  }

  explicit Wiener(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    require_real(in.spec(y));
    require_boundary(in[A], {Boundary::circular, Boundary::reflect});
    out[x] = in[A].domain(in.spec(y));
  }

  void prepare(const Inputs& in, Context&) override {
    if (in.find(y.name) && in.find(A.name)) RealFft(grid(in), in.spec(y).dtype);  // plans it
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Tensor& images = in[y];
    const Sizes grid = this->grid(in), inside = last_sizes(images.sizes(), grid.size());
    const auto axes = static_cast<std::int64_t>(grid.size());
    Sizes before, after;
    for (std::size_t a = 0; a < grid.size(); ++a) {
      before.push_back((grid[a] - inside[a]) / 2);
      after.push_back(grid[a] - inside[a] - before[a]);
    }
    const RealFft fft(grid, images.scalar_type());
    const Tensor transfer = in[A].transfer(grid, images.scalar_type()).to(images.device());
    const Tensor whiteness = whiteness_of(grid, images.options());
    const Tensor estimate = at::empty(images.sizes(), images.options());

    for (std::int64_t item = 0; item < images.size(0); ++item) {
      context.stop_if_cancelled();
      const Tensor blur = transfer[transfer.size(0) == 1 ? 0 : item];
      Tensor part = images[item];
      if (part.dim() == axes) part = part.unsqueeze(0);
      const Tensor mean = part.mean(last_axes(grid.size()), /*keepdim=*/true);
      Tensor grown = extended(part - mean, before, after, in[A].boundary());
      const Tensor power = grown.square().sum(last_axes(grid.size()), false, at::kDouble);
      Tensor spectrum = fft.forward(grown);
      grown.reset();
      spectrum.mul_(blur.conj()).div_(denominator(blur, whiteness, power, grid));
      Tensor restored = fft.inverse_destroying(std::move(spectrum));
      for (std::int64_t a = 0; a < axes; ++a)
        restored = restored.narrow(a - axes, before[a], inside[a]);
      estimate[item].copy_((restored + mean / kernel_sum(blur, axes)).view_as(images[item]));
    }
    out[x] = estimate;
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& spec = in.spec(y);
    Sizes grid = this->grid(in);
    const std::int64_t channels =
        spec.item_numel() / c10::multiply_integers(last_sizes(spec.shape, grid.size()));
    grid.back() += 2;
    const std::int64_t element = spec.dtype == at::kDouble ? 8 : 4;
    const Spec kernel = in[A].kernel_spec();
    const std::int64_t kernels = std::min(kernel.items, spec.items) * kernel.shape.front();
    // Extended image, spectrum and a temporary; transfer functions and what is made of one of them.
    return (3 * channels + kernels + 4) * c10::multiply_integers(grid) * element;
  }

 private:
  Sizes grid(const Inputs& in) const {
    const Sizes kernel = in[A].kernel_size();
    Sizes sizes = last_sizes(in.spec(y).shape, kernel.size());
    if (in[A].boundary() == Boundary::circular) return sizes;
    for (std::size_t a = 0; a < sizes.size(); ++a)
      sizes[a] = fast_size(sizes[a] + kernel[a], Parity::even);
    return sizes;
  }

  /// c / S: how little of the signal's power is at each frequency.
  Tensor whiteness_of(const Sizes& grid, const at::TensorOptions& options) const {
    const double power =
        std::visit([](const auto& kind) { return kind.power(); }, settings_.signal);
    const double lowest =
        std::pow(double(c10::multiply_integers(grid)), -2.0 / double(grid.size()));
    return squared_frequency(grid, options).add_(lowest).pow_(power / 2);
  }

  /// |H|^2 + N / S for each image of an item, which `power` has the sum of squares of, extended.
  Tensor denominator(const Tensor& blur, const Tensor& whiteness, const Tensor& power,
                     const Sizes& grid) const {
    const double samples = double(c10::multiply_integers(grid));
    const double noise = samples * settings_.noise * settings_.noise;
    const Tensor response = blur.abs().square();
    const Tensor passed = sum_over_grid(response / whiteness, grid);
    const Tensor measured = power * samples;  // sum of |Y|^2, by Parseval
    const Tensor c = at::maximum(measured - samples * noise, 1e-3 * measured) / passed;
    Tensor ratio = (noise / c).nan_to_num_(0, std::numeric_limits<float>::max());
    for (std::size_t a = 0; a < grid.size(); ++a) ratio = ratio.unsqueeze(-1);
    const double rounding = whiteness.scalar_type() == at::kDouble
                                ? std::numeric_limits<double>::epsilon()
                                : std::numeric_limits<float>::epsilon();
    return (ratio.to(whiteness.scalar_type()) * whiteness).clamp_min_(rounding).add_(response);
  }

  /// The response to a constant, for each channel; 1 where the blur has none.
  static Tensor kernel_sum(const Tensor& blur, std::int64_t axes) {
    Tensor sum = at::real(blur);
    for (std::int64_t a = 0; a < axes; ++a) sum = sum.narrow(a - axes, 0, 1);
    return sum.masked_fill(sum.abs() < 1e-6, 1.0);
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Wiener, "Deconvolution by the Wiener filter");

}  // namespace pellucid
