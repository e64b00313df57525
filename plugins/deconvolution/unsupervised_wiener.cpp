// unsupervised_wiener: deconvolution that finds the noise and the smoothness of the image, too, by
// draws from their posterior distribution.
//
//   y = A x + n     n white with precision g_n, p(x) ~ exp(-g_x |L x|^2 / 2), p(g) ~ 1 / g [1]
//
//   Draws k = 1, 2, ... on the FFT grid of M samples, from g_n = g_x = 1 on:
//     P   = g_n |H|^2 + g_x |L|^2
//     X   = (g_n conj(H) Y + sqrt(P) W) / P    W the spectrum of white noise of variance 1
//     g_n = 2 G(M / 2) / |y - A x|^2           G(a) of the gamma distribution with shape a, scale 1
//     g_x = 2 G((M - m) / 2) / |L x|^2         m = 1 for the Laplacian, which sees no mean, else 0
//   x and std are mean and standard deviation of the draws burn_in + 1, burn_in + 1 + thinning, ...
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//
//   |L|^2 is that of deconvolution/tikhonov. For a circular blur the grid is that of y. For a
//   reflecting one y is extended by reflection, by at least half the kernel's size on each side
//   (rounded down) and to a size that transforms fast, taken as measured there, and x is cut out.
//   Each image of an item (channel, and each z where two axes of a volume are convolved) has draws
//   of its own.
//
// Inputs
//   y   blurred and noisy images
//   A   the blur; its boundary must be circular or reflect
// Outputs
//   x         posterior mean, spec of y
//   std       posterior standard deviation, spec of y
//   history   a row a draw of each image of an item: image (from 0), draw, noise_precision g_n,
//             signal_precision g_x, change of the mean of the draws, relative; nan before there are
//             two
// Settings (keys in a pipeline file)
//   iterations [1]   draws at most, >= 2                                         default 200
//   burn_in [1]      draws that are thrown away first, >= 0                      default 15
//   thinning [1]     from one draw that counts to the next, >= 1                 default 1
//   tolerance [1]    an image is done where `change` is below, >= 0              default 1e-4
//   penalty          what is small in images: identity, x itself; laplacian, L x
//                                                                           default laplacian
//
// Errors
//   ShapeError    y is not real, or does not have the axes that A convolves; the kernel of a
//                 circular A is larger than y; an image has one sample (while planning)
//   ConfigError   the boundary of A is neither circular nor reflect; less than two draws count
//                 (while planning)
//   Error         y or a kernel is not finite, a kernel is 0 everywhere, or sums to 0 while L is
//                 the Laplacian; an image is constant
//
// Accuracy  the mean of n draws is off by about std / sqrt(n). `unsupervised_wiener` of
//           scikit-image counts some samples on the border of its spectra twice, which moves the
//           precisions by about 1 / w.
// Cost      M draws and two real FFTs for each k and image; memory: four fields a image of the
//           block.
//
// [1] F. Orieux, J.-F. Giovannelli, T. Rodet, "Bayesian estimation of regularization and point
//     spread function parameters for Wiener-Hunt deconvolution", J. Opt. Soc. Am. A
//     27(7):1593-1607, 2010, doi:10.1364/JOSAA.27.001593, section 4, with a known blur.

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <boost/math/distributions/gamma.hpp>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/plugin.h>

#include "frame.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

/// A number of the gamma distribution with scale 1, from a uniform one in [0, 1).
double gamma(double shape, double uniform) {
  const double inside = std::max(uniform, std::numeric_limits<double>::min());
  return boost::math::quantile(boost::math::gamma_distribution<double>(shape), inside);
}

/// |Y - H X|^2 and |L X|^2, summed over a grid.
struct Distances {
  double misfit = 0, roughness = 0;
};

