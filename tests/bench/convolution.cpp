// What a convolution costs beyond what it cannot do without.
//
// By FFT: images of 256 x 256 to 2048 x 2048 and a kernel of 21 x 21, extended by reflection, against
// the two transforms of the extended image alone: FFTW called on arrays that are there already, with
// the very plans (read from the cache) and threads of the convolution. That is the floor: nothing
// that transforms can be faster, and extending, multiplying, scaling and cutting out come on top.
// Must reach at most 1.3 times the floor.
//
// Direct: kernels of 3 x 3 to 9 x 9, separable or not, against libtorch's conv2d in whichever layout
// is fastest: channels as groups, contiguous or channels-last, or as images of one channel. Must
// reach at most 1.2 times its time.
//
// Both sides are measured by turns, so that what else the machine does slows down both, and compared
// by their medians.

#include <fftw3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/testing.h>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using pellucid::LinearOperator;
using pellucid::Tensor;
using pellucid::Value;

constexpr int kThreads = 2;

/// Median seconds of each action, measured by turns.
std::vector<double> medians(const std::vector<std::function<void()>>& actions, double budget) {
  std::vector<std::vector<double>> seconds(actions.size());
  for (const auto& action : actions) action();
  const auto begin = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  while (seconds.front().size() < 15 || elapsed() < budget)
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const auto start = Clock::now();
      actions[i]();
      seconds[i].push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
  std::vector<double> middle;
  for (auto& all : seconds) {
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2),
                     all.end());
    middle.push_back(all[all.size() / 2]);
  }
  return middle;
}

/// The stored plan of a transform, and its threads.
std::pair<std::string, int> wisdom(const std::string& kind, std::int64_t h, std::int64_t w) {
  for (const int threads : {1, kThreads}) {
    const std::string name = "fft-" + kind + "-" + std::to_string(h) + "x" + std::to_string(w) +
                             "-float32-t" + std::to_string(threads) + ".wisdom";
    for (const auto& entry : fs::recursive_directory_iterator(std::getenv("PELLUCID_CACHE")))
      if (entry.path().filename() == name) {
        std::ifstream in(entry.path());
        return {std::string{std::istreambuf_iterator<char>(in), {}}, threads};
      }
  }
  std::fprintf(stderr, "no plan for %s of %ld x %ld\n", kind.c_str(), long(h), long(w));
  std::exit(2);
}

