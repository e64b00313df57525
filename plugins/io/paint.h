// paint: synthetic pictures, from uniform random numbers alone.
#pragma once

#include <cstdint>
#include <functional>

namespace pellucid {

/// A picture being painted: `planes` is (channels, height, width) in [0, 1], 1 or 3 channels.
struct Canvas {
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
  float* planes;
};

/// The next uniform number in [0, 1).
using Draw = std::function<double()>;

/// Leaves and pebbles that hide each other, with sizes as r^-3, which gives a picture the
/// statistics of photographs (Lee, Mumford, Huang, Int. J. Comput. Vis. 41:35-59, 2001).
void paint_dead_leaves(const Canvas& canvas, const Draw& draw);
/// A star of dark and light sectors that narrow to the centre: every orientation and frequency.
void paint_star(const Canvas& canvas, const Draw& draw, std::int64_t spokes);
/// Lines of words, large at the top and small at the bottom.
void paint_text(const Canvas& canvas, const Draw& draw);

}  // namespace pellucid