/// Makes the draw X of one row of white noise W, both half spectra; `width` is that of the grid.
template <class T>
Distances draw_row(T* draw, const T* transfer, const T* spectrum, const T* penalty, T noise,
                   T signal, std::int64_t columns, std::int64_t width) {
  Distances sums;
  for (std::int64_t i = 0; i < columns; ++i) {
    const T h_re = transfer[2 * i], h_im = transfer[2 * i + 1];
    const T y_re = spectrum[2 * i], y_im = spectrum[2 * i + 1];
    const T precision = noise * (h_re * h_re + h_im * h_im) + signal * penalty[i];
    const T gain = 1 / precision, spread = std::sqrt(precision);
    const T re = (noise * (h_re * y_re + h_im * y_im) + spread * draw[2 * i]) * gain;
    const T im = (noise * (h_re * y_im - h_im * y_re) + spread * draw[2 * i + 1]) * gain;
    const T off_re = y_re - (h_re * re - h_im * im), off_im = y_im - (h_re * im + h_im * re);
    const double count = i == 0 || 2 * i == width ? 1 : 2;  // columns that stand for two
    sums.misfit += count * double(off_re * off_re + off_im * off_im);
    sums.roughness += count * double(penalty[i] * (re * re + im * im));
    draw[2 * i] = re;
    draw[2 * i + 1] = im;
  }
  return sums;
}

/// The same of all rows. Their sums are added in one order, whatever the number of threads.
template <class T>
Distances drawn(Tensor& draw, const Tensor& transfer, const Tensor& spectrum, const Tensor& penalty,
                double noise, double signal, std::int64_t width) {
  const std::int64_t columns = draw.size(-1), rows = draw.numel() / columns;
  std::vector<Distances> of_rows(static_cast<std::size_t>(rows));
  auto* const x = static_cast<T*>(draw.mutable_data_ptr());
  const auto* const h = static_cast<const T*>(transfer.const_data_ptr());
  const auto* const y = static_cast<const T*>(spectrum.const_data_ptr());
  const auto* const l = static_cast<const T*>(penalty.const_data_ptr());
  at::parallel_for(0, rows, 1 + (1 << 14) / columns, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t place = row * columns;
      of_rows[std::size_t(row)] = draw_row(x + 2 * place, h + 2 * place, y + 2 * place, l + place,
                                           T(noise), T(signal), columns, width);
    }
  });
  Distances sums;
  for (const Distances& row : of_rows) {
    sums.misfit += row.misfit;
    sums.roughness += row.roughness;
  }
  return sums;
}