/// A transform and its inverse by FFTW alone.
class Floor {
 public:
  Floor(std::int64_t h, std::int64_t w)
      : image_(fftwf_alloc_real(static_cast<std::size_t>(h * w))),
        spectrum_(fftwf_alloc_complex(static_cast<std::size_t>(h * (w / 2 + 1)))) {
    fftwf_init_threads();
    const auto take = [](const std::pair<std::string, int>& plan) {
      fftwf_forget_wisdom();
      fftwf_import_wisdom_from_string(plan.first.c_str());
      fftwf_plan_with_nthreads(plan.second);
    };
    const int rows = static_cast<int>(h), columns = static_cast<int>(w);
    take(wisdom("r2c", h, w));
    forward_ =
        fftwf_plan_dft_r2c_2d(rows, columns, image_, spectrum_, FFTW_MEASURE | FFTW_WISDOM_ONLY);
    take(wisdom("c2r", h, w));
    inverse_ =
        fftwf_plan_dft_c2r_2d(rows, columns, spectrum_, image_, FFTW_MEASURE | FFTW_WISDOM_ONLY);
    if (!forward_ || !inverse_) std::exit(2);
    std::fill_n(image_, h * w, 0.5F);
  }
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;
  ~Floor() {
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

std::shared_ptr<const LinearOperator> blur(const char* method, const char* boundary,
                                           const Value& setting, const Tensor& kernel) {
  pellucid::testing::Settings settings{{"method", method}, {"boundary", boundary}};
  std::vector<pellucid::testing::Given> inputs;
  if (kernel.defined()) inputs.push_back({"kernel", kernel});
  else settings.push_back({"kernel", setting});
  return pellucid::testing::load_linear_operator("operators/convolution", settings, inputs);
}

bool fft_is_near_its_floor() {
  const auto a = blur("fft", "reflect", {}, at::rand({1, 1, 21, 21}));
  bool reached = true;
  for (const std::int64_t n : {256, 512, 1024, 2048}) {
    const Tensor x = at::rand({1, 1, n, n});
    a->forward(x);
    const std::int64_t grid = pellucid::fast_size(n + 20, pellucid::Parity::even);
    const Floor floor(grid, grid);
    const auto seconds =
        medians({[&] { a->forward(x); }, [&] { a->adjoint(x); }, [&] { floor.run(); }}, 2.0);
    const double forward = seconds[0] / seconds[2], adjoint = seconds[1] / seconds[2];
    std::printf(
        "fft %4ld x %-4ld  forward %7.3f ms, adjoint %7.3f ms, its FFTs %7.3f ms: "
        "%.2f and %.2f\n",
        long(n), long(n), 1e3 * seconds[0], 1e3 * seconds[1], 1e3 * seconds[2], forward, adjoint);
    std::fflush(stdout);
    if (forward > 1.3) reached = false;
  }
  return reached;
}

/// conv2d with zeros outside, channel by channel, in three layouts.
std::vector<std::function<void()>> library(const Tensor& x, const std::vector<Tensor>& kernels) {
  const std::int64_t channels = x.size(1);
  const Tensor last = x.contiguous(at::MemoryFormat::ChannelsLast);
  const Tensor single = x.view({-1, 1, x.size(2), x.size(3)});
  const auto convolve = [kernels](Tensor image, std::int64_t groups, at::MemoryFormat layout) {
    for (const Tensor& kernel : kernels) {
      const Tensor weight =
          kernel.expand({groups, 1, kernel.size(2), kernel.size(3)}).contiguous(layout);
      image = at::conv2d(image, weight, {}, 1, {kernel.size(2) / 2, kernel.size(3) / 2}, 1, groups);
    }
  };
  return {[=] { convolve(x, channels, at::MemoryFormat::Contiguous); },
          [=] { convolve(last, channels, at::MemoryFormat::ChannelsLast); },
          [=] { convolve(single, 1, at::MemoryFormat::Contiguous); }};
}

bool direct_is_near_libtorch() {
  bool reached = true;
  const Tensor x = at::rand({4, 3, 512, 512});
  for (const bool separable : {false, true})
    for (const std::int64_t k : {3, 5, 7, 9}) {
      const Tensor line = at::ones({k}) / double(k);
      const auto a = separable ? blur("direct", "zero", Value::map({{"box", k}}), {})
                               : blur("direct", "zero", {}, at::rand({1, 1, k, k}));
      std::vector<std::function<void()>> actions =
          separable ? library(x, {line.view({1, 1, k, 1}), line.view({1, 1, 1, k})})
                    : library(x, {at::rand({1, 1, k, k})});
      actions.push_back([&] { a->forward(x); });
      const auto seconds = medians(actions, 1.5);
      const double best = *std::min_element(seconds.begin(), seconds.end() - 1);
      const double ratio = seconds.back() / best;
      std::printf(
          "direct %ld x %ld %-13s %7.3f ms, conv2d %7.3f (contiguous), %7.3f "
          "(channels-last), %7.3f (single channels): %.2f\n",
          long(k), long(k), separable ? "separable" : "not separable", 1e3 * seconds[3],
          1e3 * seconds[0], 1e3 * seconds[1], 1e3 * seconds[2], ratio);
      std::fflush(stdout);
      if (ratio > 1.2) reached = false;
    }
  return reached;
}

}  // namespace

int main() {
  const fs::path cache = fs::temp_directory_path() / "pellucid-bench-convolution";
  if (!std::getenv("PELLUCID_CACHE")) ::setenv("PELLUCID_CACHE", cache.c_str(), 1);
  at::set_num_threads(kThreads);
  const bool fft = fft_is_near_its_floor();
  const bool direct = direct_is_near_libtorch();
  std::printf("convolution: fft %s, direct %s\n", fft ? "at most 1.3 times its FFTs" : "MISSED",
              direct ? "at most 1.2 times libtorch's" : "MISSED");
  return fft && direct ? 0 : 1;
}
