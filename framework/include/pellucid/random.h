// Random: counter-based draws that depend on what is drawn, never on how the work was cut.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <pellucid/spec.h>

namespace pellucid {

/// One call of Philox4x32-10: four words from a counter and a key (Salmon, Moraes, Dror, Shaw,
/// "Parallel random numbers: as easy as 1, 2, 3", SC 2011, doi:10.1145/2063384.2063405).
PELLUCID_EXPORT std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                    std::array<std::uint32_t, 2> key);

/// Draws for the items of one block. The draw at a position is a function of (run seed, node,
/// purpose, item, step, position in the whole item) alone.
///
/// A pair of neighbouring positions shares one Philox call (counter: pair number in 64 bits, item,
/// step; key: a hash of seed, node and purpose). Uniforms have 53 bits; normals come by Box-Muller
/// in double precision and are rounded to the dtype asked for.
///
/// All three kinds of draws are made from the same words: a normal and a uniform of one purpose and
/// step depend on each other. Whoever needs both independent takes two purposes or two steps.
class PELLUCID_EXPORT Random {
 public:
  /// `items`: the item that each row of a tensor speaks of.
  Random(std::uint64_t seed, const std::string& node, const std::string& purpose,
         std::vector<std::int64_t> items, std::optional<Region> region = {});
  Random(const Random&);
  Random& operator=(const Random&);
  ~Random();

  /// Uniform in [0, 1), shape (items, shape...); `shape` is that of the items, or of their region.
  Tensor uniform(at::IntArrayRef shape, at::ScalarType dtype = at::kFloat,
                 std::int64_t step = 0) const;
  /// Standard normal. For a complex dtype, real and imaginary part have variance 1/2 each.
  Tensor normal(at::IntArrayRef shape, at::ScalarType dtype = at::kFloat,
                std::int64_t step = 0) const;
  /// Uniform whole numbers in [0, bound).
  Tensor integers(at::IntArrayRef shape, std::int64_t bound, std::int64_t step = 0) const;

 private:
  template <class Fill>
  void each_row(at::IntArrayRef shape, std::int64_t step, Fill fill) const;

  std::array<std::uint32_t, 2> key_{};
  std::vector<std::int64_t> items_;
  std::optional<Region> region_;
};

}  // namespace pellucid
