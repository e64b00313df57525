// Transforms against the defining sum; the same bits in every process; plans in their folders.

#include <gtest/gtest.h>
#include <xxhash.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numbers>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/numerics/fft.h>

#include "base/numerics/plan_cache.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

/// The defining sum along one axis, in complex128.
Tensor definition(const Tensor& x, std::int64_t axis, double sign) {
  const std::int64_t n = x.size(axis);
  const Tensor k = at::arange(n, at::kDouble);
  const Tensor phase = sign * 2 * std::numbers::pi / double(n) * at::outer(k, k);
  const Tensor matrix = at::complex(at::cos(phase), at::sin(phase));
  return at::matmul(x.to(at::kComplexDouble).movedim(axis, -1), matrix).movedim(-1, axis);
}

Tensor definition(Tensor x, const std::vector<std::int64_t>& sizes) {
  for (std::size_t a = 1; a <= sizes.size(); ++a)
    x = definition(x, x.dim() - static_cast<std::int64_t>(a), -1);
  return x;
}

double relative_difference(const Tensor& a, const Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

std::vector<std::int64_t> with_batch(std::vector<std::int64_t> sizes) {
  sizes.insert(sizes.begin(), {2, 3});
  return sizes;
}

const std::vector<std::vector<std::int64_t>> kSizes{{1},      {2},    {15},   {16},      {17, 12},
                                                    {12, 17}, {1, 9}, {8, 1}, {5, 6, 7}, {4, 3, 8}};

class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(fs::temp_directory_path() / (name + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(path_))
      if (entry.is_regular_file()) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  fs::path path_;
};

/// Changes a variable of the environment until the end of the scope.
class Setting {
 public:
  Setting(std::string name, const std::string& value) : name_(std::move(name)) {
    if (const char* old = std::getenv(name_.c_str())) old_ = old;
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Setting() { ::setenv(name_.c_str(), old_.c_str(), 1); }

 private:
  std::string name_;
  std::string old_;
};

template <class Action>
std::string sentence_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.sentence();
  }
  return "no error";
}

TEST(RealFft, equals_the_defining_sum) {
  for (const auto& sizes : kSizes)
    for (const auto dtype : {at::kDouble, at::kFloat}) {
      const Tensor x = at::randn(with_batch(sizes), at::kDouble).to(dtype);
      const Tensor whole = definition(x, sizes);
      const Tensor half = whole.narrow(-1, 0, sizes.back() / 2 + 1);
      const double rounding = dtype == at::kDouble ? 1e-14 : 2e-6;
      EXPECT_LT(relative_difference(RealFft(sizes, dtype).forward(x), half), rounding)
          << shape_text(sizes);
    }
}

TEST(RealFft, forward_then_inverse_is_the_identity_and_changes_no_argument) {
  for (const auto& sizes : kSizes)
    for (const auto dtype : {at::kDouble, at::kFloat}) {
      const RealFft fft(sizes, dtype);
      const Tensor x = at::randn(with_batch(sizes), at::kDouble).to(dtype);
      const Tensor kept = x.clone();
      Tensor spectrum = fft.forward(x);
      const Tensor kept_spectrum = spectrum.clone();
      const double rounding = dtype == at::kDouble ? 1e-14 : 2e-6;
      EXPECT_LT(relative_difference(fft.inverse(spectrum), x), rounding) << shape_text(sizes);
      EXPECT_TRUE(at::equal(x, kept));
      EXPECT_TRUE(at::equal(at::view_as_real(spectrum), at::view_as_real(kept_spectrum)));
      EXPECT_LT(relative_difference(fft.inverse_destroying(std::move(spectrum)), x), rounding);
    }
}

TEST(RealFft, takes_any_strides_and_any_address) {
  const RealFft fft({9, 14}, at::kFloat);
  const Tensor turned = at::randn({14, 9, 2}, at::kFloat).permute({2, 1, 0});
  EXPECT_TRUE(at::equal(fft.forward(turned), fft.forward(turned.contiguous())));
  const Tensor shifted = at::randn({2 * 9 * 14 + 1}, at::kFloat).narrow(0, 1, 2 * 9 * 14);
  EXPECT_TRUE(at::equal(fft.forward(shifted.view({2, 9, 14})),
                        fft.forward(shifted.clone().view({2, 9, 14}))));
  const Tensor conjugate = fft.forward(turned).conj();
  EXPECT_TRUE(at::equal(fft.inverse(conjugate), fft.inverse(conjugate.resolve_conj())));
}

