// MemoryBudget: how many bytes a run may hold at once, and who holds them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace pellucid {

class MemoryBudget;

/// Bytes of a budget, given back when it is destroyed.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();

  std::int64_t bytes() const { return bytes_; }
  void release();

 private:
  friend class MemoryBudget;
  Reservation(MemoryBudget* budget, std::int64_t bytes, std::string tag);

  MemoryBudget* budget_ = nullptr;
  std::int64_t bytes_ = 0;
  std::string tag_;
};

/// Any number of threads may reserve. Where a request does not fit, the caches that registered are
/// asked to give bytes back, then the caller waits until others release theirs.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::int64_t limit);
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  /// Waits. Throws Error for more than the whole budget, Cancelled once `stop` was called.
  Reservation reserve(std::int64_t bytes, const std::string& tag);
  /// Empty where it does not fit; neither waits nor asks caches.
  std::optional<Reservation> try_reserve(std::int64_t bytes, const std::string& tag);

  /// Gives back about as many bytes as it is asked for and says how many it did; called by threads
  /// that want to reserve, without any lock of the budget's.
  using Reclaim = std::function<std::int64_t(std::int64_t wanted)>;
  /// Unregisters when destroyed; by then no call is under way.
  class Cache {
   public:
    Cache(MemoryBudget& budget, Reclaim reclaim);
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;
    ~Cache();

   private:
    friend class MemoryBudget;
    MemoryBudget& budget_;
    Reclaim reclaim_;
  };

  /// Wakes all who wait; they and all later callers that would wait get Cancelled.
  void stop();

  std::int64_t limit() const { return limit_; }
  std::int64_t in_use() const;
  std::int64_t high_water() const;
  /// By tag: bytes held now.
  std::map<std::string, std::int64_t> holders() const;

 private:
  friend class Reservation;
  bool fits(std::int64_t bytes) const { return in_use_ + bytes <= limit_; }
  void give_back(std::int64_t bytes, const std::string& tag);
  void reclaim(std::int64_t wanted);

  const std::int64_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable released_;
  std::int64_t in_use_ = 0;
  std::int64_t high_water_ = 0;
  std::map<std::string, std::int64_t> holders_;
  bool stopped_ = false;

  std::mutex caches_mutex_;
  std::list<Cache*> caches_;
};

}  // namespace pellucid
