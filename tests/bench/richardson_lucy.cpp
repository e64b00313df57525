// Richardson-Lucy deconvolution of 1024 x 1024 pixels with a kernel of 31 x 31, and of 64 x 256 x 256
// with one of 15 x 15 x 15, float32, zero boundary, two threads.
//
// An iteration is compared with the two pairs of Fourier transforms that it would take without
// FftFilter: FFTW called on arrays that are there already, whole transforms on the same grid, measured
// plans, as many threads; and with an iteration of scikit-image 0.26, whose estimate after the same
// iterations from the same start (0.5), without weights as it does it, must agree. scikit-image is run
// between two halves of our rounds, so that what else the machine does slows down both. It transforms in
// one thread. Its Python packages go to a folder of the build; where they cannot be had, the comparison is
// left out. An iteration's time is the difference of two runs over that of their iterations, so that
// plans, transfer functions and weights do not count.
//
// The floor is the two filters of an iteration, between rows that are in the cache: what is left is
// reading x, y and weights and writing the ratio and x. It is measured, too: 10.2 of 12.1 ms and 39.7 of
// 48.7 ms on two busy cores, where the FFTs took 13.9 and 81.6 ms.
//
// Must reach: at most 1.4 times the transforms; at least 5 times as fast as scikit-image, in three
// dimensions 6 times; and at most 6 volumes of the grid's size in memory, the input left out.

#include <fftw3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/stage.h>
#include <pellucid/testing.h>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Sizes = std::vector<std::int64_t>;
using pellucid::Inputs;
using pellucid::Outputs;
using pellucid::Tensor;

constexpr int kThreads = 2;
constexpr int kFew = 4, kMany = 24, kCompared = 8, kRounds = 9;

