#include "base/numerics/fft_plan.h"

#include <fftw3.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include <ATen/Parallel.h>

#include <pellucid/spec.h>

#include "base/numerics/plan_cache.h"

namespace pellucid::fft_plan {
namespace {

/// Larger transforms are planned without measuring, which would take minutes and touch two arrays.
constexpr std::int64_t kMeasuredSamples = std::int64_t{1} << 25;

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
    case Kind::columns_forward:
      return "columns-forward";
    case Kind::columns_inverse:
      return "columns-inverse";
  }
  return "";
}

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
  static constexpr auto plan_columns = fftw_plan_many_dft;
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
  static constexpr auto plan_columns = fftwf_plan_many_dft;
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
      case Kind::columns_forward:
      case Kind::columns_inverse:
        made = Fftw::plan_columns(
            1, n.data(), n[1], complex_in, nullptr, n[1], 1, complex_in, nullptr, n[1], 1,
            r.kind == Kind::columns_forward ? FFTW_FORWARD : FFTW_BACKWARD, flags);
        break;
    }
    Fftw::release(in);
    Fftw::release(out);
    return made;
  }

  typename Fftw::Plan plan_ = nullptr;
};

}  // namespace

std::string Recipe::name() const {
  return std::string("fft-") + name_of(kind) + "-" + shape_text(sizes) +
         (single ? "-float32" : "-float64") + "-t" + std::to_string(threads) +
         (aligned ? "" : "-unaligned");
}

Recipe recipe(Kind kind, const std::vector<std::int64_t>& sizes, bool single) {
  Recipe r{kind, sizes, single};
  if (r.operations() >= kThreadedOperations) r.threads = at::get_num_threads();
  r.aligned = r.in_bytes() % 16 == 0 && r.out_bytes() % 16 == 0;
  return r;
}

void share_out(std::int64_t count, std::int64_t threads,
               const std::function<void(std::int64_t first, std::int64_t last)>& some) {
  threads = std::min(threads, count);
  if (threads <= 1) {
    if (count > 0) some(0, count);
    return;
  }
  constexpr std::int64_t parts_a_thread = 8;
  const std::int64_t size = std::max<std::int64_t>(1, count / (threads * parts_a_thread));
  std::atomic<std::int64_t> next = 0;
  std::mutex failing;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      for (std::int64_t first = next.fetch_add(size); first < count; first = next.fetch_add(size))
        some(first, std::min(count, first + size));
    } catch (...) {
      next = count;
      const std::lock_guard guard(failing);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  for (std::int64_t t = 1; t < threads; ++t) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  if (failure) std::rethrow_exception(failure);
}

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

}  // namespace pellucid::fft_plan
