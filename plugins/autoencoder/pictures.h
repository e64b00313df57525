// pictures: images of any size and 1 or 3 channels as networks see them, and back.
#pragma once

#include <cstdint>

#include <pellucid/spec.h>

namespace pellucid {

/// Sides of what a network sees are multiples of this: four halvings to z, two more to h.
constexpr std::int64_t kMultiple = 64;

/// The next multiple.
std::int64_t padded(std::int64_t side);

/// Images (n, c, h, w) as three channels, a grey one thrice, that are continued by their lower and
/// right border to sides that networks take; channels last in memory.
Tensor as_pictures(const Tensor& images);

/// Decoded pictures cut to (height, width); of `channels` 1 the mean of the three.
Tensor as_images(const Tensor& pictures, at::IntArrayRef size, std::int64_t channels);

}  // namespace pellucid