double seconds_of(const std::function<void()>& action) {
  const auto begin = Clock::now();
  action();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string text(const Sizes& sizes, const char* between) {
  std::string all;
  for (const std::int64_t n : sizes) all += (all.empty() ? "" : between) + std::to_string(n);
  return all;
}

/// The stored plan of a transform, and its threads.
std::pair<std::string, int> wisdom(const std::string& kind, const Sizes& sizes) {
  for (const int threads : {1, kThreads}) {
    const std::string name =
        "fft-" + kind + "-" + text(sizes, "x") + "-float32-t" + std::to_string(threads) + ".wisdom";
    for (const auto& entry : fs::recursive_directory_iterator(std::getenv("PELLUCID_CACHE")))
      if (entry.path().filename() == name) {
        std::ifstream in(entry.path());
        return {std::string{std::istreambuf_iterator<char>(in), {}}, threads};
      }
  }
  std::fprintf(stderr, "no plan for %s of %s\n", kind.c_str(), text(sizes, "x").c_str());
  std::exit(2);
}

/// A transform and its inverse by FFTW alone.
class Pair {
 public:
  explicit Pair(const Sizes& sizes) {
    std::int64_t samples = 1, half = 1;
    for (const std::int64_t n : sizes) samples *= n;
    half = samples / sizes.back() * (sizes.back() / 2 + 1);
    image_ = fftwf_alloc_real(static_cast<std::size_t>(samples));
    spectrum_ = fftwf_alloc_complex(static_cast<std::size_t>(half));
    fftwf_init_threads();
    const auto take = [](const std::pair<std::string, int>& plan) {
      fftwf_forget_wisdom();
      fftwf_import_wisdom_from_string(plan.first.c_str());
      fftwf_plan_with_nthreads(plan.second);
    };
    const std::vector<int> n(sizes.begin(), sizes.end());
    const int rank = static_cast<int>(n.size());
    take(wisdom("r2c", sizes));
    forward_ =
        fftwf_plan_dft_r2c(rank, n.data(), image_, spectrum_, FFTW_MEASURE | FFTW_WISDOM_ONLY);
    take(wisdom("c2r", sizes));
    inverse_ =
        fftwf_plan_dft_c2r(rank, n.data(), spectrum_, image_, FFTW_MEASURE | FFTW_WISDOM_ONLY);
    if (!forward_ || !inverse_) std::exit(2);
    std::fill_n(image_, samples, 0.5F);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    fftwf_destroy_plan(forward_);
    fftwf_destroy_plan(inverse_);
    fftwf_free(image_);
    fftwf_free(spectrum_);
  }
  void run() const {
    fftwf_execute(forward_);
    fftwf_execute(inverse_);
  }

 private:
  float* image_;
  fftwf_complex* spectrum_;
  fftwf_plan forward_, inverse_;
};

void write(const fs::path& file, const Tensor& values) {
  std::ofstream(file, std::ios::binary)
      .write(static_cast<const char*>(values.const_data_ptr()), std::streamsize(values.nbytes()));
}

/// Python with scikit-image, made where it is not there yet.
bool has_peer(const fs::path& python) {
  const std::string quiet = " >/dev/null 2>&1";
  const std::string test = python.string() + " -c 'import skimage'" + quiet;
  if (std::system(test.c_str()) == 0) return true;
  const std::string folder = python.parent_path().parent_path().string();
  const std::string make = "python3 -m venv " + folder + quiet + " && " + python.string() +
                           " -m pip install 'scikit-image==0.26.*'" + quiet;
  return std::system(make.c_str()) == 0 && std::system(test.c_str()) == 0;
}

bool reaches(const char* what, double value, double limit, bool at_least) {
  const bool good = at_least ? value >= limit : value <= limit;
  std::printf("  %-40s %9.3g  (%s %g)%s\n", what, value, at_least ? "at least" : "at most", limit,
              good ? "" : "  MISSED");
  std::fflush(stdout);
  return good;
}

/// The size of a grid for a zero boundary, as BlurGrid has it.
std::int64_t grid_size(std::int64_t n, bool last) {
  std::int64_t best = 0;
  double least = 1e18;
  for (std::int64_t size = n + n % 2; 3 * double(size) < least; size += 2) {
    std::int64_t rest = size, twos = 1;
    for (; rest % 2 == 0; rest /= 2) twos *= 2;
    for (const std::int64_t prime : {3, 5})
      while (rest % prime == 0) rest /= prime;
    const double cost = double(size) * (last ? 3 + 2 / double(twos) : 3);
    if (rest == 1 && cost < least) {
      best = size;
      least = cost;
    }
  }
  return best;
}

struct Problem {
  Sizes sizes, taps;
  double times_faster;

  Sizes grid() const {
    Sizes all;
    for (std::size_t a = 0; a < sizes.size(); ++a)
      all.push_back(grid_size(sizes[a] + taps[a] / 2, a + 1 == sizes.size()));
    return all;
  }
};

class Trial {
 public:
  explicit Trial(const Problem& problem) : problem_(problem) {
    const auto dimensions = static_cast<int>(problem.sizes.size());
    axes_ = dimensions == 2 ? "chw" : "czyx";
    at::manual_seed(1);
    Sizes shape = problem.sizes, taps = problem.taps;
    shape.insert(shape.begin(), {1, 1});
    taps.insert(taps.begin(), {1, 1});
    kernel_ = at::rand(taps) + 0.1;
    kernel_ = kernel_ / kernel_.sum();
    blur_ = pellucid::testing::load_linear_operator(
        "operators/convolution", {{"boundary", "zero"}, {"dimensions", dimensions}},
        {{"kernel", kernel_, axes_}});
    y_ = at::rand(shape).add_(0.1);
    start_ = at::full_like(y_, 0.5);
    context_ = pellucid::testing::context();
  }

  Sizes grid() const { return problem_.grid(); }
  const Tensor& y() const { return y_; }
  const Tensor& kernel() const { return kernel_; }

  /// The estimate after so many iterations, with weights or as scikit-image does it.
  Tensor estimate(int iterations, bool weighted) const {
    const auto stage = std::dynamic_pointer_cast<pellucid::Stage>(pellucid::testing::load_component(
        "deconvolution/richardson_lucy",
        {{"iterations", iterations}, {"weights", weighted ? "normalised" : "none"}}));
    Inputs in;
    in.add({"y", pellucid::spec_of(y_, axes_), y_, nullptr});
    in.add({"A", {}, {}, blur_});
    if (!weighted) in.add({"init", pellucid::spec_of(start_, axes_), start_, nullptr});
    in.set_block({0, 1, {}});
    Outputs out;
    stage->process(in, out, *context_);
    return out[pellucid::Out<Tensor>{"x", ""}];
  }

 private:
  Problem problem_;
  std::string axes_;
  Tensor kernel_, y_, start_;
  std::shared_ptr<const pellucid::LinearOperator> blur_;
  std::unique_ptr<pellucid::Context> context_;
};

/// The filter of an iteration, alone.
class Filter {
 public:
  explicit Filter(const Problem& problem) : filter_(axes(problem), at::kFloat) {
    Sizes shape = problem.sizes;
    shape.insert(shape.begin(), 1);
    gains_ = filter_.spectrum(at::rand(shape));
    bytes_ = static_cast<std::size_t>(problem.sizes.back()) * sizeof(float);
  }
  void run() const {
    const auto nothing = [](std::int64_t, void*) {};
    filter_.forward(
        gains_, 1, [this](std::int64_t, void* row) { std::memset(row, 0, bytes_); }, nothing);
  }

 private:
  static std::vector<pellucid::FilterAxis> axes(const Problem& problem) {
    std::vector<pellucid::FilterAxis> all;
    for (std::size_t a = 0; a < problem.sizes.size(); ++a) {
      const std::int64_t n = problem.sizes[a];
      all.push_back({problem.grid()[a], {0, n}, {0, n}});
    }
    return all;
  }

  pellucid::FftFilter filter_;
  Tensor gains_;
  std::size_t bytes_;
};

bool is_fast(const Problem& problem, const fs::path& folder, const fs::path& python) {
  const Trial trial(problem);
  trial.estimate(1, true);
  const pellucid::RealFft planned(trial.grid(), at::kFloat);
  const Pair pair(trial.grid());
  const Filter filter(problem);
  std::vector<double> iteration, transforms, filters;
  const auto rounds = [&] {
    for (int round = 0; round < kRounds; ++round) {
      const double few = seconds_of([&] { trial.estimate(kFew, true); });
      const double many = seconds_of([&] { trial.estimate(kMany, true); });
      iteration.push_back((many - few) / (kMany - kFew));
      transforms.push_back(seconds_of([&] {
                             for (int i = 0; i < kMany - kFew; ++i) {
                               pair.run();
                               pair.run();
                             }
                           }) /
                           (kMany - kFew));
      filters.push_back(seconds_of([&] {
                          for (int i = 0; i < kMany - kFew; ++i) {
                            filter.run();
                            filter.run();
                          }
                        }) /
                        (kMany - kFew));
    }
  };
  rounds();
  write(folder / "image.f32", trial.y());
  write(folder / "kernel.f32", trial.kernel());
  const std::string peer =
      python.string() + " " PELLUCID_SOURCE_DIR "/tests/bench/richardson_lucy_peer.py " +
      folder.string() + " " + text(problem.sizes, " ") + " -- " + text(problem.taps, " ");
  const bool compared = has_peer(python) && std::system(peer.c_str()) == 0;
  rounds();

  const double own = median(iteration), floor = median(transforms);
  std::printf(
      "%s, kernel %s, on a grid of %s: %.3f ms an iteration, its FFTs %.3f ms, its filters %.3f "
      "ms\n",
      text(problem.sizes, " x ").c_str(), text(problem.taps, " x ").c_str(),
      text(trial.grid(), " x ").c_str(), 1e3 * own, 1e3 * floor, 1e3 * median(filters));
  bool good = reaches("an iteration / its FFTs", own / floor, 1.4, false);
  if (!compared) {
    std::printf("  scikit-image 0.26 cannot be had, so nothing is compared with it\n");
    return good;
  }
  double seconds = 0;
  std::ifstream(folder / "seconds.txt") >> seconds;
  std::printf("  scikit-image, one thread: %.3f ms an iteration\n", 1e3 * seconds);
  good &= reaches("scikit-image / an iteration", seconds / own, problem.times_faster, true);
  Tensor theirs = at::empty_like(trial.y());
  std::ifstream(folder / "estimate.f32", std::ios::binary)
      .read(static_cast<char*>(theirs.mutable_data_ptr()), std::streamsize(theirs.nbytes()));
  const Tensor ours = trial.estimate(kCompared, false);
  good &= reaches("relative difference to scikit-image",
                  ((ours - theirs).norm() / theirs.norm()).item<double>(), 1e-4, false);
  return good;
}

/// Bytes that a process of this program needs at most for so many iterations of a problem.
double peak_of(const char* problem, int iterations) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/proc/self/exe", "bench", problem, std::to_string(iterations).c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  rusage use{};
  ::wait4(child, &status, 0, &use);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) std::exit(2);
  return 1024 * double(use.ru_maxrss);
}