TEST(RealFft, gives_a_row_the_same_bits_in_every_batch_and_by_any_number_of_threads) {
  const int before = at::get_num_threads();
  const RealFft fft({64, 60}, at::kFloat);
  const Tensor x = at::randn({400, 64, 60}, at::kFloat);
  at::set_num_threads(4);
  const Tensor all = fft.forward(x);
  at::set_num_threads(1);
  EXPECT_TRUE(at::equal(all, fft.forward(x)));
  EXPECT_TRUE(at::equal(all[17], fft.forward(x[17])));
  EXPECT_TRUE(at::equal(fft.inverse(all)[399], fft.inverse(all[399])));
  at::set_num_threads(before);
}

TEST(RealFft, takes_an_empty_batch) {
  EXPECT_EQ(RealFft({8}, at::kFloat).forward(at::zeros({0, 8})).sizes(), at::IntArrayRef({0, 5}));
}

TEST(RealFft, says_what_does_not_fit) {
  EXPECT_EQ(sentence_of([] {
              RealFft({4, 4}, at::kFloat).forward(at::zeros({4, 5}));
            }),
            "a Fourier transform planned for 4x4 got a tensor of 4x5");
  EXPECT_EQ(sentence_of([] { RealFft({4}, at::kFloat).forward(at::zeros({4}, at::kDouble)); }),
            "a Fourier transform planned for float32 got float64");
  EXPECT_EQ(sentence_of([] { RealFft({4}, at::kInt); }),
            "a real Fourier transform needs float32 or float64, got int32");
  EXPECT_EQ(sentence_of([] {
              RealFft({4, 0}, at::kFloat);
            }),
            "a Fourier transform needs 1 to 3 sizes from 1 on, got 4x0");
}

TEST(ComplexFft, equals_the_defining_sum_and_undoes_itself) {
  for (const auto& sizes : kSizes) {
    const ComplexFft fft(sizes, at::kComplexDouble);
    const Tensor x = at::randn(with_batch(sizes), at::kComplexDouble);
    const Tensor kept = x.clone();
    EXPECT_LT(relative_difference(fft.forward(x), definition(x, sizes)), 1e-14);
    EXPECT_LT(relative_difference(fft.inverse(fft.forward(x)), x), 1e-14);
    EXPECT_TRUE(at::equal(x, kept));
  }
}

TEST(FastSize, is_the_smallest_product_of_small_primes) {
  EXPECT_EQ(fast_size(1), 1);
  EXPECT_EQ(fast_size(17), 18);
  EXPECT_EQ(fast_size(23), 24);
  EXPECT_EQ(fast_size(26), 26);    // 2 * 13
  EXPECT_EQ(fast_size(121), 125);  // 11 * 11 does not count
  EXPECT_EQ(fast_size(143), 144);  // nor does 11 * 13
  EXPECT_EQ(fast_size(25, Parity::even), 26);
  EXPECT_EQ(fast_size(27, Parity::even), 28);
  EXPECT_EQ(fast_size(1021), 1024);
}

/// A number that stands for all bits of transforms whose measured plans differ between processes.
std::string digest() {
  at::set_num_threads(2);
  XXH64_hash_t hash = 0;
  for (const auto dtype : {at::kFloat, at::kDouble}) {
    const RealFft fft({360, 500}, dtype);
    const Tensor x =
        at::sin(at::arange(360 * 500, at::kDouble).square()).view({360, 500}).to(dtype);
    const Tensor spectrum = fft.forward(x);
    const Tensor back = fft.inverse(spectrum);
    hash = XXH64(spectrum.data_ptr(), spectrum.nbytes(), hash);
    hash = XXH64(back.data_ptr(), back.nbytes(), hash);
  }
  return std::to_string(hash);
}

TEST(PlanCache, digest_for_another_process) {
  if (!std::getenv("PELLUCID_DIGEST")) GTEST_SKIP() << "run by the test below";
  if (const char* choices = std::getenv("PELLUCID_CHOICES")) set_choices_folder(choices);
  std::printf("digest %s\n", digest().c_str());
}

