// lanes: loops over samples with sums that a compiler may add in vectors.
#pragma once

#include <cstdint>

namespace pellucid {

/// A sum of T, added lane by lane in an order that depends on the count alone.
template <class T>
class LaneSum {
 public:
  static constexpr int kCount = 16;

  void add(int lane, T term) { lanes_[lane] += term; }
  double total() const {
    double sum = 0;
    for (const T lane : lanes_) sum += double(lane);
    return sum;
  }

 private:
  T lanes_[kCount]{};
};

/// `one(i, lane)` for i = 0 .. count - 1.
template <class One>
[[gnu::always_inline]] inline void over_lanes(std::int64_t count, One one) {
  constexpr int lanes = LaneSum<float>::kCount;
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (int lane = 0; lane < lanes; ++lane) one(i + lane, lane);
  for (int lane = 0; i < count; ++i, ++lane) one(i, lane);
}

}  // namespace pellucid
