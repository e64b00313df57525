// convolution: blurs each channel with a kernel; a linear operator with its exact adjoint.
//
//   forward   y[n] = sum_k kernel[k] x[n + c - k]     x, y: (..., h, w) or (..., z, y, x), one unit
//             c = size / 2 along each axis, the kernel's centre; x goes on beyond its edges as
//             `boundary` says
//   adjoint   correlation, then what fell outside is added to where it had been taken from
//
// Inputs
//   kernel   optional: the kernel as a tensor, instead of the setting `kernel`; one item for all,
//            or one for each item of x; axes "hw" (with dimensions: 3 "zyx"), or "chw" with one
//            channel for all or one for each channel of x
// Settings (keys in a pipeline file)
//   kernel          gaussian: std [px], > 0, one or one an axis, default 1; radius [px], >= 0, one
//                   or one an axis, by default ceil(10 std / 3)
//                   box: size [px], >= 1, one or one an axis, default 3
//                   delta: the identity
//   boundary        circular: d|abcd|a, reflect: cb|abcd|cb, replicate: aa|abcd|dd or
//                   zero: 00|abcd|00                                              default reflect
//   dimensions [1]  how many of the last axes are convolved, in [2, 3]            default 2
//   normalize       divide the kernel by its sum                                  default true
//   method          automatic: whatever takes fewer operations; direct; fft       default automatic
//
// Errors
//   ConfigError  both or none of the setting and the input `kernel`, or a list that does not have
//                one entry or one an axis (while planning)
//   ShapeError   the last axes are not spatial, x is not real, the kernel's items or channels are
//                not those of x, or it has channels and x has no axis c right before the spatial
//                ones (while planning)
//   Error        the sum of a kernel to be normalized is 0
//
// Accuracy  a Gaussian is sampled at whole pixels, exp(-k^2 / (2 std^2)) / sqrt(2 pi std^2) along
//           each axis; without `normalize` its sum is below 1.
// Cost      direct: 2 operations a tap and sample, Gaussian and box one axis after the other; fft:
//           two real transforms of the image extended by the kernel's size. Memory: a few copies of
//           one item, or of as many as make up 2^20 samples.

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/plugin.h>

#include "direct_convolution.h"
#include "fft_convolution.h"
#include "kernels.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

enum class Method { automatic, direct, fft };

std::vector<std::pair<std::string, Method>> enumerators(Method) {
  return {{"automatic", Method::automatic}, {"direct", Method::direct}, {"fft", Method::fft}};
}

/// Images as (rows, channels, sizes...); the rows of an item follow one another.
struct Stack {
  std::int64_t rows;
  std::int64_t channels;
  Sizes sizes;

  Sizes shape() const {
    Sizes all{rows, channels};
    all.insert(all.end(), sizes.begin(), sizes.end());
    return all;
  }
};

Tensor of_item(const Tensor& all, std::int64_t item) { return all[all.size(0) == 1 ? 0 : item]; }

