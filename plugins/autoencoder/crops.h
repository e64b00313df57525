// crops: batches of random crops of a dataset, made on a thread of their own.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include <pellucid/random.h>

namespace pellucid {

/// What a batch is made of.
struct Cropping {
  std::int64_t batch = 16;
  std::int64_t size = 128;  ///< px, of the square crops
  std::int64_t items = 1;   ///< of the dataset
};

/// Batches (batch, 3, size, size), channels last: of random items, random squares of `size` to the
/// whole item, made smaller to `size` by antialiased interpolation in half of the cases, and
/// mirrored in both axes at random. The batch of a step follows from the draws and the step alone.
class Crops {
 public:
  using Read = std::function<Tensor(std::int64_t item)>;  // (c, h, w)

  /// Begins with the batch of step `first`; `read` and `draws` are used on the thread.
  Crops(Cropping cropping, Random draws, Read read, std::int64_t first);
  Crops(const Crops&) = delete;
  Crops& operator=(const Crops&) = delete;
  ~Crops();

  /// The batch of the next step. Throws what reading threw.
  Tensor next();

 private:
  void work(std::int64_t step);
  Tensor batch(std::int64_t step) const;

  Cropping cropping_;
  Random draws_;
  Read read_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Tensor> ready_;
  std::exception_ptr error_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pellucid
