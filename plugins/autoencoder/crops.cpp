#include "crops.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

namespace pellucid {

Crops::Crops(Cropping cropping, Random draws, Read read, std::int64_t first)
    : cropping_(cropping),
      draws_(std::move(draws)),
      read_(std::move(read)),
      thread_([this, first] { work(first); }) {}

Crops::~Crops() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Tensor Crops::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_ || error_; });
  if (!ready_) std::rethrow_exception(error_);
  const Tensor batch = *std::exchange(ready_, std::nullopt);
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void Crops::work(std::int64_t step) {
  at::set_num_threads(1);  // the others train
  const at::NoGradGuard no_grad;
  try {
    for (;; ++step) {
      const Tensor made = batch(step);
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !ready_; });
      if (stopping_) return;
      ready_ = made;
      lock.unlock();
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    changed_.notify_all();
  }
}

Tensor Crops::batch(std::int64_t step) const {
  const auto [count, size, items] = cropping_;
  const Tensor out =
      at::empty({count, 3, size, size}, at::kFloat, {}, {}, {}, at::MemoryFormat::ChannelsLast);
  // item, side, top, left, and two mirrors
  const Tensor draws = draws_.uniform({count, 6}, at::kDouble, step)[0];
  const auto draw = draws.accessor<double, 2>();
  for (std::int64_t b = 0; b < count; ++b) {
    const Tensor item = read_(std::min(items - 1, std::int64_t(draw[b][0] * double(items))));
    const std::int64_t height = item.size(1), width = item.size(2);
    const std::int64_t most = std::min(height, width);
    const std::int64_t side =
        size + std::int64_t(std::max(0.0, 2 * draw[b][1] - 1) * double(most - size));
    const auto place = [&](double u, std::int64_t whole) {
      return std::min(whole - side, std::int64_t(u * double(whole - side + 1)));
    };
    Tensor crop =
        item.narrow(1, place(draw[b][2], height), side).narrow(2, place(draw[b][3], width), side);
    if (side != size)
      crop = at::_upsample_bicubic2d_aa(crop.unsqueeze(0), {size, size}, /*align_corners=*/false)[0]
                 .clamp(0, 1);
    if (draw[b][4] < 0.5) crop = crop.flip(2);
    if (draw[b][5] < 0.5) crop = crop.flip(1);
    out[b].copy_(crop.expand({3, size, size}));
  }
  return out;
}

}  // namespace pellucid
