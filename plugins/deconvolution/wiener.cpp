// wiener: deconvolution by the filter that is best on average for a stationary signal and white
// noise.
//
//   X = conj(H) Y / (|H|^2 + N / S)      on the FFT grid of M samples, Y of y without its mean
//   N = M noise^2 noise_power            power of the noise at each frequency
//   S = M signal_power, or without it    power of the signal
//   S = c (|f|^2 + M^(-2/d))^(-p/2)      f in cycles per sample, d axes
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
//   noise_power    optional: spectrum of the noise, in units of noise^2; 1, white, without it
//   signal_power   optional: spectrum of the signal, unit of y squared, instead of `signal`
//                  Spectra have a value >= 0 for each frequency of y, 0 first, as a Fourier
//                  transform orders them, the same at f and -f; their mean is the variance. One
//                  item, or one for each of y; axes as A convolves, with a channel in front for all
//                  or one for each. A is circular then.
// Outputs
//   x   estimate, spec of y
// Settings (keys in a pipeline file)
//   noise    standard deviation of the noise, unit of y, >= 0                 required
//   signal   power_law: exponent p [1], in [0, 10], default 2.5; flat: p = 0    default power_law
//
// Errors
//   ShapeError    y is not real, or does not have the axes that A convolves; the kernel of a
//                 circular A is larger than y; a spectrum does not have the sizes of y (while
//                 planning)
//   ConfigError   the boundary of A is neither circular nor reflect, or is not circular where a
//                 spectrum is given (while planning)
//   Error         y or a kernel is not finite, a kernel is 0 everywhere, a spectrum has a negative
//                 value
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

#include <pellucid/plugin.h>

