#include "kernel_convolution.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/numerics/fft.h>

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

Tensor of_item(const Tensor& all, std::int64_t item) {
  return all.defined() ? all[all.size(0) == 1 ? 0 : item] : all;
}

DirectKernel of_item(const DirectKernel& all, std::int64_t item) {
  return {of_item(all.kernel, item), of_item(all.row, item)};
}

std::string nanometres_text(const std::vector<double>& spacing) {
  std::ostringstream text;
  for (std::size_t a = 0; a < spacing.size(); ++a) text << (a ? " x " : "") << spacing[a];
  return text.str() + " nm";
}

/// Where both are known they agree to a percent, because what files say is rounded.
void require_same_spacing(const std::vector<double>& kernel, const std::vector<double>& x) {
  for (std::size_t a = 0; a < std::min(kernel.size(), x.size()); ++a)
    if (!(std::abs(kernel[a] - x[a]) <= 0.01 * std::abs(x[a])))
      throw ShapeError("the kernel must have the spacing of x, " + nanometres_text(x) + ", got " +
                       nanometres_text(kernel) +
                       "; give the kernel's 'pixel' and 'step' those values, or a kernel that was "
                       "sampled so");
}

}  // namespace

std::vector<std::pair<std::string, ConvolutionMethod>> enumerators(ConvolutionMethod) {
  return {{"automatic", ConvolutionMethod::automatic},
          {"direct", ConvolutionMethod::direct},
          {"fft", ConvolutionMethod::fft}};
}

Sizes KernelConvolution::Stack::shape(const Sizes& of_images) const {
  Sizes all{rows, channels};
  all.insert(all.end(), of_images.begin(), of_images.end());
  return all;
}

void KernelConvolution::set_factors(std::vector<Tensor> factors) {
  kernel_ = product_of(factors);
  // Rows and columns are summed in one pass over the image.
  steps_.clear();
  for (std::size_t f = 0; f + 1 < factors.size(); ++f) steps_.push_back({factors[f]});
  if (steps_.empty()) steps_.push_back({factors.back()});
  else steps_.back().row = factors.back();
}

Spec KernelConvolution::kernel_spec() const {
  Spec spec;
  spec.items = shape_.items;
  spec.dtype = at::kDouble;
  spec.axes = axes() == 2 ? "chw" : "czyx";
  spec.shape = {shape_.channels};
  spec.shape.insert(spec.shape.end(), shape_.size.begin(), shape_.size.end());
  return spec;
}

std::int64_t KernelConvolution::resident_bytes() const {
  return kernel_spec().bytes() + (shape_.separable ? 8 * c10::sum_integers(shape_.size) : 0);
}

Spec KernelConvolution::range(const Spec& x) const {
  require_real(x);
  require_spatial(x, dimensions_);
  if (shape_.items != 1 && shape_.items != x.items)
    throw ShapeError("the kernel must have one item or as many as x, got " +
                     std::to_string(shape_.items) + " and " + std::to_string(x.items));
  require_same_spacing(shape_.spacing, nanometres(x.spacing, x.spacing_unit, axes()));
  const std::size_t leading = x.axes.size() - axes();
  if (shape_.channels != 1) {
    if (leading == 0 || x.axes[leading - 1] != 'c')
      throw ShapeError("a kernel with channels needs the axis 'c' right before '" +
                       x.axes.substr(leading) + "', got '" + x.axes +
                       "'; give a kernel with one channel");
    if (x.size('c') != shape_.channels)
      throw ShapeError("the kernel must have one channel or as many as x, got " +
                       std::to_string(shape_.channels) + " for " + x.text());
  }
  Spec y = x;
  const Sizes sizes = sizes_of_result(last_sizes(x.shape, axes()));
  std::copy(sizes.begin(), sizes.end(), y.shape.begin() + static_cast<std::int64_t>(leading));
  return y;
}

Spec KernelConvolution::domain(const Spec& y) const {
  Spec x = y;
  for (std::size_t a = 0; boundary_ == Boundary::valid && a < shape_.size.size(); ++a)
    x.shape[x.shape.size() - axes() + a] += shape_.size[a] - 1;
  range(x);
  return x;
}

Tensor KernelConvolution::forward(const Tensor& x) const {
  const Sizes sizes = last_sizes(x.sizes(), axes());
  const ConvolutionMethod method = method_for(sizes);
  return each_part(x, sizes_of_result(sizes),
                   [&](const Tensor& part, std::int64_t item, const Tensor& y) {
                     if (method == ConvolutionMethod::fft) fft_.forward(part, item, y);
                     else forward_direct(part, item, y);
                   });
}

