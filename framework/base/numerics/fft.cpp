// Fourier transforms by FFTW: plans from stored wisdom, one transform at a time.

#include <pellucid/numerics/fft.h>

#include <algorithm>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fft_fftn.h>
#include <ATen/ops/fft_ifftn.h>
#include <ATen/ops/fft_irfftn.h>
#include <ATen/ops/fft_rfftn.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include "base/numerics/fft_plan.h"

namespace pellucid {
namespace {

using fft_plan::Kind;
using fft_plan::kThreadedOperations;
using fft_plan::Recipe;
using fft_plan::recipe;
using fft_plan::Transform;
using fft_plan::transform;

template <class Real>
void multiply(Real* values, std::int64_t count, double scale) {
  constexpr std::int64_t kWorthAThread = 1 << 18;  // more than a row that is not threaded itself
  at::parallel_for(0, count, kWorthAThread, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) values[i] *= static_cast<Real>(scale);
  });
}

/// Rows of a batch, one after the other; many small ones are shared out among the caller's threads,
/// which changes no bit of them. `scale` multiplies what is transformed, in place.
void run_rows(const Transform& transform, const Tensor& in, const Tensor& out, std::int64_t rows,
              double scale) {
  const Recipe& r = transform.recipe();
  auto* from = static_cast<char*>(in.data_ptr());
  auto* to = static_cast<char*>(out.data_ptr());
  const std::int64_t numbers = r.in_bytes() / r.real_bytes();
  const auto share = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      char* const source = from + row * r.in_bytes();
      if (scale != 1 && r.single) multiply(reinterpret_cast<float*>(source), numbers, scale);
      if (scale != 1 && !r.single) multiply(reinterpret_cast<double*>(source), numbers, scale);
      transform.run(source, to + row * r.out_bytes());
    }
  };
  std::int64_t threads = r.threads == 1 ? at::get_num_threads() : 1;
  threads = std::min(
      {threads, rows,
       static_cast<std::int64_t>(double(rows) * r.operations() / kThreadedOperations) + 1});
  fft_plan::share_out(rows, threads, share);
}

void require_sizes(const std::vector<std::int64_t>& sizes) {
  const bool possible =
      !sizes.empty() && sizes.size() <= 3 &&
      std::all_of(sizes.begin(), sizes.end(), [](auto n) { return n > 0 && n <= INT32_MAX; });
  if (!possible)
    throw ShapeError("a Fourier transform needs 1 to 3 sizes from 1 on, got " + shape_text(sizes));
}

/// The last axes of `x` are `sizes`, and its dtype is the one planned for.
void require_fitting(const Tensor& x, const std::vector<std::int64_t>& sizes,
                     at::ScalarType dtype) {
  const auto axes = static_cast<std::int64_t>(sizes.size());
  if (x.dim() < axes ||
      x.sizes().slice(static_cast<std::size_t>(x.dim() - axes)) != at::IntArrayRef(sizes))
    throw ShapeError("a Fourier transform planned for " + shape_text(sizes) + " got a tensor of " +
                     shape_text(x.sizes()));
  if (x.scalar_type() != dtype)
    throw ShapeError("a Fourier transform planned for " + dtype_name(dtype) + " got " +
                     dtype_name(x.scalar_type()));
}

std::vector<std::int64_t> with_last(at::IntArrayRef shape, std::int64_t last) {
  std::vector<std::int64_t> changed = shape.vec();
  changed.back() = last;
  return changed;
}

/// Contiguous and on FFTW's boundary.
Tensor laid_out(const Tensor& x, const Transform& transform) {
  const Tensor packed = x.resolve_conj().contiguous();
  return transform.on_boundary(packed.data_ptr()) ? packed : packed.clone();
}

Tensor transformed(const Transform& transform, const Tensor& in, at::IntArrayRef shape,
                   at::ScalarType dtype, double scale = 1) {
  const Tensor out = at::empty(shape, in.options().dtype(dtype));
  const std::int64_t rows = in.numel() * in.element_size() / transform.recipe().in_bytes();
  if (rows > 0) run_rows(transform, in, out, rows, scale);
  return out;
}

}  // namespace

struct RealFft::Plans {
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> half_sizes;
  at::ScalarType real;
  at::ScalarType complex;
  std::int64_t samples;
  std::shared_ptr<const Transform> forward;
  std::shared_ptr<const Transform> inverse;
};

