#include "optical_kernels.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "direct_convolution.h"
#include "kernel_sizes.h"

namespace pellucid {
namespace {

using std::numbers::pi;
using Sizes = std::vector<std::int64_t>;

/// 1.22 wavelength / na is the diameter of the first dark ring, the Airy unit of pinholes;
/// 2.62 wavelength / na the radius of the fifth.
constexpr double kAiryUnit = 1.22;
constexpr double kFifthRing = 2.62;

void require_axes_of(const char* kernel, std::size_t own, std::size_t axes) {
  if (own == axes) return;
  throw ConfigError(std::string("the kernel '") + kernel + "' has " + std::to_string(own) +
                    " axes; set dimensions: " + std::to_string(own) +
                    (own == 2 ? ", which convolves volumes plane by plane" : ""));
}

/// The sizes asked for, or those that reach so far to both sides.
Sizes sizes_or(const std::optional<Sizes>& given, const std::vector<double>& reach) {
  Sizes sizes;
  for (std::size_t a = 0; a < reach.size(); ++a)
    sizes.push_back(given ? require_width(double(along(*given, a, reach.size(), "size")))
                          : width_of_radius(reach[a]));
  return sizes;
}

/// Images (z, h, w) of values that depend on the distance from the centre alone, each pixel the mean
/// over n x n points. `values` gets distances in pixels, (points), and returns (z, points).
Tensor around_centre(std::int64_t h, std::int64_t w, std::int64_t n,
                     const std::function<Tensor(const Tensor&)>& values) {
  // In whole numbers of half points, so that equal distances are found equal.
  const auto squares = [n](std::int64_t size) {
    const Tensor points = at::arange(size * n, at::kLong);
    const Tensor pixel = at::div(points, n, "floor") - size / 2, point = points.remainder(n);
    return (2 * n * pixel + 2 * point + 1 - n).square();
  };
  const auto [distances, index, counts] =
      at::_unique2(squares(h).unsqueeze(1) + squares(w), /*sorted=*/true, /*return_inverse=*/true);
  const Tensor profiles = values(distances.to(at::kDouble).sqrt() / double(2 * n));
  const Tensor images = at::empty({profiles.size(0), h, w}, at::kDouble);
  for (std::int64_t z = 0; z < profiles.size(0); ++z)
    images[z].copy_(profiles[z].index_select(0, index.flatten()).view({h, n, w, n}).mean({1, 3}));
  return images;
}

/// A function of each value. (libtorch's Bessel functions are 4e-7 off near 5; those of the C library
/// are exact to rounding.)
Tensor each(const Tensor& values, double (*function)(double)) {
  const Tensor results = values.clone(at::MemoryFormat::Contiguous);
  auto* const result = results.mutable_data_ptr<double>();
  at::parallel_for(0, results.numel(), 1 << 12, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) result[i] = function(result[i]);
  });
  return results;
}

/// Nodes and weights of Gauss and Legendre on [0, end].
std::pair<Tensor, Tensor> quadrature(std::int64_t count, double end) {
  const Tensor nodes = at::empty({count}, at::kDouble), weights = at::empty({count}, at::kDouble);
  auto* const node = nodes.mutable_data_ptr<double>();
  auto* const weight = weights.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < count; ++i) {
    double x = std::cos(pi * (double(i) + 0.75) / (double(count) + 0.5)), slope = 1;
    for (int newton = 0; newton < 6; ++newton) {
      double before = 1, here = x;  // Legendre polynomials of degrees k - 1 and k
      for (std::int64_t k = 2; k <= count; ++k) {
        const double next = (double(2 * k - 1) * x * here - double(k - 1) * before) / double(k);
        before = here;
        here = next;
      }
      slope = double(count) * (x * here - before) / (x * x - 1);
      x -= here / slope;
    }
    node[i] = end * (1 + x) / 2;
    weight[i] = end / ((1 - x * x) * slope * slope);
  }
  return {nodes, weights};
}

/// s(n) of the manual.
Tensor axial(const Tensor& p, double n, double na) {
  return (n * n - (na * p).square()).clamp_min(0).sqrt();
}

