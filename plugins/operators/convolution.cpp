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
//   ShapeError   the last axes are not spatial, x is not real, or the kernel's items or channels
//                are not those of x (while planning)
//   Error        the sum of a kernel to be normalized is 0
//
// Accuracy  a Gaussian is sampled at whole pixels, exp(-k^2 / (2 std^2)) / sqrt(2 pi std^2) along
//           each axis; without `normalize` its sum is below 1.
// Cost      direct: 2 operations a tap and sample, Gaussian and box one axis after the other; fft:
//           two real transforms of the image extended by the kernel's size. Memory: a few copies of
//           one item, or of as many as make up 2^20 samples.

#include <cmath>
#include <mutex>
#include <numbers>
#include <numeric>

#include <ATen/ATen.h>

#include <pellucid/numerics/border.h>
#include <pellucid/numerics/fft.h>
#include <pellucid/plugin.h>

namespace pellucid {

static std::vector<std::pair<std::string, Boundary>> enumerators(Boundary) {
  return {{"circular", Boundary::circular},
          {"reflect", Boundary::reflect},
          {"replicate", Boundary::replicate},
          {"zero", Boundary::zero}};
}

namespace {

using Sizes = std::vector<std::int64_t>;

enum class Method { automatic, direct, fft };

std::vector<std::pair<std::string, Method>> enumerators(Method) {
  return {{"automatic", Method::automatic}, {"direct", Method::direct}, {"fft", Method::fft}};
}

std::int64_t product(at::IntArrayRef sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
}

/// The entry of a list with one entry, or one an axis.
template <class T>
T along(const std::vector<T>& list, std::size_t axis, std::size_t axes, const char* name) {
  if (list.size() != 1 && list.size() != axes)
    throw ConfigError(std::string("'") + name + "' must have one entry or one for each of the " +
                      std::to_string(axes) + " axes, got " + std::to_string(list.size()));
  return list.size() == 1 ? list[0] : list[axis];
}

/// Wider than any image: a mistake that would take memory before anything runs.
constexpr double kWidest = 65535;

std::int64_t require_width(double width) {
  if (!(width <= kWidest))
    throw ConfigError("'kernel' must be at most " + Value(kWidest).text() + " px wide, got " +
                      Value(width).text());
  return static_cast<std::int64_t>(width);
}

struct Gaussian {
  static constexpr const char* name = "gaussian";
  static constexpr const char* summary = "exp(-k^2 / (2 std^2)) at whole pixels";
  std::vector<double> std{1.0};
  std::optional<std::vector<std::int64_t>> radius;

  static const Schema<Gaussian>& schema() {
    static const Schema<Gaussian> rows{
        {"std", &Gaussian::std, "px", "standard deviation, one or one an axis", positive(),
         count(1, 3)},
        {"radius", &Gaussian::radius, "px", "half width; by default ceil(10 std / 3)", at_least(0),
         count(1, 3)},
    };
    return rows;
  }

  Tensor factor(std::size_t axis, std::size_t axes) const {
    const double s = along(std, axis, axes, "std");
    const double half =
        radius ? static_cast<double>(along(*radius, axis, axes, "radius")) : std::ceil(10 * s / 3);
    const std::int64_t r = require_width(2 * half + 1) / 2;
    const Tensor offset = at::arange(-r, r + 1, at::kDouble) / s;
    return at::exp(-0.5 * offset.square()) / (std::sqrt(2 * std::numbers::pi) * s);
  }
};

struct Box {
  static constexpr const char* name = "box";
  static constexpr const char* summary = "the mean over a rectangle";
  std::vector<std::int64_t> size{3};

  static const Schema<Box>& schema() {
    static const Schema<Box> rows{
        {"size", &Box::size, "px", "width, one or one an axis", at_least(1), count(1, 3)},
    };
    return rows;
  }