RealFft::RealFft(std::vector<std::int64_t> sizes, at::ScalarType real) {
  require_sizes(sizes);
  if (real != at::kFloat && real != at::kDouble)
    throw ShapeError("a real Fourier transform needs float32 or float64, got " + dtype_name(real));
  const bool single = real == at::kFloat;
  const Recipe forward = recipe(Kind::real_forward, sizes, single);
  plans_ = std::make_shared<Plans>(Plans{sizes, with_last(sizes, sizes.back() / 2 + 1), real,
                                         single ? at::kComplexFloat : at::kComplexDouble,
                                         forward.samples(), transform(forward),
                                         transform(recipe(Kind::real_inverse, sizes, single))});
}

RealFft::~RealFft() = default;
RealFft::RealFft(const RealFft&) = default;
RealFft& RealFft::operator=(const RealFft&) = default;

const std::vector<std::int64_t>& RealFft::sizes() const { return plans_->sizes; }

Tensor RealFft::forward(const Tensor& x) const {
  require_fitting(x, plans_->sizes, plans_->real);
  if (!x.is_cpu()) return at::fft_rfftn(x, c10::nullopt, last_axes(plans_->sizes.size()));
  return transformed(*plans_->forward, laid_out(x, *plans_->forward),
                     with_last(x.sizes(), plans_->half_sizes.back()), plans_->complex);
}

Tensor RealFft::inverse(const Tensor& spectrum) const {
  return inverse_destroying(spectrum.clone(at::MemoryFormat::Contiguous));
}

Tensor RealFft::inverse_destroying(Tensor&& spectrum) const {
  require_fitting(spectrum, plans_->half_sizes, plans_->complex);
  if (!spectrum.is_cpu())
    return at::fft_irfftn(spectrum, at::IntArrayRef(plans_->sizes),
                          last_axes(plans_->sizes.size()));
  return transformed(*plans_->inverse, laid_out(spectrum, *plans_->inverse),
                     with_last(spectrum.sizes(), plans_->sizes.back()), plans_->real,
                     1.0 / double(plans_->samples));
}

struct ComplexFft::Plans {
  std::vector<std::int64_t> sizes;
  at::ScalarType complex;
  std::int64_t samples;
  std::shared_ptr<const Transform> forward;
  std::shared_ptr<const Transform> inverse;
};

ComplexFft::ComplexFft(std::vector<std::int64_t> sizes, at::ScalarType complex) {
  require_sizes(sizes);
  if (complex != at::kComplexFloat && complex != at::kComplexDouble)
    throw ShapeError("a complex Fourier transform needs complex64 or complex128, got " +
                     dtype_name(complex));
  const bool single = complex == at::kComplexFloat;
  const Recipe forward = recipe(Kind::forward, sizes, single);
  plans_ = std::make_shared<Plans>(Plans{sizes, complex, forward.samples(), transform(forward),
                                         transform(recipe(Kind::inverse, sizes, single))});
}

ComplexFft::~ComplexFft() = default;
ComplexFft::ComplexFft(const ComplexFft&) = default;
ComplexFft& ComplexFft::operator=(const ComplexFft&) = default;

const std::vector<std::int64_t>& ComplexFft::sizes() const { return plans_->sizes; }

Tensor ComplexFft::forward(const Tensor& x) const {
  require_fitting(x, plans_->sizes, plans_->complex);
  if (!x.is_cpu()) return at::fft_fftn(x, c10::nullopt, last_axes(plans_->sizes.size()));
  return transformed(*plans_->forward, laid_out(x, *plans_->forward), x.sizes(), plans_->complex);
}

Tensor ComplexFft::inverse(const Tensor& spectrum) const {
  require_fitting(spectrum, plans_->sizes, plans_->complex);
  if (!spectrum.is_cpu())
    return at::fft_ifftn(spectrum, c10::nullopt, last_axes(plans_->sizes.size()));
  const Tensor x = transformed(*plans_->inverse, laid_out(spectrum, *plans_->inverse),
                               spectrum.sizes(), plans_->complex);
  at::view_as_real(x).mul_(1.0 / double(plans_->samples));
  return x;
}

std::int64_t fast_size(std::int64_t n, Parity parity) {
  const auto is_fast = [](std::int64_t size) {
    for (const std::int64_t once : {11, 13})
      if (size % once == 0) {
        size /= once;
        break;
      }
    for (const std::int64_t prime : {2, 3, 5, 7})
      while (size % prime == 0) size /= prime;
    return size == 1;
  };
  const bool even = parity == Parity::even;
  std::int64_t size = std::max<std::int64_t>(n, even ? 2 : 1);
  while (!is_fast(size) || (even && size % 2 != 0)) ++size;
  return size;
}

}  // namespace pellucid