/// |h|^2 of one wavelength [nm], (z, h, w): 1 at the focus of a perfect lens.
Tensor widefield(const Objective& lens, double wavelength, const Sizes& sizes) {
  const double k = 2 * pi / wavelength, medium = lens.index;
  const double sample = lens.sample.value_or(medium), depth = 1000 * lens.depth;  // nm
  const double end = std::min(1.0, sample / lens.na);
  const Tensor z = lens.step * (at::arange(sizes[0], at::kDouble) - double(sizes[0] / 2));
  const double furthest = lens.pixel * 0.5 * std::hypot(double(sizes[1] + 1), double(sizes[2] + 1));
  // Enough nodes for as many radians as the phase and the Bessel function go through together.
  const auto fall = [&](double n) {
    return n - std::sqrt(std::max(0.0, n * n - lens.na * lens.na * end * end));
  };
  const double path = lens.na * end * furthest + lens.step * double(sizes[0]) * fall(medium) +
                      depth * (fall(sample) + medium / sample * fall(medium));
  const auto [p, weight] =
      quadrature(32 + static_cast<std::int64_t>(std::ceil(0.6 * k * path)), end);
  const Tensor in_medium = axial(p, medium, lens.na) - medium;
  const Tensor in_sample = axial(p, sample, lens.na) - sample;
  const Tensor phase = k * (depth * (in_sample - medium / sample * in_medium) -
                            z.unsqueeze(1) * in_medium);  // (z, p)
  const Tensor pupil = 2 * weight * p;
  const Tensor real = pupil * phase.cos(), imaginary = pupil * phase.sin();
  return around_centre(sizes[1], sizes[2], lens.oversampling, [&](const Tensor& distance) {
    const Tensor v = k * lens.na * lens.pixel * distance;
    const Tensor bessel = each(p.unsqueeze(1) * v, ::j0);  // (p, points)
    return at::matmul(real, bessel).square() + at::matmul(imaginary, bessel).square();
  });
}

/// Area of a disk around the origin inside of [0, x] x [0, y]; odd in both.
double quarter_area(double r, double x, double y) {
  if (x < 0) return -quarter_area(r, -x, y);
  if (y < 0) return -quarter_area(r, x, -y);
  const auto below_arc = [r](double to) {
    return (to * std::sqrt(std::max(0.0, r * r - to * to)) + r * r * std::asin(to / r)) / 2;
  };
  x = std::min(x, r);
  const double flat = y < r ? std::sqrt(r * r - y * y) : 0;  // up to there the arc is above y
  if (x <= flat) return x * y;
  return flat * y + below_arc(x) - below_arc(flat);
}

/// (h, w): the share of each pixel that a disk in the middle covers.
Tensor disk(double radius, std::int64_t h, std::int64_t w) {
  const Tensor image = at::empty({h, w}, at::kDouble);
  auto* const values = image.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < h * w; ++i) {
    const double y = double(i / w - h / 2), x = double(i % w - w / 2);
    const auto corner = [&](double dx, double dy) { return quarter_area(radius, x + dx, y + dy); };
    values[i] = corner(0.5, 0.5) - corner(-0.5, 0.5) - corner(0.5, -0.5) + corner(-0.5, -0.5);
  }
  return image.clamp_(0, 1);
}

void require_rays(const Objective& lens) {
  if (lens.na >= lens.index)
    throw ConfigError("'na' must be below 'index', " + Value(lens.index).text() + ", got " +
                      Value(lens.na).text());
}

/// Twice as far as the first zero on the axis; to the fifth dark ring, and with `cone` beyond the
/// light that leaves the furthest plane's focus.
Sizes sizes_of(const Objective& lens, double wavelength, bool cone) {
  require_rays(lens);
  const double z = 4 * lens.index * wavelength / (lens.na * lens.na);
  const double slope = lens.na / std::sqrt(lens.index * lens.index - lens.na * lens.na);
  const double r = kFifthRing * wavelength / lens.na + (cone ? z * slope : 0);
  return sizes_or(lens.size, {z / lens.step, r / lens.pixel, r / lens.pixel});
}

template <class Kernel, class Member>
Member Kernel::*of(Member Objective::*member) {
  return member;
}

template <class Kernel, class... Rows>
Schema<Kernel> microscope_schema(Rows... own) {
  return {
      own...,
      {"na", of<Kernel>(&Objective::na), "1", "numerical aperture", positive(), required()},
      {"pixel", of<Kernel>(&Objective::pixel), "nm", "distance of pixels in the sample", positive(),
       required()},
      {"step", of<Kernel>(&Objective::step), "nm", "distance of planes", positive(), required()},
      {"index", of<Kernel>(&Objective::index), "1", "refractive index of the immersion medium",
       at_least(1)},
      {"sample", of<Kernel>(&Objective::sample), "1",
       "refractive index of the sample; by default that of the medium", at_least(1)},
      {"depth", of<Kernel>(&Objective::depth), "um", "how deep in the sample the point is",
       at_least(0)},
      {"oversampling", of<Kernel>(&Objective::oversampling), "1",
       "points along x and y that a pixel is the mean of", within(1, 15)},
      {"size", of<Kernel>(&Objective::size), "px", "width, one or one an axis", at_least(1),
       count(1, 3)},
  };
}

}  // namespace