#include "frame.h"

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
  static constexpr In<Tensor> noise_power{"noise_power", "spectrum of the noise, in noise^2",
                                          optional};
  static constexpr In<Tensor> signal_power{"signal_power", "spectrum of the signal", optional};
  static constexpr Out<Tensor> x{"x", "estimate, unit of y"};
  static const Ports& ports() {
    static const Ports all{y, A, noise_power, signal_power, x};
    return all;
  }

  explicit Wiener(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Frame frame(in[A], in.spec(y));
    for (const In<Tensor>& power : {noise_power, signal_power})
      if (in.has(power)) require_spectrum(power.name, in.spec(power), in[A], in.spec(y));
    out[x] = in.spec(y);
  }

  void prepare(const Inputs& in, Context&) override {
    if (!in.find(y.name) || !in.find(A.name)) return;
    const Frame frame(in[A], in.spec(y));
    frame.plan(in.spec(y).dtype);
    transfer_ = lasting_transfer(in[A], frame, in.spec(y).dtype);
    whiteness_ = whiteness_of(frame, in.spec(y).dtype);
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Frame frame(in[A], in.spec(y));
    const Tensor whiteness =
        (whiteness_.defined() ? whiteness_ : whiteness_of(frame, in.spec(y).dtype))
            .to(in[y].device());
    const Tensor one = at::ones({}, whiteness.options());
    const double rounding = in.spec(y).dtype == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                            : std::numeric_limits<float>::epsilon();
    out[x] = each_item(
        in[y], in[A], frame, transfer_, in, context,
        [&](const Tensor& images, const Tensor& transfer, std::int64_t row) {
          const Tensor mean = images.mean(last_axes(frame.grid().size()), /*keepdim=*/true);
          Tensor spectrum = frame.spectrum(images - mean);
          const Tensor noise = in.has(noise_power) ? power_of(in, noise_power, row, frame) : one;
          if (in.has(signal_power)) {
            const Tensor ratio = noise / power_of(in, signal_power, row, frame);
            divide(spectrum, transfer, ratio * (settings_.noise * settings_.noise), {}, rounding);
          } else {
            const Tensor level = noise_to_signal(spectrum, transfer, noise, whiteness, frame);
            divide(spectrum, transfer, in.has(noise_power) ? whiteness * noise : whiteness, level,
                   rounding);
          }
          return frame.images(std::move(spectrum)) + mean / kernel_sum(transfer, frame.axes());
        });
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    // Extended image, spectrum and N / S, each with a temporary.
    return frame_bytes(in[A], in.spec(y), 4);
  }

 private:
  static void require_spectrum(const std::string& name, const Spec& power,
                               const ConvolutionOperator& blur, const Spec& images) {
    require_boundary(blur, Boundary::circular);
    require_real(power);
    const std::size_t axes = blur.kernel_size().size();
    const std::size_t leading = images.shape.size() - axes;
    Sizes one = last_sizes(images.shape, axes), channels = one;
    one.insert(one.begin(), 1);
    channels.insert(channels.begin(), leading == 0 ? 1 : images.shape[leading - 1]);
    Sizes given = power.shape;
    if (given.size() == axes) given.insert(given.begin(), 1);
    if (given != one && given != channels)
      throw ShapeError("'" + name + "' must have a value for each frequency of 'y', " +
                       shape_text(last_sizes(images.shape, axes)) +
                       ", for all channels alike or for each, got " + power.text());
    if (power.items != 1 && power.items != images.items)
      throw ShapeError("'" + name + "' must have one item or as many as 'y', got " +
                       std::to_string(power.items) + " and " + std::to_string(images.items));
  }

  /// Half of the spectrum of one item, (channels or 1, half spectrum...) or without channels.
  static Tensor power_of(const Inputs& in, const In<Tensor>& port, std::int64_t row,
                         const Frame& frame) {
    const Tensor& all = in[port];
    const Tensor half = all[all.size(0) == 1 ? 0 : row].narrow(-1, 0, frame.grid().back() / 2 + 1);
    if (!((half >= 0) & half.isfinite()).all().item<bool>())
      throw Error(std::string("'") + port.name +
                  "' must be finite and not negative, found another value in item " +
                  std::to_string(in.item(row)));
    return half.to(in[y].scalar_type());
  }

  /// c / S: how little of the signal's power is at each frequency.
  Tensor whiteness_of(const Frame& frame, at::ScalarType real) const {
    const double power =
        std::visit([](const auto& kind) { return kind.power(); }, settings_.signal);
    const double lowest = std::pow(double(frame.samples()), -2.0 / double(frame.axes()));
    return squared_frequency(frame.grid(), real).add_(lowest).pow_(power / 2);
  }

  /// noise^2 M / c, for each image of an item that has a spectrum.
  Tensor noise_to_signal(const Tensor& spectrum, const Tensor& transfer, const Tensor& noise,
                         const Tensor& whiteness, const Frame& frame) const {
    const double samples = double(frame.samples());
    const double variance = settings_.noise * settings_.noise;
    const Tensor passed = sum_over_grid(squared(transfer) / whiteness, frame.grid());
    const Tensor measured = sum_over_grid(squared(spectrum), frame.grid());
    const Tensor disturbed =
        samples * variance *
        (noise.dim() == 0 ? samples * noise
                          : sum_over_grid(noise + at::zeros_like(whiteness), frame.grid()));
    const Tensor c = at::maximum(measured - disturbed, 1e-3 * measured) / passed;
    return (samples * variance / c).contiguous();
  }

  /// The response to a constant, for each channel; 1 where the blur has none.
  static Tensor kernel_sum(const Tensor& transfer, std::int64_t axes) {
    Tensor sum = at::real(transfer);
    for (std::int64_t a = 0; a < axes; ++a) sum = sum.narrow(a - axes, 0, 1);
    return sum.masked_fill(sum.abs() < 1e-6, 1.0);
  }

  Settings settings_;
  Tensor transfer_;   // where it is the same in all blocks
  Tensor whiteness_;  // once prepared
};

}  // namespace

PELLUCID_COMPONENT(Wiener, "Deconvolution by the Wiener filter");

}  // namespace pellucid
