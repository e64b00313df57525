// Fourier transforms by FFTW: plans from stored wisdom, one transform at a time.

#include <pellucid/numerics/fft.h>

#include <fftw3.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/fft_fftn.h>
#include <ATen/ops/fft_ifftn.h>
#include <ATen/ops/fft_irfftn.h>
#include <ATen/ops/fft_rfftn.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include "base/numerics/plan_cache.h"

namespace pellucid {
namespace {

/// Below so many operations a transform is faster in one thread; a batch of them is shared out.
constexpr double kThreadedOperations = 1 << 22;
/// Larger transforms are planned without measuring, which would take minutes and touch two arrays.
constexpr std::int64_t kMeasuredSamples = std::int64_t{1} << 25;

enum class Kind { real_forward, real_inverse, forward, inverse };

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::real_forward:
      return "r2c";
    case Kind::real_inverse:
      return "c2r";
    case Kind::forward:
      return "c2c-forward";
    case Kind::inverse:
      return "c2c-inverse";
  }
  return "";
}

bool is_real(Kind kind) { return kind == Kind::real_forward || kind == Kind::real_inverse; }

/// FFTW's functions for one precision.
template <class Real>
struct Library;

template <>
struct Library<double> {
  using Complex = fftw_complex;
  using Plan = fftw_plan;
  static constexpr auto init_threads = fftw_init_threads;
  static constexpr auto plan_with_threads = fftw_plan_with_nthreads;
  static constexpr auto plan_r2c = fftw_plan_dft_r2c;
  static constexpr auto plan_c2r = fftw_plan_dft_c2r;
  static constexpr auto plan_c2c = fftw_plan_dft;
  static constexpr auto execute_r2c = fftw_execute_dft_r2c;
  static constexpr auto execute_c2r = fftw_execute_dft_c2r;
  static constexpr auto execute_c2c = fftw_execute_dft;
  static constexpr auto destroy = fftw_destroy_plan;
  static constexpr auto allocate = fftw_malloc;
  static constexpr auto release = fftw_free;
  static constexpr auto forget = fftw_forget_wisdom;
  static constexpr auto import_text = fftw_import_wisdom_from_string;
  static constexpr auto export_text = fftw_export_wisdom_to_string;
  static constexpr auto alignment_of = fftw_alignment_of;
  static const char* version() { return fftw_version; }
};

template <>
struct Library<float> {
  using Complex = fftwf_complex;
  using Plan = fftwf_plan;
  static constexpr auto init_threads = fftwf_init_threads;
  static constexpr auto plan_with_threads = fftwf_plan_with_nthreads;
  static constexpr auto plan_r2c = fftwf_plan_dft_r2c;
  static constexpr auto plan_c2r = fftwf_plan_dft_c2r;
  static constexpr auto plan_c2c = fftwf_plan_dft;
  static constexpr auto execute_r2c = fftwf_execute_dft_r2c;
  static constexpr auto execute_c2r = fftwf_execute_dft_c2r;
  static constexpr auto execute_c2c = fftwf_execute_dft;
  static constexpr auto destroy = fftwf_destroy_plan;
  static constexpr auto allocate = fftwf_malloc;
  static constexpr auto release = fftwf_free;
  static constexpr auto forget = fftwf_forget_wisdom;
  static constexpr auto import_text = fftwf_import_wisdom_from_string;
  static constexpr auto export_text = fftwf_export_wisdom_to_string;
  static constexpr auto alignment_of = fftwf_alignment_of;
  static const char* version() { return fftwf_version; }
};

/// FFTW's planner has global state, in each precision.
std::mutex planner;

/// What a plan depends on beside the machine.
struct Recipe {
  Kind kind;
  std::vector<std::int64_t> sizes;
  bool single = false;  // precision
  int threads = 1;
  /// All rows of a batch begin on FFTW's boundary of 16 bytes; else plans must not rely on it.
  bool aligned = true;

  std::int64_t samples() const {
    return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
  }
  std::int64_t half_samples() const { return samples() / sizes.back() * (sizes.back() / 2 + 1); }
  std::int64_t real_bytes() const { return single ? 4 : 8; }
  std::int64_t in_bytes() const { return row_bytes(kind == Kind::real_forward); }
  std::int64_t out_bytes() const { return row_bytes(kind == Kind::real_inverse); }
  double operations() const {
    return (is_real(kind) ? 2.5 : 5.0) * double(samples()) * std::log2(double(samples()) + 1);
  }
  /// "fft-r2c-288x288-float32-t2", a file name.
  std::string name() const {
    return std::string("fft-") + name_of(kind) + "-" + shape_text(sizes) +
           (single ? "-float32" : "-float64") + "-t" + std::to_string(threads) +
           (aligned ? "" : "-unaligned");
  }

 private:
  std::int64_t row_bytes(bool real_side) const {
    if (real_side) return samples() * real_bytes();
    return (is_real(kind) ? half_samples() : samples()) * 2 * real_bytes();
  }
};

Recipe recipe(Kind kind, const std::vector<std::int64_t>& sizes, bool single) {
  Recipe r{kind, sizes, single, 1, true};
  if (r.operations() >= kThreadedOperations) r.threads = at::get_num_threads();
  r.aligned = r.in_bytes() % 16 == 0 && r.out_bytes() % 16 == 0;
  return r;
}

/// The machine as far as measured plans depend on it: 16 hexadecimal digits, a folder name.
std::string machine(const char* version) {
  std::string model;
  std::ifstream cpus("/proc/cpuinfo");
  for (std::string line; std::getline(cpus, line);)
    if (line.starts_with("model name") || line.starts_with("flags") ||
        line.starts_with("CPU part") || line.starts_with("Features")) {
      if (model.find(line) != std::string::npos) break;
      model += line;
    }
  model += version;
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (auto hash = XXH3_64bits(model.data(), model.size()); text.size() < 16; hash >>= 4)
    text += digits[hash & 15];
  return text;
}