/// What `count` processes say that start together.
std::vector<std::string> digests(int count, const std::string& environment) {
  const std::string command = environment + " PELLUCID_DIGEST=1 " +
                              fs::read_symlink("/proc/self/exe").string() +
                              " --gtest_filter=PlanCache.digest_for_another_process";
  std::vector<FILE*> processes;
  for (int i = 0; i < count; ++i) processes.push_back(::popen(command.c_str(), "r"));
  std::vector<std::string> found;
  for (FILE* process : processes) {
    char line[256];
    while (std::fgets(line, sizeof line, process))
      if (std::string(line).starts_with("digest ")) found.emplace_back(line);
    ::pclose(process);
  }
  return found;
}

TEST(PlanCache, gives_the_same_bits_in_processes_that_start_together_on_an_empty_cache) {
  const Folder cache("pellucid-cache-");
  const auto first = digests(5, "PELLUCID_CACHE=" + cache.path().string());
  ASSERT_EQ(first.size(), 5u);
  for (const std::string& digest : first) EXPECT_EQ(digest, first.front());
  EXPECT_EQ(digests(1, "PELLUCID_CACHE=" + cache.path().string()).front(), first.front());
}

TEST(PlanCache, copies_what_was_taken_to_the_choices_and_takes_it_from_there_first) {
  const Folder one("pellucid-cache-one-"), two("pellucid-cache-two-"), choices("pellucid-choices-");
  const std::string with_choices = " PELLUCID_CHOICES=" + choices.path().string();
  const auto made = digests(1, "PELLUCID_CACHE=" + one.path().string() + with_choices);
  const std::vector<std::string> names{
      "fft-c2r-360x500-float32-t2.wisdom", "fft-c2r-360x500-float64-t2.wisdom",
      "fft-r2c-360x500-float32-t2.wisdom", "fft-r2c-360x500-float64-t2.wisdom"};
  EXPECT_EQ(choices.files(), names);
  EXPECT_EQ(digests(1, "PELLUCID_CACHE=" + two.path().string() + with_choices), made);
  EXPECT_TRUE(two.files().empty());
}

TEST(PlanCache, measures_anew_what_was_damaged) {
  const Folder cache("pellucid-cache-");
  const Setting setting("PELLUCID_CACHE", cache.path());
  set_choices_folder({});  // forgets the plans in use
  RealFft({20, 24}, at::kFloat);
  for (const auto& entry : fs::recursive_directory_iterator(cache.path()))
    if (entry.path().extension() == ".wisdom") std::ofstream(entry.path()) << "(fftw-3 damaged";
  set_choices_folder({});
  const Tensor x = at::randn({20, 24}, at::kFloat);
  const RealFft fft({20, 24}, at::kFloat);
  EXPECT_LT(relative_difference(fft.inverse(fft.forward(x)), x), 2e-6);
}

TEST(PlanCache, refuses_choices_that_this_machine_cannot_use) {
  const Folder cache("pellucid-cache-"), choices("pellucid-choices-");
  const Setting setting("PELLUCID_CACHE", cache.path());
  std::ofstream(choices.path() / "fft-r2c-20x22-float32-t1.wisdom") << "(of another machine)";
  set_choices_folder(choices.path());
  EXPECT_EQ(sentence_of([] {
              RealFft({20, 22}, at::kFloat);
            }),
            "the FFT plan 'fft-r2c-20x22-float32-t1.wisdom' in '" + choices.path().string() +
                "' does not fit this machine; run without --choices to measure new plans");
  set_choices_folder({});
}

TEST(PlanCache, does_without_a_folder_that_can_be_written) {
  const Setting setting("PELLUCID_CACHE", "/proc/no-such-folder");
  set_choices_folder({});
  const Tensor x = at::randn({20, 26}, at::kFloat);
  const RealFft fft({20, 26}, at::kFloat);
  EXPECT_LT(relative_difference(fft.inverse(fft.forward(x)), x), 2e-6);
  EXPECT_EQ(digests(1, "PELLUCID_CACHE=/proc/no-such-folder"),
            digests(1, "PELLUCID_CACHE=/proc/no-such-folder"));
}

}  // namespace
}  // namespace pellucid
