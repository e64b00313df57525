// Sparse and total-variation deconvolution of 1024 x 1024 pixels with a kernel of 31 x 31, and of
// 64 x 256 x 256 with one of 15 x 15 x 15, float32: an iteration over the pairs of Fourier transforms
// that it would take as whole transforms, timed in turns on the same grid with the same plans, memory of
// their results included. Times are those of the processor, in one thread, so that what else the machine
// does counts little. An iteration's is the difference of two runs over that of their iterations, the
// least of all rounds.
//
// Must reach: at most 3 times the transforms; total variation by alternating directions of a circular
// blur, which needs but one pair, at most 6 times.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/stage.h>
#include <pellucid/testing.h>

namespace {

namespace fs = std::filesystem;
using Sizes = std::vector<std::int64_t>;
using pellucid::Tensor;
using pellucid::Value;

constexpr int kFew = 2, kMany = 8, kRounds = 5;

double processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

double seconds_of(const std::function<void()>& action) {
  const double begin = processor_time();
  action();
  return processor_time() - begin;
}

/// The next even size with no factors but 2, 3 and 5.
std::int64_t grid_size(std::int64_t n) {
  for (n += n % 2;; n += 2) {
    std::int64_t rest = n;
    for (const std::int64_t prime : {2, 3, 5})
      while (rest % prime == 0) rest /= prime;
    if (rest == 1) return n;
  }
}

struct Method {
  const char* text;
  const char* use;
  pellucid::testing::Settings settings;
  const char* boundary;
  int pairs;
  double limit;
};

bool is_fast(const Method& method, const Sizes& sizes, const Sizes& taps) {
  const auto dimensions = static_cast<int>(sizes.size());
  const std::string axes = dimensions == 2 ? "chw" : "czyx";
  at::manual_seed(1);
  Sizes shape = sizes, kernel_shape = taps, grid;
  shape.insert(shape.begin(), {1, 1});
  kernel_shape.insert(kernel_shape.begin(), {1, 1});
  const bool circular = std::string(method.boundary) == "circular";
  for (std::size_t a = 0; a < sizes.size(); ++a)
    grid.push_back(circular ? sizes[a] : grid_size(sizes[a] + taps[a] / 2));
  const Tensor y = at::rand(shape), kernel = at::rand(kernel_shape) + 0.1;
  const auto blur = pellucid::testing::load_linear_operator(
      "operators/convolution", {{"boundary", method.boundary}, {"dimensions", dimensions}},
      {{"kernel", kernel, axes}});
  const auto context = pellucid::testing::context();
  const auto run = [&](int iterations) {
    pellucid::testing::Settings settings = method.settings;
    settings.push_back({"iterations", iterations});
    settings.push_back({"every", 1000});
    settings.push_back({"weight", 0.01});
    const auto stage = std::dynamic_pointer_cast<pellucid::Stage>(
        pellucid::testing::load_component(method.use, settings));
    pellucid::Inputs in;
    in.add({"y", pellucid::spec_of(y, axes), y, nullptr});
    in.add({"A", {}, {}, blur});
    in.set_block({0, 1, {}});
    pellucid::Outputs out;
    stage->process(in, out, *context);
  };
  run(1);
  const pellucid::RealFft fft(grid, at::kFloat);
  const Tensor image = at::rand(grid);
  double own = std::numeric_limits<double>::infinity(), floor = own;
  for (int round = 0; round < kRounds; ++round) {
    const double few = seconds_of([&] { run(kFew); });
    own = std::min(own, (seconds_of([&] { run(kMany); }) - few) / (kMany - kFew));
    const int count = method.pairs * (kMany - kFew);
    const double transforms = seconds_of([&] {
      for (int i = 0; i < count; ++i) fft.inverse_destroying(fft.forward(image));
    });
    floor = std::min(floor, transforms / (kMany - kFew));
  }
  const double ratio = own / floor;
  std::printf("  %-34s %8.2f ms, its FFTs %7.2f ms: %.2f (at most %g)%s\n", method.text, 1e3 * own,
              1e3 * floor, ratio, method.limit, ratio <= method.limit ? "" : "  MISSED");
  std::fflush(stdout);
  return ratio <= method.limit;
}

}  // namespace

int main() {
  const fs::path folder = fs::temp_directory_path() / "pellucid-bench-sparse-deconvolution";
  fs::create_directories(folder);
  if (!std::getenv("PELLUCID_CACHE")) ::setenv("PELLUCID_CACHE", folder.c_str(), 1);
  at::set_num_threads(1);
  const Value four = Value::map({{"daubechies", 4}});
  const std::vector<Method> methods{
      {"fista, Haar", "deconvolution/fista", {{"wavelet", "haar"}}, "zero", 2, 3},
      {"fista, 4 moments", "deconvolution/fista", {{"wavelet", four}}, "zero", 2, 3},
      {"fista, 4 moments, non-negative",
       "deconvolution/fista",
       {{"wavelet", four}, {"constraint", "non_negative"}},
       "zero",
       2,
       3},
      {"tv, primal-dual", "deconvolution/tv", {{"solver", "primal_dual"}}, "zero", 2, 3},
      {"tv, admm, circular", "deconvolution/tv", {{"solver", "admm"}}, "circular", 1, 6},
      {"tv, admm, zero", "deconvolution/tv", {{"solver", "admm"}}, "zero", 2, 3}};
  bool good = true;
  for (const auto& [sizes, taps] : {std::pair<Sizes, Sizes>{{1024, 1024}, {31, 31}},
                                    std::pair<Sizes, Sizes>{{64, 256, 256}, {15, 15, 15}}}) {
    std::printf("%s\n", sizes.size() == 2 ? "1024 x 1024" : "64 x 256 x 256");
    for (const Method& method : methods) good &= is_fast(method, sizes, taps);
  }
  return good ? 0 : 1;
}