/// Called before this process needs memory itself, which would count as its child's.
bool is_small(const char* name, const Problem& problem) {
  peak_of(name, 1);  // plans
  const double bytes = peak_of(name, 12) - peak_of(name, 0);
  double volume = sizeof(float);
  for (const std::int64_t n : problem.grid()) volume *= double(n);
  std::printf("%s, kernel %s\n", text(problem.sizes, " x ").c_str(),
              text(problem.taps, " x ").c_str());
  return reaches("memory in volumes of the grid", bytes / volume, 6, false);
}

}  // namespace

int main(int count, char** arguments) {
  const fs::path folder = fs::temp_directory_path() / "pellucid-bench-richardson-lucy";
  fs::create_directories(folder);
  if (!std::getenv("PELLUCID_CACHE")) ::setenv("PELLUCID_CACHE", folder.c_str(), 1);
  at::set_num_threads(kThreads);
  const Problem image{{1024, 1024}, {31, 31}, 5}, volume{{64, 256, 256}, {15, 15, 15}, 6};
  const Problem large{{128, 256, 256}, {15, 15, 15}, 6};
  if (count > 2) {
    const Trial trial(std::string(arguments[1]) == "large" ? large : volume);
    if (const int iterations = std::atoi(arguments[2])) trial.estimate(iterations, true);
    return 0;
  }
  const fs::path python = fs::path(PELLUCID_BENCH_PEER) / "bin/python";
  bool good = is_small("volume", volume);
  good &= is_small("large", large);
  good &= is_fast(image, folder, python);
  good &= is_fast(volume, folder, python);
  return good ? 0 : 1;
}
