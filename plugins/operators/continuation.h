// continuation: images that go on beyond their edges, row by row, and the adjoint of that.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include <pellucid/numerics/border.h>

namespace pellucid {

/// Places first .. first + length - 1 of an axis of n samples (n >= 1), continued by a boundary.
class ContinuedLine {
 public:
  ContinuedLine(std::int64_t n, std::int64_t first, std::int64_t length, Boundary boundary)
      : length_(length),
        begin_(std::clamp<std::int64_t>(-first, 0, length)),
        end_(std::clamp<std::int64_t>(n - first, begin_, length)),
        sample_(first + begin_) {
    for (std::int64_t i = 0; i < length; ++i)
      if (i < begin_ || i >= end_) outside_.push_back({i, source_position(first + i, n, boundary)});
  }

  std::int64_t length() const { return length_; }

  /// Number of the sample that stands at place i of the line, 0 <= i < length; -1: a zero.
  std::int64_t source(std::int64_t i) const {
    if (i >= begin_ && i < end_) return sample_ + i - begin_;
    return outside_[static_cast<std::size_t>(i < begin_ ? i : i - (end_ - begin_))].source;
  }

  /// line[i] = samples[source(i)], or 0.
  template <class T>
  void read(const T* samples, T* line) const {
    std::copy_n(samples + sample_, end_ - begin_, line + begin_);
    for (const Place& place : outside_)
      line[place.index] = place.source < 0 ? T(0) : samples[place.source];
  }

  /// The adjoint of `read`: samples[source(i)] += line[i].
  template <class T>
  void add(const T* line, T* samples) const {
    for (std::int64_t i = begin_; i < end_; ++i) samples[sample_ + i - begin_] += line[i];
    for (const Place& place : outside_)
      if (place.source >= 0) samples[place.source] += line[place.index];
  }

 private:
  struct Place {
    std::int64_t index;
    std::int64_t source;
  };

  std::int64_t length_;
  std::int64_t begin_, end_;  // the places inside, from sample number `sample_` on
  std::int64_t sample_;
  std::vector<Place> outside_;
};

/// What an image is continued by to be convolved with a kernel whose centre is at size / 2: in front
/// as far as the kernel reaches behind its centre.
struct Reach {
  explicit Reach(at::IntArrayRef kernel_size);
  std::vector<std::int64_t> before, after;
};

/// The sizes of an image or a volume as those of a volume, `missing` in front of an image's.
std::array<std::int64_t, 3> as_volume(at::IntArrayRef sizes, std::int64_t missing);

/// Puts x, continued by before[a] samples in front and after[a] behind along its last axes, into
/// the corner of `grid`; zeros beyond. All have the same leading axes; `grid` is contiguous.
void extend(const Tensor& x, at::IntArrayRef before, at::IntArrayRef after, Boundary boundary,
            const Tensor& grid);

/// The adjoint of `extend`: writes x, contiguous; what stands outside is added to where it was
/// taken from.
void fold(const Tensor& grid, at::IntArrayRef before, at::IntArrayRef after, Boundary boundary,
          const Tensor& x);

/// Writes y, contiguous: the part of `grid` that begins before[a] samples from its corner.
void cut(const Tensor& grid, at::IntArrayRef before, const Tensor& y);

}  // namespace pellucid
