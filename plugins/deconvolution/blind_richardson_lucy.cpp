// blind_richardson_lucy: image and blur that together most probably gave Poisson counts, by turns.
//
//   An iteration lets the kernel h follow `inner` times, then x as often [1]:
//     h' = h / (X* 1) X*(y / (X h)), then divided by its sum        X h = A x as a function of h
//     x' = x / (A* 1) A*(y / (A x))
//   y, x: (..., h, w) or (..., z, y, x), real, one unit; h: (h, w) or (z, y, x), >= 0, sum 1
//
//   It lowers sum (A x) - y + y log(y / (A x)), which many pairs of x and h do: that of y itself and a
//   delta among them. So start from a kernel that is wider than the blur, which it then approaches (from
//   a narrower one it goes on to the delta), and end it before it is past. Taps that are 0 in the start
//   stay so: its size and shape say what the blur may be.
//
// Inputs
//   y           counts, or values in proportion to them; its channels share the kernel
//   A           a blur whose kernel is where h starts, with one channel, and whose boundary holds
//   reference   optional: the truth, spec of x, one item or as many as y; gives the history a psnr
// Outputs
//   x         estimate, spec of what A takes; from a constant
//   kernel    h, one for each item of y
//   history   a row for every `every` iterations of an item, and for its last: iteration, objective,
//             residual |A x - y|, psnr of x [dB] with a reference (range: of its values), stopped: in
//             the last row of an item, the rule that ended it
// Settings (keys in a pipeline file)
//   iterations [1]   at most, >= 1                                              default 10
//   inner [1]        how often kernel and image follow in an iteration, >= 1    default 5
//   stop             when an item is done sooner, for any of these reasons;
//                    tolerance [1] an iteration changes x by less, relative to x, >= 0, default 0
//                    (never); noise, standard deviation of y, > 0: the residual is tau times that of so
//                    much noise (discrepancy principle); tau [1], > 0, default 1; whiteness [1], in
//                    [0, 1]: the residual's cumulative periodogram lies above that of white noise by
//                    less, looked at with each row of the history; time [s] of an item, > 0: what is
//                    found then depends on the machine
//   every [1]        iterations from one row of the history to the next, >= 1   default 1
//
// Errors
//   ShapeError   y is not real or does not have the axes that A convolves, the kernel has channels, or
//                reference is not as x (while planning)
//   Error        a sample or a tap is not finite or negative, the kernel is 0 everywhere, the iteration
//                diverges
//
// Accuracy  A x is at least the dtype's rounding error times the largest y. Where A* 1 is below 1e-12
//           (float32: 1e-5) of its largest value y says nothing of x, which is 0.
// Cost      ten real FFTs an inner iteration, on the grid of gridded_blur.h, on the CPU; memory: ten
//           times an item on that grid.
//
// [1] D. A. Fish, A. M. Brinicombe, E. R. Pike, J. G. Walker, J. Opt. Soc. Am. A 12(1):58-65, 1995,
//     doi:10.1364/JOSAA.12.000058.

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <pellucid/plugin.h>

#include "gridded_blur.h"
#include "items.h"
#include "iteration.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

/// An item with a kernel of its own.
class Blind final : public Method {
 public:
  /// `y` is (planes, sizes...), `kernel` (sizes...) with the sum 1.
  Blind(const BlurGrid& grid, const Tensor& y, const Tensor& kernel, std::int64_t inner)
      : blur_(grid, kernel), y_(y), kernel_(kernel), inner_(inner) {
    const bool wide = y.scalar_type() == at::kDouble;
    const double rounding = wide ? std::numeric_limits<double>::epsilon()
                                 : double(std::numeric_limits<float>::epsilon());
    floor_ = std::max(rounding * y.max().item<double>(), double(std::numeric_limits<float>::min()));
    nothing_ = wide ? 1e-12 : 1e-5;
    const Tensor held = blur_.adjoint_of_ones();
    Sizes shape = held.sizes().vec();
    shape[0] = y.size(0);
    const Tensor flux = y.flatten(1).sum(1) / held.sum();
    Sizes planes(shape.size(), 1);
    planes[0] = -1;
    x_ = flux.view(planes).expand(shape).contiguous();
  }

  double measure(const Tensor& residual) override {
    predict();
    const Tensor difference = predicted_ - y_;
    if (residual.defined()) residual.copy_(difference);
    return std::sqrt(difference.square().sum(at::kDouble).item<double>());
  }

  double objective() const override {
    return (predicted_ - y_ + at::xlogy(y_, y_ / predicted_)).sum(at::kDouble).item<double>();
  }

  Change step() override {
    const Tensor held_by_kernel = blur_.adjoint_of_kernel(x_, at::ones_like(y_));
    for (std::int64_t i = 0; i < inner_; ++i) {
      const Tensor back = blur_.adjoint_of_kernel(x_, y_ / predicted_).clamp_min_(0);
      kernel_ = kernel_ * divided(back, held_by_kernel);
      kernel_ = kernel_ / kernel_.sum();
      blur_.set_kernel(kernel_);
      predict();
    }
    const Tensor held = blur_.adjoint_of_ones(), before = x_.clone();
    for (std::int64_t i = 0; i < inner_; ++i) {
      if (i > 0) predict();
      x_.mul_(divided(blur_.returned(y_ / predicted_).clamp_min_(0), held));
    }
    return {(x_ - before).norm().item<double>(), x_.norm().item<double>()};
  }

  Tensor estimate() const override { return x_; }
  const Tensor& kernel() const { return kernel_; }