Tensor KernelConvolution::adjoint(const Tensor& y) const {
  const Sizes sizes = sizes_of_argument(last_sizes(y.sizes(), axes()));
  const ConvolutionMethod method = method_for(sizes);
  return each_part(y, sizes, [&](const Tensor& part, std::int64_t item, const Tensor& x) {
    if (method == ConvolutionMethod::fft) fft_.adjoint(part, item, x);
    else adjoint_direct(part, item, x);
  });
}

std::optional<Sizes> KernelConvolution::halo(const Spec& x) const {
  if (boundary_ == Boundary::circular || boundary_ == Boundary::valid) return std::nullopt;
  Sizes reach(x.shape.size(), 0);
  for (std::size_t a = 0; a < shape_.size.size(); ++a)
    reach[reach.size() - shape_.size.size() + a] = shape_.size[a] / 2;
  return reach;
}

std::int64_t KernelConvolution::working_bytes(const Spec& x) const {
  Sizes shape{x.items};
  shape.insert(shape.end(), x.shape.begin(), x.shape.end());
  const Stack stack = stack_of(shape);
  const std::int64_t planes = rows_at_once(stack) * stack.channels;
  const std::int64_t element = x.dtype == at::kDouble ? 8 : 4;
  if (method_for(stack.sizes) == ConvolutionMethod::direct) {
    Sizes grid = stack.sizes;
    for (std::size_t a = 0; a < grid.size(); ++a) grid[a] += shape_.size[a];
    // The extended result of an adjoint, and the results of two factors.
    return 3 * planes * c10::multiply_integers(grid) * element;
  }
  Sizes grid = fft_.grid(stack.sizes);
  grid.back() += 2;
  const std::int64_t kernels = std::min(shape_.items, x.items) * shape_.channels;
  // Extended image, spectrum and result; transfer functions and a copy.
  return (3 * planes + 2 * kernels) * c10::multiply_integers(grid) * element;
}

double KernelConvolution::norm(const Spec& x) const {
  if (boundary_ != Boundary::circular) return LinearOperator::norm(x);
  return transfer(last_sizes(x.shape, axes()), at::kDouble).abs().max().item<double>();
}

Tensor KernelConvolution::solve_normal(const Tensor& b, double weight, const Solve& how) const {
  if (boundary_ != Boundary::circular || weight == 0 || b.numel() == 0)
    return LinearOperator::solve_normal(b, weight, how);
  const Stack stack = fitting_stack_of(b);
  const RealFft fft(stack.sizes, b.scalar_type());
  Tensor spectrum = fft.forward(b.reshape(stack.shape(stack.sizes)));
  const Tensor gain = fft_.transfer(stack.sizes, b.options()).abs().square().add_(weight);
  const std::int64_t items = gain.size(0), rows = stack.rows / items;
  for (std::int64_t item = 0; item < items; ++item)
    spectrum.narrow(0, item * rows, rows).div_(gain[item]);
  return fft.inverse_destroying(std::move(spectrum)).view(b.sizes());
}

/// Direct or FFT, by counting operations, of which those of a transform take 2.5 times as long as
/// those of a sum (512 x 512, two threads).
ConvolutionMethod KernelConvolution::method_for(const Sizes& sizes) const {
  if (method_ != ConvolutionMethod::automatic) return method_;
  const std::int64_t taps =
      shape_.separable ? c10::sum_integers(shape_.size) : c10::multiply_integers(shape_.size);
  const double direct = 2.0 * double(taps) * double(c10::multiply_integers(sizes));
  // Two transforms of 2.5 N log2 N, and a complex product for every second sample.
  const double grid = double(c10::multiply_integers(fft_.grid(sizes)));
  return 2.5 * (5 * std::log2(grid) + 3) * grid < direct ? ConvolutionMethod::fft
                                                         : ConvolutionMethod::direct;
}

/// Of a tensor (items, ..., channels, sizes...). Items of `sizes` alone have one channel.
KernelConvolution::Stack KernelConvolution::stack_of(at::IntArrayRef shape) const {
  at::IntArrayRef leading = shape.slice(0, shape.size() - axes());
  std::int64_t channels = 1;
  if (leading.size() > 1) {
    channels = leading.back();
    leading = leading.slice(0, leading.size() - 1);
  }
  return {c10::multiply_integers(leading), channels, last_sizes(shape, axes())};
}