class UnsupervisedWiener final : public Stage {
 public:
  struct Settings {
    std::int64_t iterations = 200;
    std::int64_t burn_in = 15;
    std::int64_t thinning = 1;
    double tolerance = 1e-4;
    Penalty penalty = Penalty::laplacian;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"iterations", &Settings::iterations, "1", "draws at most", at_least(2)},
        {"burn_in", &Settings::burn_in, "1", "draws that are thrown away first", at_least(0)},
        {"thinning", &Settings::thinning, "1", "from one draw that counts to the next",
         at_least(1)},
        {"tolerance", &Settings::tolerance, "1", "an image is done where `change` is below",
         at_least(0.0)},
        {"penalty", &Settings::penalty, "", "what is small in images"},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "blurred and noisy images"};
  static constexpr In<ConvolutionOperator> A{"A", "the blur"};
  static constexpr Out<Tensor> x{"x", "posterior mean, unit of y"};
  static constexpr Out<Tensor> deviation{"std", "posterior standard deviation, unit of y"};
  static constexpr Out<Table> history{"history", "precisions of all draws"};
  static const Ports& ports() {
    static const Ports all{y, A, x, deviation, history};
    return all;
  }

  explicit UnsupervisedWiener(Settings settings) : settings_(settings) {}

  double tolerance() const override { return std::max(1e-4, 10 * settings_.tolerance); }

  void infer(const Inputs& in, Specs& out) const override {
    const Spec& spec = in.spec(y);
    const Frame frame(in[A], spec);
    // Not (iterations - 1) / thinning, which might overflow what it is compared with.
    if (settings_.iterations - 1 - settings_.burn_in < settings_.thinning)
      throw ConfigError("'iterations' must leave two draws behind 'burn_in', 'thinning' apart: " +
                        std::to_string(settings_.burn_in) + " + 1 + " +
                        std::to_string(settings_.thinning) + " or more, got " +
                        std::to_string(settings_.iterations));
    if (c10::multiply_integers(spec.shape.end() - frame.axes(), spec.shape.end()) == 1)
      throw ShapeError("an image of one sample says nothing of its noise, got " + spec.text());
    out[x] = spec;
    out[deviation] = spec;
    out[history] = {spec.items, images_of(spec, frame) * settings_.iterations, columns()};
  }

  void prepare(const Inputs& in, Context&) override {
    if (in.find(y.name) && in.find(A.name)) Frame(in[A], in.spec(y)).plan(in.spec(y).dtype);
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Tensor blurred = in[y].cpu();
    const Frame frame(in[A], in.spec(y));
    const std::int64_t count = images_of(in.spec(y), frame);
    Sizes shape = last_sizes(blurred.sizes(), frame.grid().size());
    shape.insert(shape.begin(), {blurred.size(0), count});
    const Tensor images = blurred.reshape(shape);
    const Tensor mean = at::zeros(shape, blurred.options());
    const Tensor spread = at::zeros(shape, blurred.options());  // squares of distances from it
    std::vector<Chain> chains;
    const Tensor penalty = squared_response(settings_.penalty, frame.grid(), blurred.options());
    if (images.numel() > 0) {
      const Tensor transfers = in[A].transfer(frame.grid(), blurred.scalar_type()).cpu();
      for (std::int64_t row = 0; row < images.size(0); ++row) {
        const std::int64_t own = transfers.size(0) == 1 ? 0 : row;
        require_usable(images[row], in[A].kernel()[own], in.item(row));
        for (std::int64_t i = 0; i < count; ++i)
          chains.push_back({row, i, images[row][i], transfers[own][i % transfers.size(1)],
                            mean[row][i], spread[row][i]});
      }
    }
    for (Chain& chain : chains) start(chain, in.item(chain.row), frame);

    Sizes of_items = frame.grid();
    of_items.insert(of_items.begin(), count);
    const Random white = context.random("image"), for_noise = context.random("noise precision"),
                 for_signal = context.random("signal precision");
    const auto active = [](const Chain& chain) { return chain.active; };
    for (std::int64_t k = 1; k <= settings_.iterations; ++k) {
      if (std::none_of(chains.begin(), chains.end(), active)) break;
      context.progress(k, settings_.iterations);
      const Tensor white_noise = white.normal(of_items, blurred.scalar_type(), k);
      const Tensor u_noise = for_noise.uniform({count}, at::kDouble, k);
      const Tensor u_signal = for_signal.uniform({count}, at::kDouble, k);
      for (Chain& chain : chains) {
        context.stop_if_cancelled();
        if (!chain.active) continue;
        const auto of_chain = [&](const Tensor& all) { return all[chain.row][chain.image]; };
        Tensor draw = next(chain, of_chain(white_noise), penalty, frame,
                           of_chain(u_noise).item<double>(), of_chain(u_signal).item<double>());
        const double change = add(chain, k, std::move(draw), frame);
        chain.rows.add(in.item(chain.row), {chain.image, k, chain.noise, chain.signal, change});
        chain.active = !(change < settings_.tolerance);
      }
    }

    Table table(columns());
    for (const Chain& chain : chains) {
      table.append(chain.rows);
      chain.spread.div_(double(chain.draws - 1)).sqrt_();
    }
    out[x] = mean.view(blurred.sizes()).to(in[y].device());
    out[deviation] = spread.view(blurred.sizes()).to(in[y].device());
    out[history] = std::move(table);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    // White noise and Y of the block; spectra of one image.
    return frame_bytes(in[A], in.spec(y), 2 * in.spec(y).items + 8);
  }

 private:
  /// The draws of one image.
  struct Chain {
    std::int64_t row, image;
    Tensor blurred, transfer, mean, spread;
    Tensor spectrum = {};
    double noise = 1, signal = 1;  // precisions
    std::int64_t draws = 0;        // that count
    bool active = true;
    Table rows = Table(columns());
  };

  static std::vector<Column> columns() {
    return {{"image", Column::Type::integer, "1", 0, "of the item, from 0"},
            {"draw", Column::Type::integer, "1", 0, "from 1"},
            {"noise_precision", Column::Type::real, "", 0, "one over the variance of the noise"},
            {"signal_precision", Column::Type::real, "", 0, "one over the mean of |L x|^2"},
            {"change", Column::Type::real, "1", 0, "of the mean of the draws, relative"}};
  }

  static std::int64_t images_of(const Spec& spec, const Frame& frame) {
    return c10::multiply_integers(spec.shape.begin(), spec.shape.end() - frame.axes());
  }

  void start(Chain& chain, std::int64_t item, const Frame& frame) const {
    const std::string of_item = " of item " + std::to_string(item);
    if (chain.blurred.min().equal(chain.blurred.max()))
      throw Error("image " + std::to_string(chain.image) + of_item +
                  " is constant, so that it says nothing of its noise; leave it out");
    const double sum = chain.transfer.flatten()[0].abs().item<double>();
    if (settings_.penalty == Penalty::laplacian &&
        sum <= 1e-6 * chain.transfer.abs().max().item<double>())
      throw Error("the kernel" + of_item +
                  " sums to 0, so 'y' and a Laplacian say nothing of the " +
                  "mean of 'x'; set 'penalty' to identity, or give another kernel to 'A'");
    chain.spectrum = frame.spectrum(chain.blurred);
  }

  /// The spectrum of the next image, and new precisions.
  Tensor next(Chain& chain, const Tensor& white, const Tensor& penalty, const Frame& frame,
              double u_noise, double u_signal) const {
    Tensor draw = RealFft(frame.grid(), white.scalar_type()).forward(white);
    const Distances distances = white.scalar_type() == at::kDouble
                                    ? drawn<double>(draw, chain.transfer, chain.spectrum, penalty,
                                                    chain.noise, chain.signal, frame.grid().back())
                                    : drawn<float>(draw, chain.transfer, chain.spectrum, penalty,
                                                   chain.noise, chain.signal, frame.grid().back());
    const double samples = double(frame.samples());
    const double unseen = settings_.penalty == Penalty::laplacian ? 1 : 0;
    chain.noise = 2 * gamma(samples / 2, u_noise) * samples / distances.misfit;
    chain.signal = 2 * gamma((samples - unseen) / 2, u_signal) * samples / distances.roughness;
    return draw;
  }

  /// Counts draw k if it is to be; the relative change of the mean.
  double add(Chain& chain, std::int64_t k, Tensor&& draw, const Frame& frame) const {
    const std::int64_t late = k - settings_.burn_in - 1;
    if (late < 0 || late % settings_.thinning != 0) return std::numeric_limits<double>::quiet_NaN();
    const Tensor image = frame.images(std::move(draw));
    const Tensor distance = image - chain.mean;
    chain.draws += 1;
    chain.mean.add_(distance, 1 / double(chain.draws));
    chain.spread.addcmul_(distance, image - chain.mean);
    if (chain.draws == 1) return std::numeric_limits<double>::quiet_NaN();
    return distance.norm().item<double>() / double(chain.draws) / chain.mean.norm().item<double>();
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(UnsupervisedWiener, "Deconvolution that estimates noise and smoothness");

}  // namespace pellucid
