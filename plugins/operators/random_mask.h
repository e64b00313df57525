// random_mask: samples that are lost by chance.
#pragma once

#include <cstdint>
#include <vector>

#include <pellucid/random.h>
#include <pellucid/schema.h>

namespace pellucid {

/// Each place of an image or volume is missing with the same probability, in all channels at once.
struct RandomMask {
  static constexpr const char* name = "random";
  static constexpr const char* summary = "each place is missing with one probability";
  double missing = 0.5;
  std::vector<std::int64_t> size;  // px, one entry for a square

  static const Schema<RandomMask>& schema();

  /// The axes of an item with one channel, "chw" or "czyx", and its shape.
  Spec spec() const;
  /// True where a sample is known: (items of `random`, shape...), of whole items or of the region
  /// that `random` is for.
  Tensor operator()(const Random& random, at::IntArrayRef shape) const;
};

}  // namespace pellucid