/// The same of a tensor that the kernels must be for.
KernelConvolution::Stack KernelConvolution::fitting_stack_of(const Tensor& tensor) const {
  const Stack stack = stack_of(tensor.sizes());
  const bool has_items = tensor.dim() > dimensions_;
  if ((shape_.items != 1 && !(has_items && tensor.size(0) == shape_.items)) ||
      (shape_.channels != 1 && stack.channels != shape_.channels))
    throw ShapeError("a kernel of " + std::to_string(shape_.items) + " items and " +
                     std::to_string(shape_.channels) + " channels does not fit a tensor of " +
                     shape_text(tensor.sizes()));
  return stack;
}

std::int64_t KernelConvolution::rows_at_once(const Stack& stack) {
  constexpr std::int64_t samples = 1 << 20;
  const std::int64_t row = stack.channels * c10::multiply_integers(stack.sizes);
  return std::clamp<std::int64_t>(samples / std::max<std::int64_t>(1, row), 1,
                                  std::max<std::int64_t>(1, stack.rows));
}

Sizes KernelConvolution::sizes_of_result(const Sizes& sizes) const {
  const Sizes result = convolved_sizes(sizes, shape_.size, boundary_);
  if (*std::min_element(result.begin(), result.end()) < (boundary_ == Boundary::valid ? 1 : 0))
    throw ShapeError("with the boundary 'valid' images must be as large as the kernel, " +
                     shape_text(shape_.size) + ", or larger, got " + shape_text(sizes) +
                     "; give a smaller kernel or another boundary");
  return result;
}

Sizes KernelConvolution::sizes_of_argument(const Sizes& sizes) const {
  Sizes argument = sizes;
  for (std::size_t a = 0; boundary_ == Boundary::valid && a < argument.size(); ++a)
    argument[a] += shape_.size[a] - 1;
  return argument;
}

void KernelConvolution::forward_direct(const Tensor& x, std::int64_t item, const Tensor& y) const {
  Tensor part = x;
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const DirectKernel step = of_item(steps_[s], item);
    Tensor next = y;
    if (s + 1 < steps_.size()) {
      Sizes shape = convolved_sizes(part.sizes().slice(2), step.size(), boundary_);
      shape.insert(shape.begin(), {x.size(0), x.size(1)});
      next = at::empty(shape, x.options());
    }
    convolve(part, step, boundary_, next);
    part = next;
  }
}

void KernelConvolution::adjoint_direct(const Tensor& y, std::int64_t item, const Tensor& x) const {
  Tensor part = y;
  for (std::size_t s = steps_.size(); s-- > 0;) {
    const DirectKernel step = of_item(steps_[s], item);
    Tensor next = x;
    if (s > 0) {
      const Sizes size = step.size();
      Sizes shape = part.sizes().vec();
      for (std::size_t a = 0; boundary_ == Boundary::valid && a < size.size(); ++a)
        shape[a + 2] += size[a] - 1;
      next = at::empty(shape, y.options());
    }
    correlate(part, step, boundary_, next);
    part = next;
  }
}

template <class Apply>
Tensor KernelConvolution::each_part(const Tensor& tensor, const Sizes& sizes_of_results,
                                    Apply apply) const {
  const Stack stack = fitting_stack_of(tensor);
  Sizes shape = tensor.sizes().vec();
  std::copy(sizes_of_results.begin(), sizes_of_results.end(),
            shape.end() - static_cast<std::int64_t>(axes()));
  const Tensor images = tensor.reshape(stack.shape(stack.sizes));
  const Tensor results = at::empty(stack.shape(sizes_of_results), tensor.options());
  if (images.numel() == 0) return results.zero_().view(shape);
  const std::int64_t same_kernel = std::max<std::int64_t>(1, stack.rows / shape_.items);
  const std::int64_t most = std::min(rows_at_once(stack), same_kernel);
  for (std::int64_t first = 0; first < stack.rows;) {
    const std::int64_t item = first / same_kernel;
    const std::int64_t count = std::min(most, (item + 1) * same_kernel - first);
    apply(images.narrow(0, first, count), item, results.narrow(0, first, count));
    first += count;
  }
  return results.view(shape);
}

}  // namespace pellucid
