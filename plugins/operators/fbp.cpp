// fbp: images from their projections along parallel rays, by filtered back-projection.
//
//   x[i, j] = sum_k w_k q_k(the bin that the ray of angle k through (i, j) meets)
//   q_k     = projection k filtered by |f| W(f), f in cycles per bin, linear between bins
//   w_k     = half of the gaps from angle k to its neighbours modulo 180 deg, in radians; pi / angles
//             where they are even. No gap counts as more than three times the mean one between
//             different directions, so that angles beside a missing range are not counted for it.
//   y: (..., angles, bins), x: (..., h, w), both real
//
//   Pixels that are not seen at every angle, by their distance from the axis of rotation, are 0.
//
// Inputs
//   y   projections
//   A   how they were made: an operators/radon, which says angles, centre and size
// Outputs
//   x   estimate, the spec that A projects to y
// Settings (keys in a pipeline file)
//   filter   W(f) for |f| <= 1/2: ramp: 1; shepp_logan: sin(pi f) / (pi f); cosine: cos(pi f);
//            hamming: 0.54 + 0.46 cos(2 pi f); hann: 0.5 + 0.5 cos(2 pi f)          default ramp
//
// Errors
//   ConfigError  A is not an operators/radon (while planning)
//   ShapeError   y is not real, or not of A's angles and bins (while planning)
//
// Accuracy  the ramp is band-limited in space [1], so that the mean of the image is kept; the
//           projections are taken to be 0 beside the detector.
// Cost      two real FFTs of twice the bins and h w operations an angle; memory: six times y and
//           twice x.
//
// [1] A. C. Kak, M. Slaney, "Principles of Computerized Tomographic Imaging", IEEE Press 1988,
//     equation 3.61, doi:10.1137/1.9780898719277.

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include <ATen/ATen.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/plugin.h>

#include "parallel_beam.h"

namespace pellucid {
namespace {

using std::numbers::pi;

enum class Filter { ramp, shepp_logan, cosine, hamming, hann };

std::vector<std::pair<std::string, Filter>> enumerators(Filter) {
  return {{"ramp", Filter::ramp},
          {"shepp_logan", Filter::shepp_logan},
          {"cosine", Filter::cosine},
          {"hamming", Filter::hamming},
          {"hann", Filter::hann}};
}

/// W at f cycles per bin, 0 .. 1/2.
double window(Filter filter, double f) {
  switch (filter) {
    case Filter::ramp:
      return 1;
    case Filter::shepp_logan:
      return f == 0 ? 1 : std::sin(pi * f) / (pi * f);
    case Filter::cosine:
      return std::cos(pi * f);
    case Filter::hamming:
      return 0.54 + 0.46 * std::cos(2 * pi * f);
    case Filter::hann:
      return 0.5 + 0.5 * std::cos(2 * pi * f);
  }
  return 1;
}

/// |f| W(f) on the half spectrum of `size` samples, the ramp as the transform of its samples in
/// space: 1/4 at 0, -1 / (pi n)^2 at odd n, 0 at even n.
Tensor response(Filter filter, std::int64_t size) {
  const Tensor ramp = at::zeros({size}, at::kDouble);
  double* const samples = ramp.mutable_data_ptr<double>();
  samples[0] = 0.25;
  for (std::int64_t n = 1; n <= size / 2; n += 2)
    samples[n] = samples[size - n] = -1 / (pi * pi * double(n) * double(n));
  const Tensor gain = at::real(at::fft_rfft(ramp)).contiguous();
  double* const gains = gain.mutable_data_ptr<double>();
  for (std::int64_t k = 0; k < gain.numel(); ++k)
    gains[k] *= window(filter, double(k) / double(size));
  return gain;
}

/// w_k of the angles, in radians.
Tensor weights_of(const std::vector<double>& angles) {
  const std::size_t count = angles.size();
  const auto turned = [&](std::size_t k) { return angles[k] - pi * std::floor(angles[k] / pi); };
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return turned(a) < turned(b); });
  std::vector<double> gaps(count);
  for (std::size_t i = 0; i < count; ++i)
    gaps[i] = turned(order[(i + 1) % count]) - turned(order[i]) + (i + 1 == count ? pi : 0.0);
  // Angles of several half turns repeat their directions, but for rounding.
  const auto directions =
      std::count_if(gaps.begin(), gaps.end(), [](double gap) { return gap > 1e-9; });
  const double most = 3 * pi / double(directions);
  std::vector<double> weights(count, 0.0);
  for (std::size_t i = 0; i < count; ++i) {
    weights[order[i]] += std::min(gaps[i], most) / 2;
    weights[order[(i + 1) % count]] += std::min(gaps[i], most) / 2;
  }
  return at::tensor(weights, at::kDouble);
}

class FilteredBackProjection final : public Stage {
 public:
  struct Settings {
    Filter filter = Filter::ramp;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"filter", &Settings::filter, "", "how high frequencies are weakened"},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "projections"};
  static constexpr In<LinearOperator> A{"A", "how they were made: an operators/radon"};
  static constexpr Out<Tensor> x{"x", "estimate, the spec that A projects to y"};
  static const Ports& ports() {
    static const Ports all{y, A, x};
    return all;
  }

  explicit FilteredBackProjection(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    projection(in);
    require_real(in.spec(y));
    out[x] = in[A].domain(in.spec(y));
  }

  void prepare(const Inputs& in, Context&) override {
    if (in.find(y.name)) RealFft({grid(in.spec(y))}, in.spec(y).dtype);  // plans it
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Tensor& given = in[y];
    const ParallelBeam beam = projection(in).beam(given.size(-1));
    const Tensor weights = weights_of(beam.angles).unsqueeze(-1).to(given.options());
    const std::int64_t size = grid(in.spec(y));
    const Tensor gain = response(settings_.filter, size).to(given.options());
    const RealFft fft({size}, given.scalar_type());

    std::vector<std::int64_t> shape = given.sizes().vec();
    shape.end()[-2] = beam.height;
    shape.end()[-1] = beam.width;
    const Tensor images = at::empty(shape, given.options());
    for (std::int64_t item = 0; item < given.size(0); ++item) {
      context.stop_if_cancelled();
      const Tensor stack = given[item].reshape({-1, given.size(-2), given.size(-1)});
      Tensor spectrum = fft.forward(at::constant_pad_nd(stack, {0, size - beam.bins}));
      spectrum.mul_(gain);
      const Tensor filtered = fft.inverse_destroying(std::move(spectrum));
      const Tensor image = back_projected(beam, filtered.narrow(-1, 0, beam.bins) * weights);
      images[item].copy_(image.view_as(images[item]));
    }
    out[x] = images;
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& spec = in.spec(y);
    const std::int64_t grown = spec.item_bytes() / spec.shape.back() * (grid(spec) + 2);
    return 3 * grown + 2 * in[A].domain(spec).item_bytes();
  }

 private:
  static const ParallelProjection& projection(const Inputs& in) {
    const auto* found = dynamic_cast<const ParallelProjection*>(&in[A]);
    if (!found)
      throw ConfigError(
          "'A' must be an operators/radon, because angles and centre are taken from "
          "it; for another operator use solvers/least_squares");
    return *found;
  }

  static std::int64_t grid(const Spec& y) { return fast_size(2 * y.shape.back(), Parity::even); }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(FilteredBackProjection, "Images from projections by filtered back-projection");

}  // namespace pellucid
