// fft_plan: measured FFTW plans, made once and taken from stored wisdom from then on.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace pellucid::fft_plan {

/// Below so many operations a transform is faster in one thread; a batch of them is shared out.
inline constexpr double kThreadedOperations = 1 << 22;

/// The last two transform the columns of arrays (n, columns) in place.
enum class Kind { real_forward, real_inverse, forward, inverse, columns_forward, columns_inverse };

inline bool is_real(Kind kind) { return kind == Kind::real_forward || kind == Kind::real_inverse; }

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
  std::string name() const;

 private:
  std::int64_t row_bytes(bool real_side) const {
    if (real_side) return samples() * real_bytes();
    return (is_real(kind) ? half_samples() : samples()) * 2 * real_bytes();
  }
};

/// That of a transform in the threads of the caller, where it is large enough for them.
Recipe recipe(Kind kind, const std::vector<std::int64_t>& sizes, bool single);

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

/// `some(first, last)` for parts of 0 .. count - 1, on so many threads; each takes the next part once it
/// is done with one. Throws what one of them threw.
void share_out(std::int64_t count, std::int64_t threads,
               const std::function<void(std::int64_t first, std::int64_t last)>& some);

/// The transform for a recipe, the same object for everybody who asks while the choices stand.
std::shared_ptr<const Transform> transform(const Recipe& wanted);

}  // namespace pellucid::fft_plan
