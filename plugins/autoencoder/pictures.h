// pictures: images of any size and 1 or 3 channels as networks see them, and back.
#pragma once

#include <cstdint>

#include <pellucid/spec.h>

namespace pellucid {

/// Sides of what a network sees are multiples of this: four halvings to z, two more to h.
constexpr std::int64_t kMultiple = 64;

/// The next multiple.
std::int64_t padded(std::int64_t side, std::int64_t multiple = kMultiple);

/// Images (n, c, h, w), continued by their lower and right border to sides that are multiples;
/// channels last in memory.
Tensor continued(const Tensor& images, std::int64_t multiple);

/// The same with three channels, a grey one thrice, and sides of compressive autoencoders.
Tensor as_pictures(const Tensor& images);

/// Decoded pictures cut to (height, width); the mean of their channels where one is wanted.
Tensor as_images(const Tensor& pictures, at::IntArrayRef size, std::int64_t channels);

}  // namespace pellucid
