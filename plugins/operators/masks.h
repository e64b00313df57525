// masks: 1 where a sample is known, 0 where it is missing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <pellucid/random.h>
#include <pellucid/schema.h>

namespace pellucid {

/// Spec of one mask with one channel, "chw" or "czyx", by two sizes, three, or one for a square.
Spec mask_spec(const std::vector<std::int64_t>& size);

/// True where a sample is missing. Throws Error for a mask that holds other values than 0 and 1.
Tensor missing_in(const Tensor& mask);

/// Each place of an image or volume is missing with the same probability, in all channels at once.
struct RandomMask {
  static constexpr const char* name = "random";
  static constexpr const char* summary = "each place is missing with one probability";
  double missing = 0.5;
  std::vector<std::int64_t> size;  // px, one entry for a square

  static const Schema<RandomMask>& schema();

  /// True where a sample is known: (items of `random`, shape...), of whole items or of the region
  /// that `random` is for.
  Tensor operator()(const Random& random, at::IntArrayRef shape) const;
};

/// Its rows in the schema of `Settings` that derive from it.
template <class Settings>
struct RandomMaskRows {
  using Row = typename Schema<Settings>::Row;

  Row missing{"missing", static_cast<double Settings::*>(&RandomMask::missing), "1",
              "probability that a place is missing", within(0.0, 1.0)};
  Row size{"size",      static_cast<std::vector<std::int64_t> Settings::*>(&RandomMask::size),
           "px",        "height and width, one for both, or depth, height and width",
           at_least(1), count(1, 3),
           required()};
};

/// One for all items, from a file.
struct MaskFile {
  static constexpr const char* name = "file";
  static constexpr const char* summary = "an array of zeros and ones";
  std::filesystem::path path;

  static const Schema<MaskFile>& schema();

  std::vector<std::int64_t> shape() const;
  Tensor values() const;
};

}  // namespace pellucid
