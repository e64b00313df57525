// The Radon transform and filtered back-projection of the Shepp-Logan phantom, 512 x 512 and 180
// angles in float32, against scikit-image 0.26 on the same machine: `radon` and `iradon` of the same
// data. The peer is run between two halves of our own rounds, so that what else the machine does
// slows down both. Its Python packages go to a folder of the build; where they cannot be had, the
// comparison is left out.
//
// Must reach, with two threads: both at least 5 times as fast, with a relative difference of at most
// 1 % inside the circle; the adjoint in at most 1.5 times the time of the forward transform.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <pellucid/operator.h>
#include <pellucid/stage.h>
#include <pellucid/testing.h>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using pellucid::Inputs;
using pellucid::LinearOperator;
using pellucid::Outputs;
using pellucid::Tensor;

constexpr std::int64_t kSide = 512;
constexpr std::int64_t kAngles = 180;
constexpr int kThreads = 2;

class Times {
 public:
  void add(const std::function<void()>& action, int rounds) {
    action();
    for (int round = 0; round < rounds; ++round) {
      const auto begin = Clock::now();
      action();
      seconds_.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
  }
  double median() const {
    std::vector<double> sorted = seconds_;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }

 private:
  std::vector<double> seconds_;
};

Tensor read(const fs::path& file, std::int64_t rows) {
  Tensor values = at::empty({1, rows, kSide}, at::kFloat);
  std::ifstream stream(file, std::ios::binary);
  stream.read(static_cast<char*>(values.mutable_data_ptr()), std::streamsize(values.nbytes()));
  return stream ? values : Tensor{};
}

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

double relative(const Tensor& found, const Tensor& expected) {
  return ((found - expected).norm() / expected.norm()).item<double>();
}

bool reaches(const char* what, double value, double limit, bool at_least) {
  const bool good = at_least ? value >= limit : value <= limit;
  std::printf("%-34s %8.4f  (%s %g)%s\n", what, value, at_least ? "at least" : "at most", limit,
              good ? "" : "  MISSED");
  return good;
}

}  // namespace

int main() {
  at::set_num_threads(kThreads);
  const fs::path folder = fs::temp_directory_path() / "pellucid-bench-radon";
  fs::create_directories(folder);
  Outputs painted = pellucid::testing::run_stage("io/phantom", {{"size", int(kSide)}}, {});
  const Tensor image = painted[pellucid::Out<Tensor>{"image", ""}][0];
  write(folder / "image.f32", image.contiguous());

  const auto radon = pellucid::testing::load_linear_operator(
      "operators/radon", {{"angles", pellucid::Value::map({{"even", int(kAngles)}})}});
  const auto fbp = std::dynamic_pointer_cast<pellucid::Stage>(
      pellucid::testing::load_component("operators/fbp"));
  const auto context = pellucid::testing::context();
  Tensor projections = radon->forward(image), back = projections;
  const auto reconstructed = [&](const Tensor& y) {
    Inputs in;
    in.add({"y", pellucid::spec_of(y, "aw"), y, nullptr});
    in.add({"A", {}, {}, radon});
    in.set_block({0, 1, {}});
    Outputs out;
    fbp->process(in, out, *context);
    return Tensor(out[pellucid::Out<Tensor>{"x", ""}]);
  };

  Times forward, adjoint, inverse;
  const auto rounds = [&] {
    forward.add([&] { projections = radon->forward(image); }, 15);
    adjoint.add([&] { radon->adjoint(projections); }, 15);
    inverse.add([&] { back = reconstructed(projections); }, 15);
  };
  rounds();
  const fs::path python = fs::path(PELLUCID_BENCH_PEER) / "bin/python";
  const std::string peer =
      python.string() + " " PELLUCID_SOURCE_DIR "/tests/bench/radon_peer.py " + folder.string();
  const bool compared = has_peer(python) && std::system(peer.c_str()) == 0;
  rounds();

  std::printf("forward %.4f s, adjoint %.4f s, filtered back-projection %.4f s\n", forward.median(),
              adjoint.median(), inverse.median());
  bool good = reaches("adjoint / forward", adjoint.median() / forward.median(), 1.5, false);
  if (!compared) {
    std::printf("scikit-image 0.26 cannot be had, so nothing is compared with it\n");
    return good ? 0 : 1;
  }
  double seconds = 0, seconds_back = 0;
  std::ifstream(folder / "seconds.txt") >> seconds >> seconds_back;
  std::printf("scikit-image: radon %.4f s, iradon %.4f s\n", seconds, seconds_back);
  const Tensor peer_projections = read(folder / "sinogram.f32", kAngles);
  const Tensor peer_back = read(folder / "image_back.f32", kSide);
  const Tensor offset = at::arange(kSide, at::kFloat) - double(kSide / 2);
  const Tensor inside =
      offset.square().unsqueeze(1) + offset.square() < double((kSide / 2 - 2) * (kSide / 2 - 2));
  good &= reaches("radon / forward", seconds / forward.median(), 5, true);
  good &= reaches("iradon / back-projection", seconds_back / inverse.median(), 5, true);
  good &=
      reaches("difference of projections", relative(projections, peer_projections), 0.01, false);
  good &=
      reaches("difference of images",
              relative(reconstructed(peer_projections) * inside, peer_back * inside), 0.01, false);
  fs::remove_all(folder);
  return good ? 0 : 1;
}
