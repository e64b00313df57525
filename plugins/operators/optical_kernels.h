// optical_kernels: the images of a point through lenses, by scalar diffraction.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <pellucid/context.h>
#include <pellucid/schema.h>
#include <pellucid/spec.h>

namespace pellucid {

/// The image of a point out of focus: the share of each pixel that a disk covers, exact.
struct DiskKernel {
  static constexpr const char* name = "disk";
  static constexpr const char* summary = "a lens out of focus";
  double radius = 3;  // px

  static const Schema<DiskKernel>& schema();
  std::vector<std::int64_t> sizes(std::size_t axes) const;
  Tensor values(std::size_t axes, const Context& context) const;
};

/// The image of a point in focus: (2 J1(v) / v)^2, v = 2 pi na r / wavelength; 0 first at
/// r = 0.61 wavelength / na. Without a size it reaches to the fifth dark ring, which holds 96 % of
/// the light.
struct AiryKernel {
  static constexpr const char* name = "airy";
  static constexpr const char* summary = "a lens in focus";
  double wavelength = 520;  // nm
  double na = 0.5;
  double pixel = 100;  // nm
  std::int64_t oversampling = 1;
  std::optional<std::vector<std::int64_t>> size;  // px

  static const Schema<AiryKernel>& schema();
  std::vector<std::int64_t> sizes(std::size_t axes) const;
  Tensor values(std::size_t axes, const Context& context) const;
  std::vector<double> spacing(std::size_t) const { return {pixel, pixel}; }
};

/// What the microscope's kernels share.
struct Objective {
  double na = 1.4;
  double pixel = 65;                              // nm
  double step = 200;                              // nm
  double index = 1.515;                           // of the immersion medium
  std::optional<double> sample;                   // index of the sample; else that of the medium
  double depth = 0;                               // um
  std::int64_t oversampling = 1;                  // points of a pixel, along x and y
  std::optional<std::vector<std::int64_t>> size;  // px

  std::vector<double> spacing(std::size_t) const { return {step, pixel, pixel}; }
};

/// A fluorescence microscope, by the integral of S. F. Gibson and F. Lanni, J. Opt. Soc. Am. A
/// 8(10):1601-1613, 1991, doi:10.1364/JOSAA.8.001601, with the coverslip it was designed for:
///
///   h(r, z) = |2 int_0^1 J0(k na r p) exp(i k W(p, z)) p dp|^2,   k = 2 pi / wavelength
///   W(p, z) = -z s(index) + depth (s(sample) - index / sample s(index)),  s(n) = sqrt(n^2 - (na p)^2)
///
/// z: how much deeper than on the point it is focused, by the motion of the stage. With
/// sample = index it is the integral of Born and Wolf (Principles of Optics, 8.8). Rays that the
/// sample cannot have (na p > sample) are left out.
struct WidefieldKernel : Objective {
  static constexpr const char* name = "widefield";
  static constexpr const char* summary = "a fluorescence microscope";
  double wavelength = 520;  // nm, emitted

  static const Schema<WidefieldKernel>& schema();
  std::vector<std::int64_t> sizes(std::size_t axes) const;
  Tensor values(std::size_t axes, const Context& context) const;
};

/// A confocal microscope: the product of `widefield` at the wavelength of excitation, and of that
/// at emission convolved with the pinhole, a disk, plane by plane.
struct ConfocalKernel : Objective {
  static constexpr const char* name = "confocal";
  static constexpr const char* summary = "a confocal fluorescence microscope";
  double excitation = 488;  // nm
  double emission = 520;    // nm
  double pinhole = 1;       // Airy units

  static const Schema<ConfocalKernel>& schema();
  std::vector<std::int64_t> sizes(std::size_t axes) const;
  Tensor values(std::size_t axes, const Context& context) const;
};

}  // namespace pellucid
