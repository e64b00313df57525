#include "run/allocator.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

namespace pellucid {
namespace {

// In front of every allocation, so that freeing needs no look-up. libtorch hands the data pointer
// itself back to the deleter (oneDNN insists that it is its own context).
struct alignas(64) Header {
  std::size_t bytes;  // of the block, header included
  std::uint32_t tag;
  bool mapped;
};

// Blocks from this size on come from mmap, so that giving one back really gives it back.
constexpr std::size_t kMapped = std::size_t{256} << 10;
constexpr std::size_t kGrain = std::size_t{64} << 10;
constexpr std::size_t kHuge = std::size_t{2} << 20;

class Pool {
 public:
  void* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = free_.lower_bound(bytes);
    // A block at most an eighth too large; otherwise the pool would hide memory that is not used.
    if (found == free_.end() || found->first > bytes + bytes / 8) return nullptr;
    void* block = found->second;
    pooled_ -= static_cast<std::int64_t>(found->first);
    free_.erase(found);
    return block;
  }

  void give(void* block, std::size_t bytes, std::int64_t live) {
    {
      const std::lock_guard lock(mutex_);
      if (live + pooled_ + static_cast<std::int64_t>(bytes) <= limit_) {
        free_.emplace(bytes, block);
        pooled_ += static_cast<std::int64_t>(bytes);
        return;
      }
    }
    ::munmap(block, bytes);
  }

  // Makes room for a new block: pooled ones of other sizes go back, the largest first.
  void make_room(std::size_t bytes, std::int64_t live) {
    const std::lock_guard lock(mutex_);
    while (!free_.empty() && live + pooled_ + static_cast<std::int64_t>(bytes) > limit_) {
      const auto largest = std::prev(free_.end());
      ::munmap(largest->second, largest->first);
      pooled_ -= static_cast<std::int64_t>(largest->first);
      free_.erase(largest);
    }
  }

  void trim() {
    const std::lock_guard lock(mutex_);
    for (const auto& [bytes, block] : free_) ::munmap(block, bytes);
    free_.clear();
    pooled_ = 0;
  }

  void set_limit(std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    limit_ = bytes;
  }

  std::int64_t pooled() const { return pooled_; }

 private:
  std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  std::atomic<std::int64_t> pooled_{0};
  std::int64_t limit_ = std::int64_t{256} << 20;
};

// Never destroyed: tensors in static storage of libraries outlive everything of ours.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

std::atomic<std::int64_t> live_bytes{0};
std::atomic<std::int64_t> peak_bytes{0};
std::array<std::atomic<std::int64_t>, kAllocationTags> live_of_tag{};
std::array<std::atomic<std::int64_t>, kAllocationTags> peak_of_tags{};
thread_local std::uint32_t current_tag = 0;

void raise_to(std::atomic<std::int64_t>& peak, std::int64_t value) {
  std::int64_t known = peak.load(std::memory_order_relaxed);
  while (known < value && !peak.compare_exchange_weak(known, value, std::memory_order_relaxed)) {
  }
}

void* allocate(std::size_t wanted) {
  if (wanted == 0) return nullptr;
  std::size_t bytes = wanted + sizeof(Header);
  const bool mapped = bytes >= kMapped;
  void* block = nullptr;
  if (mapped) {
    bytes = (bytes + kGrain - 1) / kGrain * kGrain;
    block = pool().take(bytes);
    if (block != nullptr) {
      bytes = static_cast<Header*>(block)->bytes;
    } else {
      pool().make_room(bytes, live_bytes);
      block = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (block == MAP_FAILED) block = nullptr;
      // A fault for each 4 KiB takes ten times as long as filling the memory does.
      if (block != nullptr && bytes >= kHuge) ::madvise(block, bytes, MADV_HUGEPAGE);
    }
  } else {
    bytes = (bytes + 63) / 64 * 64;
    block = std::aligned_alloc(alignof(Header), bytes);
  }
  TORCH_CHECK(block != nullptr, "out of memory: ", wanted, " bytes were asked for");

  auto* header = new (block) Header{bytes, current_tag % kAllocationTags, mapped};
  const auto counted = static_cast<std::int64_t>(bytes);
  raise_to(peak_bytes, live_bytes.fetch_add(counted) + counted + pool().pooled());
  raise_to(peak_of_tags[header->tag], live_of_tag[header->tag].fetch_add(counted) + counted);
  return header + 1;
}

void release(void* data) {
  if (data == nullptr) return;
  Header* const header = static_cast<Header*>(data) - 1;
  const std::size_t bytes = header->bytes;
  live_of_tag[header->tag].fetch_sub(static_cast<std::int64_t>(bytes));
  const std::int64_t live =
      live_bytes.fetch_sub(static_cast<std::int64_t>(bytes)) - static_cast<std::int64_t>(bytes);
  if (header->mapped) pool().give(header, bytes, live);
  else std::free(header);
}

class CountingAllocator final : public c10::Allocator {
 public:
  at::DataPtr allocate(std::size_t bytes) override {
    void* const data = pellucid::allocate(bytes);
    return {data, data, &release, at::Device(at::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

}  // namespace

void install_counting_allocator() {
  static CountingAllocator* const allocator = [] {
    auto* const made = new CountingAllocator;
    c10::SetCPUAllocator(made, /*priority=*/1);
    return made;
  }();
  (void)allocator;
}

void set_allocator_limit(std::int64_t bytes) { pool().set_limit(bytes); }

void trim_allocator() { pool().trim(); }

AllocatorUse allocator_use() { return {live_bytes, pool().pooled(), peak_bytes}; }

AllocationTag::AllocationTag(std::uint32_t tag) : before_(current_tag) { current_tag = tag; }

AllocationTag::~AllocationTag() { current_tag = before_; }

std::int64_t peak_of_tag(std::uint32_t tag) { return peak_of_tags[tag % kAllocationTags]; }

}  // namespace pellucid