const Schema<DiskKernel>& DiskKernel::schema() {
  static const Schema<DiskKernel> rows{
      {"radius", &DiskKernel::radius, "px", "of the disk", positive()},
  };
  return rows;
}

Sizes DiskKernel::sizes(std::size_t axes) const {
  require_axes_of(name, 2, axes);
  return Sizes(2, width_of_radius(std::max(0.0, radius - 0.5)));
}

Tensor DiskKernel::values(std::size_t axes, const Context&) const {
  const Sizes size = sizes(axes);
  const Tensor covered = disk(radius, size[0], size[1]) / (pi * radius * radius);
  return covered.view({1, 1, size[0], size[1]});
}

const Schema<AiryKernel>& AiryKernel::schema() {
  static const Schema<AiryKernel> rows{
      {"wavelength", &AiryKernel::wavelength, "nm", "of the light", positive(), required()},
      {"na", &AiryKernel::na, "1", "numerical aperture", positive(), required()},
      {"pixel", &AiryKernel::pixel, "nm", "distance of pixels in the sample", positive(),
       required()},
      {"oversampling", &AiryKernel::oversampling, "1",
       "points along x and y that a pixel is the mean of", within(1, 15)},
      {"size", &AiryKernel::size, "px", "width, one or one an axis", at_least(1), count(1, 2)},
  };
  return rows;
}

Sizes AiryKernel::sizes(std::size_t axes) const {
  require_axes_of(name, 2, axes);
  const double reach = kFifthRing * wavelength / na / pixel;
  return sizes_or(size, {reach, reach});
}

Tensor AiryKernel::values(std::size_t axes, const Context&) const {
  const Sizes size = sizes(axes);
  const Tensor image = around_centre(size[0], size[1], oversampling, [&](const Tensor& distance) {
    const Tensor v = (2 * pi * na * pixel / wavelength * distance).clamp_min(1e-9);
    return (2 * each(v, ::j1) / v).square().unsqueeze(0);
  });
  return image.unsqueeze(0);
}

const Schema<WidefieldKernel>& WidefieldKernel::schema() {
  using Row = Schema<WidefieldKernel>::Row;
  static const Schema<WidefieldKernel> rows = microscope_schema<WidefieldKernel>(
      Row{"wavelength", &WidefieldKernel::wavelength, "nm", "of the light that is emitted",
          positive(), required()});
  return rows;
}

Sizes WidefieldKernel::sizes(std::size_t axes) const {
  require_axes_of(name, 3, axes);
  return sizes_of(*this, wavelength, /*cone=*/true);
}

Tensor WidefieldKernel::values(std::size_t axes, const Context&) const {
  return widefield(*this, wavelength, sizes(axes)).unsqueeze(0).unsqueeze(0);
}

const Schema<ConfocalKernel>& ConfocalKernel::schema() {
  using Row = Schema<ConfocalKernel>::Row;
  static const Schema<ConfocalKernel> rows = microscope_schema<ConfocalKernel>(
      Row{"excitation", &ConfocalKernel::excitation, "nm", "wavelength of the laser", positive(),
          required()},
      Row{"emission", &ConfocalKernel::emission, "nm", "wavelength of the light that is emitted",
          positive(), required()},
      Row{"pinhole", &ConfocalKernel::pinhole, "1",
          "diameter in Airy units, 1.22 emission / na; 0: a point", at_least(0)});
  return rows;
}

Sizes ConfocalKernel::sizes(std::size_t axes) const {
  require_axes_of(name, 3, axes);
  return sizes_of(*this, std::max(excitation, emission), /*cone=*/false);
}

Tensor ConfocalKernel::values(std::size_t axes, const Context&) const {
  const Sizes size = sizes(axes);
  const double radius = pinhole * kAiryUnit * emission / na / pixel / 2;
  const Tensor excited = widefield(*this, excitation, size);
  if (radius == 0) {
    const Tensor emitted = widefield(*this, emission, size);
    return (excited * emitted).unsqueeze(0).unsqueeze(0);
  }
  // The pinhole looks at light from beyond the kernel, too.
  const std::int64_t width = width_of_radius(radius);
  Sizes grown = size;
  for (std::size_t a = 1; a < 3; ++a) grown[a] += width - 1;
  const Tensor emitted = widefield(*this, emission, grown).unsqueeze(1);
  const Tensor seen = at::empty({size[0], 1, size[1], size[2]}, at::kDouble);
  const Tensor hole = disk(radius, width, width) / (pi * radius * radius);
  convolve(emitted, {hole.unsqueeze(0)}, Boundary::valid, seen);
  return (excited * seen.squeeze(1)).unsqueeze(0).unsqueeze(0);
}

}  // namespace pellucid
