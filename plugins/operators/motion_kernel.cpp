#include "motion_kernel.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "kernel_sizes.h"

namespace pellucid {
namespace {

using Point = std::vector<double>;

/// Waves that a path is made of. The longest is much longer than the exposure and than what the
/// path remembers, so that its end does not return to its beginning.
constexpr std::int64_t kWaves = 64;
double longest_wave(double smoothness) { return std::max(4.0, 8 * smoothness); }

/// Places at equal times; `draws` holds a cosine and a sine for each wave of each coordinate.
std::vector<Point> path_of(const double* draws, std::size_t axes, double smoothness,
                           std::int64_t places) {
  std::vector<Point> path(static_cast<std::size_t>(places), Point(axes, 0.0));
  for (std::int64_t k = 1; k <= kWaves; ++k) {
    const double w = 2 * std::numbers::pi * double(k) / longest_wave(smoothness);
    const double amplitude = std::pow(5 / (smoothness * smoothness) + w * w, -1.5);
    for (std::int64_t i = 0; i < places; ++i) {
      const double phase = w * (double(i) + 0.5) / double(places);
      for (std::size_t a = 0; a < axes; ++a) {
        const double* const pair = draws + (a * kWaves + static_cast<std::size_t>(k - 1)) * 2;
        path[i][a] += amplitude * (pair[0] * std::cos(phase) + pair[1] * std::sin(phase));
      }
    }
  }
  return path;
}

double length_of(const std::vector<Point>& path) {
  double length = 0;
  for (std::size_t i = 1; i < path.size(); ++i) {
    double square = 0;
    for (std::size_t a = 0; a < path[i].size(); ++a)
      square += (path[i][a] - path[i - 1][a]) * (path[i][a] - path[i - 1][a]);
    length += std::sqrt(square);
  }
  return length;
}

/// Scales the path to `length` and moves it into the middle of a kernel of `size`.
void fit(std::vector<Point>& path, double length, std::int64_t size) {
  const double most = double(size - 1);
  double scale = length / std::max(length_of(path), 1e-300);
  Point middle;
  for (std::size_t a = 0; a < path.front().size(); ++a) {
    const auto before = [a](const Point& p, const Point& q) { return p[a] < q[a]; };
    const auto [low, high] = std::minmax_element(path.begin(), path.end(), before);
    middle.push_back(((*low)[a] + (*high)[a]) / 2);
    const double extent = (*high)[a] - (*low)[a];
    if (scale * extent > most) scale = most / extent;
  }
  for (Point& place : path)
    for (std::size_t a = 0; a < place.size(); ++a)
      place[a] = std::clamp(scale * (place[a] - middle[a]) + most / 2, 0.0, most);
}

/// Adds `weight`, shared linearly among the 2^axes pixels around a place.
void deposit(const Point& place, double weight, std::int64_t size, double* kernel) {
  for (std::size_t corner = 0; corner < std::size_t{1} << place.size(); ++corner) {
    double share = weight;
    std::int64_t index = 0;
    for (std::size_t a = 0; a < place.size(); ++a) {
      const auto low = static_cast<std::int64_t>(place[a]);
      const bool upper = (corner >> a & 1) != 0;
      share *= upper ? place[a] - double(low) : 1 - (place[a] - double(low));
      index = index * size + std::min(low + (upper ? 1 : 0), size - 1);
    }
    kernel[index] += share;
  }
}

}  // namespace

const Schema<MotionKernel>& MotionKernel::schema() {
  static const Schema<MotionKernel> rows{
      {"length", &MotionKernel::length, "px", "length of the path", positive()},
      {"smoothness", &MotionKernel::smoothness, "1",
       "time in which the path forgets its direction, as a share of the exposure",
       within(0.05, 10)},
      {"size", &MotionKernel::size, "px", "width; by default whatever holds any path", at_least(1)},
  };
  return rows;
}

std::vector<std::int64_t> MotionKernel::sizes(std::size_t axes) const {
  const std::int64_t width = size ? require_width(double(*size)) : width_of_radius(length / 2);
  return std::vector<std::int64_t>(axes, width);
}

Tensor MotionKernel::values(std::size_t axes, const Context& context) const {
  const Tensor draws =
      context.random("motion").normal({static_cast<std::int64_t>(axes), kWaves, 2}, at::kDouble);
  const std::vector<std::int64_t> sizes = this->sizes(axes);
  std::vector<std::int64_t> shape{draws.size(0), 1};
  shape.insert(shape.end(), sizes.begin(), sizes.end());
  const Tensor kernels = at::zeros(shape, at::kDouble);
  // Places a quarter of a pixel apart leave no gaps.
  const auto places = static_cast<std::int64_t>(std::ceil(8 * length)) + 64;
  for (std::int64_t item = 0; item < draws.size(0); ++item) {
    auto path = path_of(draws[item].const_data_ptr<double>(), axes, smoothness, places);
    fit(path, length, sizes.front());
    auto* const kernel = kernels[item].mutable_data_ptr<double>();
    for (const Point& place : path) deposit(place, 1.0 / double(places), sizes.front(), kernel);
  }
  return kernels;
}

}  // namespace pellucid