/// One transform, for any arrays on the boundary that its recipe promises.
class Transform {
 public:
  explicit Transform(Recipe recipe) : recipe_(std::move(recipe)) {}
  Transform(const Transform&) = delete;
  Transform& operator=(const Transform&) = delete;
  virtual ~Transform() = default;

  const Recipe& recipe() const { return recipe_; }
  virtual void run(void* in, void* out) const = 0;
  virtual bool on_boundary(const void* data) const = 0;

 private:
  Recipe recipe_;
};

template <class Real>
class Planned final : public Transform {
  using Fftw = Library<Real>;
  using Complex = typename Fftw::Complex;

 public:
  explicit Planned(Recipe wanted) : Transform(std::move(wanted)) {
    // Before any wisdom is read, which FFTW refuses where it was made with other solvers.
    static const int ready = Fftw::init_threads();
    if (!ready) throw Error("FFTW cannot start its threads");
    if (recipe().samples() > kMeasuredSamples || !take_measured()) plan_ = plan(FFTW_ESTIMATE);
    if (!plan_) throw Error("FFTW cannot plan " + recipe().name());
  }
  ~Planned() override {
    const std::lock_guard guard(planner);
    if (plan_) Fftw::destroy(plan_);
  }

  void run(void* in, void* out) const override {
    switch (recipe().kind) {
      case Kind::real_forward:
        return Fftw::execute_r2c(plan_, static_cast<Real*>(in), static_cast<Complex*>(out));
      case Kind::real_inverse:
        return Fftw::execute_c2r(plan_, static_cast<Complex*>(in), static_cast<Real*>(out));
      default:
        return Fftw::execute_c2c(plan_, static_cast<Complex*>(in), static_cast<Complex*>(out));
    }
  }

  bool on_boundary(const void* data) const override {
    return !recipe().aligned ||
           Fftw::alignment_of(const_cast<Real*>(static_cast<const Real*>(data))) == 0;
  }

 private:
  /// With wisdom that covers it, a plan needs no measuring and never touches the arrays.
  bool take_measured() {
    const auto accept = [this](const std::string& text) {
      Fftw::forget();
      if (Fftw::import_text(text.c_str()) != 1) return false;
      plan_ = plan(FFTW_MEASURE | FFTW_WISDOM_ONLY);
      return plan_ != nullptr;
    };
    const auto make = [this] {
      Fftw::forget();
      Fftw::destroy(plan(FFTW_MEASURE));
      char* text = Fftw::export_text();
      const std::string wisdom = text;
      std::free(text);
      return wisdom;
    };
    static const std::string here = machine(Fftw::version());
    return plan_cache::obtain(recipe().name() + ".wisdom", here, accept, make);
  }

  typename Fftw::Plan plan(unsigned flags) const {
    const Recipe& r = recipe();
    Fftw::plan_with_threads(r.threads);
    if (!r.aligned) flags |= FFTW_UNALIGNED;
    const std::vector<int> n(r.sizes.begin(), r.sizes.end());
    const int rank = static_cast<int>(n.size());
    void* in = Fftw::allocate(static_cast<std::size_t>(r.in_bytes()));
    void* out = Fftw::allocate(static_cast<std::size_t>(r.out_bytes()));
    auto* complex_in = static_cast<Complex*>(in);
    auto* complex_out = static_cast<Complex*>(out);
    typename Fftw::Plan made = nullptr;
    switch (r.kind) {
      case Kind::real_forward:
        made = Fftw::plan_r2c(rank, n.data(), static_cast<Real*>(in), complex_out, flags);
        break;
      case Kind::real_inverse:
        made = Fftw::plan_c2r(rank, n.data(), complex_in, static_cast<Real*>(out), flags);
        break;
      case Kind::forward:
        made = Fftw::plan_c2c(rank, n.data(), complex_in, complex_out, FFTW_FORWARD,
                              flags | FFTW_PRESERVE_INPUT);
        break;
      case Kind::inverse:
        made = Fftw::plan_c2c(rank, n.data(), complex_in, complex_out, FFTW_BACKWARD,
                              flags | FFTW_PRESERVE_INPUT);
        break;
    }
    Fftw::release(in);
    Fftw::release(out);
    return made;
  }

  typename Fftw::Plan plan_ = nullptr;
};

/// The transform for a recipe, the same object for everybody who asks while the choices stand.
std::shared_ptr<const Transform> transform(const Recipe& wanted) {
  static auto& known = *new std::map<std::string, std::shared_ptr<const Transform>>;
  static std::uint64_t generation = 0;
  const std::string name = wanted.name();
  // Plans that are let go lock the planner themselves, so they outlive the guard.
  std::map<std::string, std::shared_ptr<const Transform>> outdated;
  const std::lock_guard guard(planner);
  if (generation != plan_cache::generation()) {
    outdated.swap(known);
    generation = plan_cache::generation();
  }
  std::shared_ptr<const Transform>& found = known[name];
  if (!found) {
    if (wanted.single) found = std::make_shared<Planned<float>>(wanted);
    else found = std::make_shared<Planned<double>>(wanted);
  }
  return found;
}

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
  std::vector<std::thread> others;
  for (std::int64_t t = 1; t < threads; ++t)
    others.emplace_back(share, rows * t / threads, rows * (t + 1) / threads);
  share(0, rows / std::max<std::int64_t>(threads, 1));
  for (std::thread& other : others) other.join();
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
