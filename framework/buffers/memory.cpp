#include "buffers/memory.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <pellucid/context.h>
#include <pellucid/error.h>

#include "base/bytes.h"

namespace pellucid {

Reservation::Reservation(MemoryBudget* budget, std::int64_t bytes, std::string tag)
    : budget_(budget), bytes_(bytes), tag_(std::move(tag)) {}

Reservation::Reservation(Reservation&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      tag_(std::move(other.tag_)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  release();
  budget_ = std::exchange(other.budget_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  tag_ = std::move(other.tag_);
  return *this;
}

Reservation::~Reservation() { release(); }

void Reservation::release() {
  if (budget_ != nullptr) std::exchange(budget_, nullptr)->give_back(bytes_, tag_);
  bytes_ = 0;
}

MemoryBudget::MemoryBudget(std::int64_t limit) : limit_(limit) {}

Reservation MemoryBudget::reserve(std::int64_t bytes, const std::string& tag) {
  if (bytes > limit_)
    throw Error(tag + " needs " + bytes_text(bytes) +
                " at once, more than the memory of the run, " + bytes_text(limit_) +
                "; give it more with settings.memory, or make its blocks smaller "
                "with settings.block or tile");
  while (true) {
    if (auto reservation = try_reserve(bytes, tag)) return std::move(*reservation);
    reclaim(bytes - (limit_ - in_use()));
    if (auto reservation = try_reserve(bytes, tag)) return std::move(*reservation);
    std::unique_lock lock(mutex_);
    // Caches may fill again meanwhile, so a waiter asks them anew from time to time.
    released_.wait_for(lock, std::chrono::milliseconds(50),
                       [&] { return stopped_ || fits(bytes); });
    if (stopped_) throw Cancelled();
  }
}

std::optional<Reservation> MemoryBudget::try_reserve(std::int64_t bytes, const std::string& tag) {
  const std::lock_guard lock(mutex_);
  if (!fits(bytes)) return {};
  in_use_ += bytes;
  high_water_ = std::max(high_water_, in_use_);
  holders_[tag] += bytes;
  return Reservation(this, bytes, tag);
}

void MemoryBudget::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  released_.notify_all();
}

std::int64_t MemoryBudget::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

std::int64_t MemoryBudget::high_water() const {
  const std::lock_guard lock(mutex_);
  return high_water_;
}

std::map<std::string, std::int64_t> MemoryBudget::holders() const {
  const std::lock_guard lock(mutex_);
  return holders_;
}

void MemoryBudget::give_back(std::int64_t bytes, const std::string& tag) {
  const std::lock_guard lock(mutex_);
  in_use_ -= bytes;
  const auto holder = holders_.find(tag);
  if (holder != holders_.end() && (holder->second -= bytes) == 0) holders_.erase(holder);
  released_.notify_all();
}

void MemoryBudget::reclaim(std::int64_t wanted) {
  const std::lock_guard lock(caches_mutex_);
  for (Cache* cache : caches_) {
    if (wanted <= 0) return;
    wanted -= cache->reclaim_(wanted);
  }
}

MemoryBudget::Cache::Cache(MemoryBudget& budget, Reclaim reclaim)
    : budget_(budget), reclaim_(std::move(reclaim)) {
  const std::lock_guard lock(budget_.caches_mutex_);
  budget_.caches_.push_back(this);
}

MemoryBudget::Cache::~Cache() {
  const std::lock_guard lock(budget_.caches_mutex_);
  budget_.caches_.remove(this);
}

}  // namespace pellucid