  Tensor factor(std::size_t axis, std::size_t axes) const {
    const std::int64_t n = require_width(static_cast<double>(along(size, axis, axes, "size")));
    return at::full({n}, 1.0 / double(n), at::kDouble);
  }
};

struct Delta {
  static constexpr const char* name = "delta";
  static constexpr const char* summary = "the identity";
  static const Schema<Delta>& schema() {
    static const Schema<Delta> rows;
    return rows;
  }
  Tensor factor(std::size_t, std::size_t) const { return at::ones({1}, at::kDouble); }
};

/// Images of one call that share a kernel, as (rows, channels, sizes...).
struct Stack {
  std::int64_t rows;
  std::int64_t channels;
  Sizes sizes;
};

class Convolution final : public ConvolutionOperator {
 public:
  struct Settings {
    std::optional<std::variant<Gaussian, Box, Delta>> kernel;
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
      const auto axes = static_cast<std::size_t>(settings_.dimensions);
      for (std::size_t a = 0; a < axes; ++a) {
        factors_.push_back(
            std::visit([&](const auto& kind) { return kind.factor(a, axes); }, *settings_.kernel));
        size_.push_back(factors_.back().numel());
      }
    }
  }

  void prepare(const Inputs& in, Context&) override {
    if (factors_.empty()) {
      Sizes shape{items_, channels_};
      shape.insert(shape.end(), size_.begin(), size_.end());
      kernel_ = normalized(in[kernel_input].to(at::kDouble).reshape(shape));
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
  Sizes kernel_size() const override { return size_; }
  const Tensor& kernel() const override { return kernel_; }
  std::int64_t resident_bytes() const override { return 16 * items_ * channels_ * product(size_); }

  Spec range(const Spec& x) const override {
    require_real(x);
    const bool flat = settings_.dimensions == 2;
    if (!(flat ? x.axes.ends_with("hw") || x.axes.ends_with("yx")
               : x.axes.ends_with("zyx") || x.axes.ends_with("zhw")))
      throw ShapeError("a convolution of " + std::to_string(settings_.dimensions) +
                       " dimensions needs the last axes " +
                       (flat ? "'hw' or 'yx'" : "'zyx' or 'zhw'") + ", got '" + x.axes + "'");
    if (items_ != 1 && items_ != x.items)
      throw ShapeError("the kernel must have one item or as many as x, got " +
                       std::to_string(items_) + " and " + std::to_string(x.items));
    if (channels_ != 1 && (x.axes.find('c') == std::string::npos || x.size('c') != channels_))
      throw ShapeError("the kernel must have one channel or as many as x, got " +
                       std::to_string(channels_) + " for " + x.text());
    return x;
  }

  Tensor forward(const Tensor& x) const override {
    return each_stack(x, [this](const Tensor& part, std::int64_t item, bool by_fft) {
      return by_fft ? forward_fft(part, item) : forward_direct(part, item);
    });
  }

  Tensor adjoint(const Tensor& y) const override {
    return each_stack(y, [this](const Tensor& part, std::int64_t item, bool by_fft) {
      return by_fft ? adjoint_fft(part, item) : adjoint_direct(part, item);
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
    const Stack stack = stack_of(x.items * product(x.shape), x.shape);
    const std::int64_t planes = rows_at_once(stack) * stack.channels;
    const std::int64_t element = x.dtype == at::kDouble ? 8 : 4;
    if (!by_fft(stack.sizes)) {
      Sizes grid = stack.sizes;
      for (std::size_t a = 0; a < grid.size(); ++a) grid[a] += size_[a];
      // The extended image, and the results of this step and the one before.
      return 3 * planes * product(grid) * element;
    }
    Sizes grid = fft_grid(stack.sizes);
    grid.back() += 2;
    // Extended image, spectrum and result, a border of copied lines; transfer function and a copy.
    return (3 * planes + 2 * channels_) * product(grid) * element;
  }

  double norm(const Spec& x) const override {
    if (settings_.boundary != Boundary::circular) return LinearOperator::norm(x);
    return transfer(last(x.shape), at::kDouble).abs().max().item<double>();
  }

  Tensor solve_normal(const Tensor& b, double weight, double tolerance,
                      std::int64_t iterations) const override {
    if (settings_.boundary != Boundary::circular || items_ != 1)
      return LinearOperator::solve_normal(b, weight, tolerance, iterations);
    const Sizes sizes = last(b.sizes());
    const RealFft fft(sizes, b.scalar_type());
    Tensor gain = cached_transfer(sizes, b.options())[0].abs().square().add_(weight);
    if (channels_ == 1) gain = gain[0];
    Tensor spectrum = fft.forward(b);
    spectrum.div_(gain);
    return fft.inverse_destroying(std::move(spectrum));
  }

 private:
  void bind_input(const Spec& spec) {
    const auto axes = static_cast<std::size_t>(settings_.dimensions);
    if (spec.shape.size() < axes || spec.shape.size() > axes + 1 ||
        (spec.shape.size() == axes + 1 && spec.axes[0] != 'c'))
      throw ShapeError(std::string("the kernel must have the axes ") +
                       (axes == 2 ? "'hw' or 'chw'" : "'zyx' or 'czyx'") + ", got '" + spec.axes +
                       "'; 'dimensions' is " + std::to_string(axes));
    if (at::isComplexType(spec.dtype)) throw ShapeError("the kernel must be real, got complex");
    items_ = spec.items;
    channels_ = spec.shape.size() == axes ? 1 : spec.shape[0];
    size_.assign(spec.shape.end() - settings_.dimensions, spec.shape.end());
  }

  Tensor normalized(const Tensor& kernel) const {
    if (!settings_.normalize) return kernel;
    Sizes spatial(size_.size());
    std::iota(spatial.begin(), spatial.end(), 2);
    const Tensor total = kernel.sum(spatial, /*keepdim=*/true);
    if ((total == 0).any().item<bool>())
      throw Error(
          "the sum of a kernel is 0, so that it cannot be normalized; set normalize: false");
    return kernel / total;
  }

  Sizes last(at::IntArrayRef shape) const { return shape.slice(shape.size() - size_.size()).vec(); }

  /// What the image is extended by: in front as far as the kernel reaches behind its centre.
  Sizes before() const {
    Sizes lines;
    for (const std::int64_t n : size_) lines.push_back(n - 1 - n / 2);
    return lines;
  }

  /// Grid on which the circular convolution of the extended image is right inside.
  Sizes fft_grid(const Sizes& sizes) const {
    if (settings_.boundary == Boundary::circular) return sizes;
    Sizes grid;
    for (std::size_t a = 0; a < sizes.size(); ++a)
      grid.push_back(fast_size(sizes[a] + size_[a] - 1, /*even=*/true));
    return grid;
  }

  Sizes after(const Sizes& sizes) const {
    const Sizes grid = fft_grid(sizes), front = before();
    Sizes lines;
    for (std::size_t a = 0; a < grid.size(); ++a) lines.push_back(grid[a] - sizes[a] - front[a]);
    return lines;
  }

  bool by_fft(const Sizes& sizes) const {
    if (settings_.method != Method::automatic) return settings_.method == Method::fft;
    const std::int64_t taps = factors_.empty()
                                  ? product(size_)
                                  : std::accumulate(size_.begin(), size_.end(), std::int64_t{0});
    const double direct = 2.0 * double(taps) * double(product(sizes));
    // Two transforms of 2.5 N log2 N, and a complex product for every second sample.
    const double grid = double(product(fft_grid(sizes)));
    return (5 * std::log2(grid) + 3) * grid < direct;
  }

  Stack stack_of(std::int64_t numel, at::IntArrayRef shape) const {
    const auto axes = size_.size();
    const std::int64_t channels = shape.size() > axes ? shape[shape.size() - axes - 1] : 1;
    const std::int64_t samples = channels * product(last(shape));
    return {samples == 0 ? 0 : numel / samples, channels, last(shape)};
  }

  static std::int64_t rows_at_once(const Stack& stack) {
    constexpr std::int64_t samples = 1 << 20;
    const std::int64_t fitting =
        samples / std::max<std::int64_t>(1, stack.channels * product(stack.sizes));
    return std::max<std::int64_t>(1, std::min(stack.rows, fitting));
  }

  /// Calls `convolve` on parts of x that share a kernel and fit into the processor's cache. Parts
  /// change no bit: every image is computed alike.
  template <class Convolve>
  Tensor each_stack(const Tensor& x, Convolve convolve) const {
    const Stack stack = stack_of(x.numel(), x.sizes());
    if (stack.rows % items_ != 0 || (channels_ != 1 && stack.channels != channels_))
      throw ShapeError("a kernel of " + std::to_string(items_) + " items and " +
                       std::to_string(channels_) + " channels does not fit a tensor of " +
                       shape_text(x.sizes()));
    Sizes shape{stack.rows, stack.channels};
    shape.insert(shape.end(), stack.sizes.begin(), stack.sizes.end());
    const Tensor images = x.reshape(shape);
    const Tensor out = at::empty(shape, x.options());
    const bool fft = by_fft(stack.sizes);
    const std::int64_t same_kernel = stack.rows / items_;
    const std::int64_t most = std::min(rows_at_once(stack), std::max<std::int64_t>(1, same_kernel));
    for (std::int64_t first = 0; first < stack.rows;) {
      const std::int64_t item = first / same_kernel;
      const std::int64_t count = std::min(most, (item + 1) * same_kernel - first);
      out.narrow(0, first, count).copy_(convolve(images.narrow(0, first, count), item, fft));
      first += count;
    }
    return out.view(x.sizes());
  }

  /// Calls `visit(window, tap)` for every tap of a step: the part of the extended image that it
  /// weighs, and its weight for each channel.
  template <class Visit>
  static void each_tap(const Tensor& grid, const Sizes& sizes, const Tensor& kernel, Visit visit) {
    Sizes tap(sizes.size(), 0);
    const Tensor weights = kernel.flatten(1);  // (channels, taps)
    for (std::int64_t i = 0; i < weights.size(1); ++i) {
      Tensor window = grid;
      for (std::size_t a = 0; a < sizes.size(); ++a)
        window =
            window.narrow(static_cast<std::int64_t>(a) + 2,
                          kernel.size(static_cast<std::int64_t>(a) + 1) - 1 - tap[a], sizes[a]);
      visit(window, weights.select(1, i));
      for (std::size_t a = sizes.size(); a-- > 0;) {
        if (++tap[a] < kernel.size(static_cast<std::int64_t>(a) + 1)) break;
        tap[a] = 0;
      }
    }
  }

  static void add_weighted(const Tensor& sum, const Tensor& values, const Tensor& weight) {
    if (weight.numel() == 1) {
      const double w = weight.item<double>();
      if (w != 0) sum.add_(values, w);
    } else {
      Sizes shape(static_cast<std::size_t>(values.dim() - 1), 1);
      shape[0] = weight.numel();
      sum.addcmul_(values, weight.to(values.options()).view(shape));
    }
  }

  /// Before and after, for one step: its kernel may be of length 1 along some axes.
  static std::pair<Sizes, Sizes> reach(const Tensor& kernel) {
    Sizes front, behind;
    for (const std::int64_t n : kernel.sizes().slice(1)) {
      front.push_back(n - 1 - n / 2);
      behind.push_back(n / 2);
    }
    return {front, behind};
  }

  static Tensor of_item(const Tensor& all, std::int64_t item) {
    return all[all.size(0) == 1 ? 0 : item];
  }

  Tensor forward_direct(Tensor x, std::int64_t item) const {
    for (const Tensor& step : steps_) {
      const Tensor kernel = of_item(step, item);
      const auto [front, behind] = reach(kernel);
      const Tensor grid = extended(x, front, behind, settings_.boundary);
      const Tensor y = at::zeros_like(x, at::MemoryFormat::Contiguous);
      each_tap(grid, last(x.sizes()), kernel, [&](const Tensor& window, const Tensor& weight) {
        add_weighted(y, window, weight);
      });
      x = y;
    }
    return x;
  }

  Tensor adjoint_direct(Tensor y, std::int64_t item) const {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
      const Tensor kernel = of_item(*step, item);
      const auto [front, behind] = reach(kernel);
      Sizes shape = y.sizes().vec();
      for (std::size_t a = 0; a < front.size(); ++a) shape[a + 2] += front[a] + behind[a];
      Tensor grid = at::zeros(shape, y.options());
      each_tap(grid, last(y.sizes()), kernel, [&](const Tensor& window, const Tensor& weight) {
        add_weighted(window, y, weight);
      });
      y = folded(std::move(grid), front, behind, settings_.boundary);
    }
    return y;
  }

  Tensor forward_fft(const Tensor& x, std::int64_t item) const {
    const Sizes sizes = last(x.sizes());
    if (settings_.boundary == Boundary::circular) return filtered(x, item, /*adjoint=*/false);
    Tensor y = filtered(extended(x, before(), after(sizes), settings_.boundary), item, false);
    for (std::size_t a = 0; a < sizes.size(); ++a)
      y = y.narrow(static_cast<std::int64_t>(a) + 2, before()[a], sizes[a]);
    return y;
  }

  Tensor adjoint_fft(const Tensor& y, std::int64_t item) const {
    if (settings_.boundary == Boundary::circular) return filtered(y, item, /*adjoint=*/true);
    const Sizes front = before(), behind = after(last(y.sizes()));
    Tensor x = filtered(extended(y, front, behind, Boundary::zero), item, /*adjoint=*/true);
    return folded(std::move(x), front, behind, settings_.boundary);
  }

  /// Circular convolution, or correlation.
  Tensor filtered(const Tensor& grid, std::int64_t item, bool adjoint) const {
    const Sizes sizes = last(grid.sizes());
    const Tensor gain = of_item(cached_transfer(sizes, grid.options()), item);
    const RealFft fft(sizes, grid.scalar_type());
    Tensor spectrum = fft.forward(grid);
    spectrum.mul_(adjoint ? gain.conj() : gain);
    return fft.inverse_destroying(std::move(spectrum));
  }

  /// The transfer function on the grid that was asked for last; iterations ask for the same.
  Tensor cached_transfer(const Sizes& sizes, const at::TensorOptions& options) const {
    const std::lock_guard guard(transfer_mutex_);
    const auto real = c10::typeMetaToScalarType(options.dtype());
    if (!transfer_.defined() || transfer_sizes_ != sizes || transfer_real_ != real ||
        transfer_.device() != options.device()) {
      transfer_ = transfer(sizes, real).to(options.device());
      transfer_sizes_ = sizes;
      transfer_real_ = real;
    }
    return transfer_;
  }

  Settings settings_;
  std::int64_t items_ = 1;
  std::int64_t channels_ = 1;
  Sizes size_;
  std::vector<Tensor> factors_;  // of a separable kernel, one an axis
  std::vector<Tensor> steps_;    // convolved with one after the other: (items, channels, sizes...)
  Tensor kernel_;

  mutable std::mutex transfer_mutex_;
  mutable Tensor transfer_;
  mutable Sizes transfer_sizes_;
  mutable at::ScalarType transfer_real_ = at::kFloat;
};

}  // namespace

PELLUCID_COMPONENT(Convolution, "Blurs each channel with a kernel");

}  // namespace pellucid