class Convolution final : public ConvolutionOperator {
 public:
  struct Settings {
    std::optional<Kernel> kernel;
    Boundary boundary = Boundary::reflect;
    std::int64_t dimensions = 2;
    bool normalize = true;
    Method method = Method::automatic;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"kernel", &Settings::kernel, "", "the kernel, unless it is an input"},
        {"boundary", &Settings::boundary, "", "how images go on beyond their edges"},
        {"dimensions", &Settings::dimensions, "1", "how many of the last axes are convolved",
         within(2, 3)},
        {"normalize", &Settings::normalize, "", "divide the kernel by its sum"},
        {"method", &Settings::method, "", "how it is computed"},
    };
    return rows;
  }

  static constexpr In<Tensor> kernel_input{"kernel", "the kernel, instead of the setting",
                                           optional};
  static const Ports& ports() {
    static const Ports all{kernel_input};
    return all;
  }

  explicit Convolution(Settings settings) : settings_(std::move(settings)) {}

  void bind(const Inputs& in) override {
    if (in.has(kernel_input) == settings_.kernel.has_value())
      throw ConfigError(settings_.kernel
                            ? "the kernel is given twice: remove the setting or the input 'kernel'"
                            : "the kernel is missing: give the setting or the input 'kernel'");
    if (in.has(kernel_input)) {
      bind_input(in.spec(kernel_input));
    } else {
      factors_ = factors_of(*settings_.kernel, axes());
      for (const Tensor& factor : factors_) size_.push_back(factor.numel());
    }
  }

  void prepare(const Inputs& in, Context&) override {
    if (factors_.empty()) {
      const Stack kernels{items_, channels_, size_};
      kernel_ = normalized(in[kernel_input].to(at::kDouble).reshape(kernels.shape()));
      steps_ = {kernel_};
      return;
    }
    kernel_ = at::ones({1, 1}, at::kDouble);
    for (std::size_t a = 0; a < factors_.size(); ++a) {
      Sizes shape(factors_.size() + 2, 1);
      shape[a + 2] = size_[a];
      steps_.push_back(normalized(factors_[a].view(shape)));
      kernel_ = kernel_.unsqueeze(-1) * steps_.back().flatten();
    }
  }

  Boundary boundary() const override { return settings_.boundary; }
  const Tensor& kernel() const override { return kernel_; }

  Spec kernel_spec() const override {
    Spec spec;
    spec.items = items_;
    spec.dtype = at::kDouble;
    spec.axes = axes() == 2 ? "chw" : "czyx";
    spec.shape = {channels_};
    spec.shape.insert(spec.shape.end(), size_.begin(), size_.end());
    return spec;
  }

  std::int64_t resident_bytes() const override {
    const std::int64_t factors = factors_.empty() ? 0 : 2 * c10::sum_integers(size_);
    return kernel_spec().bytes() + 8 * factors;
  }

  Spec range(const Spec& x) const override {
    require_real(x);
    require_spatial(x, settings_.dimensions);
    if (items_ != 1 && items_ != x.items)
      throw ShapeError("the kernel must have one item or as many as x, got " +
                       std::to_string(items_) + " and " + std::to_string(x.items));
    if (channels_ == 1) return x;
    const std::size_t leading = x.axes.size() - axes();
    if (leading == 0 || x.axes[leading - 1] != 'c')
      throw ShapeError("a kernel with channels needs the axis 'c' right before '" +
                       x.axes.substr(leading) + "', got '" + x.axes +
                       "'; give a kernel with one channel");
    if (x.size('c') != channels_)
      throw ShapeError("the kernel must have one channel or as many as x, got " +
                       std::to_string(channels_) + " for " + x.text());
    return x;
  }

  Tensor forward(const Tensor& x) const override {
    return each_part(x, [this](Tensor part, std::int64_t item, Method method) {
      if (method == Method::fft) return fft_.forward(part, item);
      for (const Tensor& step : steps_)
        part = convolved(part, of_item(step, item), settings_.boundary);
      return part;
    });
  }

  Tensor adjoint(const Tensor& y) const override {
    return each_part(y, [this](Tensor part, std::int64_t item, Method method) {
      if (method == Method::fft) return fft_.adjoint(part, item);
      for (auto step = steps_.rbegin(); step != steps_.rend(); ++step)
        part = correlated(part, of_item(*step, item), settings_.boundary);
      return part;
    });
  }

  std::optional<Sizes> halo(const Spec& x) const override {
    if (settings_.boundary == Boundary::circular) return std::nullopt;
    Sizes reach(x.shape.size(), 0);
    for (std::size_t a = 0; a < size_.size(); ++a)
      reach[reach.size() - size_.size() + a] = size_[a] / 2;
    return reach;
  }

  std::int64_t working_bytes(const Spec& x) const override {
    Sizes shape{x.items};
    shape.insert(shape.end(), x.shape.begin(), x.shape.end());
    const Stack stack = stack_of(shape);
    const std::int64_t planes = rows_at_once(stack) * stack.channels;
    const std::int64_t element = x.dtype == at::kDouble ? 8 : 4;
    if (method_for(stack.sizes) == Method::direct) {
      Sizes grid = stack.sizes;
      for (std::size_t a = 0; a < grid.size(); ++a) grid[a] += size_[a];
      // The extended image, and the results of this step and the one before.
      return 3 * planes * c10::multiply_integers(grid) * element;
    }
    Sizes grid = fft_.grid(stack.sizes);
    grid.back() += 2;
    const std::int64_t kernels = std::min(items_, x.items) * channels_;
    // Extended image, spectrum and result, a border of copied lines; transfer functions and a copy.
    return (3 * planes + 2 * kernels) * c10::multiply_integers(grid) * element;
  }

  double norm(const Spec& x) const override {
    if (settings_.boundary != Boundary::circular) return LinearOperator::norm(x);
    return transfer(last_sizes(x.shape, axes()), at::kDouble).abs().max().item<double>();
  }

  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override {
    if (settings_.boundary != Boundary::circular || items_ != 1 || weight == 0)
      return LinearOperator::solve_normal(b, weight, how);
    const Sizes sizes = last_sizes(b.sizes(), axes());
    const RealFft fft(sizes, b.scalar_type());
    Tensor gain = fft_.transfer(sizes, b.options())[0].abs().square().add_(weight);
    if (channels_ == 1) gain = gain[0];
    Tensor spectrum = fft.forward(b);
    spectrum.div_(gain);
    return fft.inverse_destroying(std::move(spectrum));
  }

 private:
  std::size_t axes() const { return static_cast<std::size_t>(settings_.dimensions); }

  void bind_input(const Spec& spec) {
    if (spec.shape.size() < axes() || spec.shape.size() > axes() + 1 ||
        (spec.shape.size() == axes() + 1 && spec.axes[0] != 'c'))
      throw ShapeError(std::string("the kernel must have the axes ") +
                       (axes() == 2 ? "'hw' or 'chw'" : "'zyx' or 'czyx'") + ", got '" + spec.axes +
                       "'; 'dimensions' is " + std::to_string(axes()));
    if (at::isComplexType(spec.dtype)) throw ShapeError("the kernel must be real, got complex");
    items_ = spec.items;
    channels_ = spec.shape.size() == axes() ? 1 : spec.shape[0];
    size_ = last_sizes(spec.shape, axes());
  }

  Tensor normalized(const Tensor& kernel) const {
    if (!settings_.normalize) return kernel;
    const Tensor total = kernel.sum(last_axes(size_.size()), /*keepdim=*/true);
    if ((total == 0).any().item<bool>())
      throw Error(
          "the sum of a kernel is 0, so that it cannot be normalized; set normalize: false");
    return kernel / total;
  }

  /// Direct or FFT, by counting operations.
  Method method_for(const Sizes& sizes) const {
    if (settings_.method != Method::automatic) return settings_.method;
    const std::int64_t taps =
        factors_.empty() ? c10::multiply_integers(size_) : c10::sum_integers(size_);
    const double direct = 2.0 * double(taps) * double(c10::multiply_integers(sizes));
    // Two transforms of 2.5 N log2 N, and a complex product for every second sample.
    const double grid = double(c10::multiply_integers(fft_.grid(sizes)));
    return (5 * std::log2(grid) + 3) * grid < direct ? Method::fft : Method::direct;
  }

  /// Of a tensor (items, ..., channels, sizes...). Items of `sizes` alone have one channel.
  Stack stack_of(at::IntArrayRef shape) const {
    at::IntArrayRef leading = shape.slice(0, shape.size() - axes());
    std::int64_t channels = 1;
    if (leading.size() > 1) {
      channels = leading.back();
      leading = leading.slice(0, leading.size() - 1);
    }
    return {c10::multiply_integers(leading), channels, last_sizes(shape, axes())};
  }

  static std::int64_t rows_at_once(const Stack& stack) {
    constexpr std::int64_t samples = 1 << 20;
    const std::int64_t row = stack.channels * c10::multiply_integers(stack.sizes);
    return std::clamp<std::int64_t>(samples / std::max<std::int64_t>(1, row), 1,
                                    std::max<std::int64_t>(1, stack.rows));
  }

  /// Calls `convolve` on parts of x that share a kernel and fit into the processor's cache. Parts
  /// change no bit: every image is computed alike.
  template <class Convolve>
  Tensor each_part(const Tensor& x, Convolve convolve) const {
    const Stack stack = stack_of(x.sizes());
    const bool has_items = x.dim() > static_cast<std::int64_t>(axes());
    if ((items_ != 1 && !(has_items && x.size(0) == items_)) ||
        (channels_ != 1 && stack.channels != channels_))
      throw ShapeError("a kernel of " + std::to_string(items_) + " items and " +
                       std::to_string(channels_) + " channels does not fit a tensor of " +
                       shape_text(x.sizes()));
    const Tensor images = x.reshape(stack.shape());
    const Tensor out = at::empty(stack.shape(), x.options());
    const Method method = method_for(stack.sizes);
    const std::int64_t same_kernel = std::max<std::int64_t>(1, stack.rows / items_);
    const std::int64_t most = std::min(rows_at_once(stack), same_kernel);
    for (std::int64_t first = 0; first < stack.rows;) {
      const std::int64_t item = first / same_kernel;
      const std::int64_t count = std::min(most, (item + 1) * same_kernel - first);
      out.narrow(0, first, count).copy_(convolve(images.narrow(0, first, count), item, method));
      first += count;
    }
    return out.view(x.sizes());
  }

  Settings settings_;
  std::int64_t items_ = 1;
  std::int64_t channels_ = 1;
  Sizes size_;
  std::vector<Tensor> factors_;  // of a separable kernel, one an axis
  std::vector<Tensor> steps_;    // convolved with one after the other: (items, channels, sizes...)
  Tensor kernel_;
  FftConvolution fft_{*this};
};

}  // namespace

PELLUCID_COMPONENT(Convolution, "Blurs each channel with a kernel");

}  // namespace pellucid
