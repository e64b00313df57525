// allocator: libtorch's CPU memory, counted by node and kept in a pool that the budget knows.
#pragma once

#include <cstdint>

namespace pellucid {

/// Replaces libtorch's CPU allocator for the rest of the process. Call before the first tensor.
void install_counting_allocator();

/// Freed blocks stay in the pool while live and pooled bytes together are below this.
void set_allocator_limit(std::int64_t bytes);

/// Gives all pooled blocks back to the system.
void trim_allocator();

struct AllocatorUse {
  std::int64_t live = 0;    ///< bytes in use by tensors
  std::int64_t pooled = 0;  ///< bytes freed but kept
  std::int64_t peak = 0;    ///< most that live + pooled have been
};
AllocatorUse allocator_use();

/// Allocations of this thread count for node `tag` while an AllocationTag lives; 0 is "other".
class AllocationTag {
 public:
  explicit AllocationTag(std::uint32_t tag);
  AllocationTag(const AllocationTag&) = delete;
  AllocationTag& operator=(const AllocationTag&) = delete;
  ~AllocationTag();

 private:
  std::uint32_t before_;
};

inline constexpr std::uint32_t kAllocationTags = 1024;
/// Most bytes that were live at once with this tag. Tags wrap around at kAllocationTags.
std::int64_t peak_of_tag(std::uint32_t tag);

}  // namespace pellucid