 private:
  void predict() { predicted_ = blur_.blurred(x_).clamp_min_(floor_); }

  /// a / held, 0 where next to nothing is held.
  Tensor divided(const Tensor& a, const Tensor& held) const {
    return at::where(held > nothing_ * held.max(), a / held, at::zeros({}, a.options()));
  }

  GriddedBlur blur_;
  Tensor y_, kernel_, x_, predicted_;
  std::int64_t inner_;
  double floor_, nothing_;
};

class BlindRichardsonLucy final : public Stage {
 public:
  struct Settings {
    std::int64_t iterations = 10;
    std::int64_t inner = 5;
    Stop stop;
    std::int64_t every = 1;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"iterations", &Settings::iterations, "1", "at most", at_least(1)},
        {"inner", &Settings::inner, "1", "how often kernel and image follow in an iteration",
         at_least(1)},
        {"stop", &Settings::stop, "", "when an item is done sooner"},
        {"every", &Settings::every, "1", "iterations from one row of the history to the next",
         at_least(1)},
    };
    return rows;
  }

  static constexpr In<Tensor> y{"y", "counts"};
  static constexpr In<ConvolutionOperator> A{"A", "the blur whose kernel is the start"};
  static constexpr In<Tensor> reference{"reference", "the truth, for the history", optional};
  static constexpr Out<Tensor> x{"x", "estimate, unit of y"};
  static constexpr Out<Tensor> kernel{"kernel", "estimated kernel, of sum 1"};
  static constexpr Out<Table> history{"history", "objective and residual while iterating"};
  static const Ports& ports() {
    static const Ports all{y, A, reference, x, kernel, history};
    return all;
  }

  explicit BlindRichardsonLucy(Settings settings) : settings_(settings) {}

  // Iterations carry roundings on.
  double tolerance() const override { return 1e-3; }

  void infer(const Inputs& in, Specs& out) const override {
    require_real(in.spec(y));
    if (in.spec(y).item_numel() == 0)
      throw ShapeError("'y' must have at least one sample, got " + in.spec(y).text());
    const Spec spec = in[A].domain(in.spec(y)), start = in[A].kernel_spec();
    if (start.shape.front() != 1)
      throw ShapeError("the kernel of 'A' must have one channel, got " +
                       std::to_string(start.shape.front()));
    if (in.has(reference)) require_like_x(in.spec(reference), "reference", spec);
    out[x] = spec;
    Spec taps = start;
    taps.items = spec.items;
    taps.dtype = spec.dtype;
    taps.axes = taps.axes.substr(1);
    taps.shape.erase(taps.shape.begin());
    out[kernel] = taps;
    out[history] = {spec.items, course().rows(),
                    history_columns(in.has(reference), in.spec(y).unit, "divergence")};
  }

  void prepare(const Inputs& in, Context&) override {
    if (in.find(y.name) && in.find(A.name)) grid(in).filter(in.spec(y).dtype);  // plans it
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const at::NoGradGuard no_grad;
    const Tensor measured = in[y].cpu().contiguous();
    const BlurGrid grid = this->grid(in);
    const std::size_t axes = grid.sizes.size();
    const Tensor starts = in[A].kernel().to(measured.scalar_type()).cpu();
    Sizes shape = in[A].domain(in.spec(y)).shape, taps = in[A].kernel_size();
    shape.insert(shape.begin(), measured.size(0));
    taps.insert(taps.begin(), measured.size(0));
    const Tensor estimates = at::empty(shape, measured.options());
    const Tensor kernels = at::empty(taps, measured.options());
    Table table(history_columns(in.has(reference), in.spec(y).unit, "divergence"));
    for (std::int64_t item = 0; item < measured.size(0); ++item) {
      const std::int64_t number = in.item(item);
      const Tensor data = planes_of(measured[item], axes);
      const Tensor start = starts[starts.size(0) == 1 ? 0 : item][0];
      require_finite(data, "y", number);
      require_not_negative(data, "'y'", number, "subtract less, or set what is below 0 to 0");
      require_kernel(start, axes, number);
      Tensor truth;
      if (in.has(reference)) {
        truth = planes_of(in[reference][in[reference].size(0) == 1 ? 0 : item].cpu(), axes);
        require_finite(truth, "reference", number);
      }
      Blind blind(grid, data, start / start.sum(), settings_.inner);
      iterate(blind, course(), data, truth, number, context, table);
      planes_of(estimates[item], axes).copy_(blind.estimate());
      kernels[item].copy_(blind.kernel());
    }
    out[x] = estimates.to(in[y].device());
    out[kernel] = kernels.to(in[y].device());
    out[history] = std::move(table);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& spec = in.spec(y);
    const BlurGrid grid = this->grid(in);
    const std::int64_t planes = spec.item_numel() / std::max<std::int64_t>(1, grid.y.samples());
    const Spec compared = in.has(reference) ? in.spec(reference) : Spec{};
    return (10 * planes + 4) * grid.bytes(spec.dtype) +
           iteration_bytes(course(), spec, in.has(reference) ? &compared : nullptr);
  }

 private:
  Course course() const { return {settings_.iterations, settings_.every, settings_.stop}; }

  static BlurGrid grid(const Inputs& in) {
    return {in[A], last_sizes(in.spec(y).shape, in[A].kernel_size().size())};
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(BlindRichardsonLucy,
                   "Richardson-Lucy deconvolution of counts by an unknown blur");

}  // namespace pellucid
