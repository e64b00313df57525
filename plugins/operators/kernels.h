// kernels: what a convolution's kernel can be made of. Its sizes follow from settings and the
// headers of files alone, its values come later.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <pellucid/context.h>
#include <pellucid/schema.h>
#include <pellucid/spec.h>

#include "motion_kernel.h"
#include "optical_kernels.h"

namespace pellucid {

struct GaussianKernel {
  static constexpr const char* name = "gaussian";
  static constexpr const char* summary = "exp(-k^2 / (2 std^2)) at whole pixels";
  std::vector<double> std{1.0};                     // px
  std::optional<std::vector<std::int64_t>> radius;  // px

  static const Schema<GaussianKernel>& schema();
  std::int64_t width(std::size_t axis, std::size_t axes) const;
  Tensor factor(std::size_t axis, std::size_t axes) const;
};

struct BoxKernel {
  static constexpr const char* name = "box";
  static constexpr const char* summary = "the mean over a rectangle";
  std::vector<std::int64_t> size{3};  // px

  static const Schema<BoxKernel>& schema();
  std::int64_t width(std::size_t axis, std::size_t axes) const;
  Tensor factor(std::size_t axis, std::size_t axes) const;
};

struct DeltaKernel {
  static constexpr const char* name = "delta";
  static constexpr const char* summary = "the identity";

  std::int64_t width(std::size_t axis, std::size_t axes) const;
  Tensor factor(std::size_t axis, std::size_t axes) const;
};

struct FileKernel {
  static constexpr const char* name = "file";
  static constexpr const char* summary = "an array of an HDF5 or NPY file";
  std::filesystem::path path;

  static const Schema<FileKernel>& schema();
  std::vector<std::int64_t> sizes(std::size_t axes) const;
  std::int64_t channels(std::size_t axes) const;
  std::vector<double> spacing(std::size_t axes) const;
  Tensor values(std::size_t axes, const Context& context) const;
};

using Kernel = std::variant<GaussianKernel, BoxKernel, DeltaKernel, MotionKernel, DiskKernel,
                            AiryKernel, WidefieldKernel, ConfocalKernel, FileKernel>;

struct KernelShape {
  std::int64_t items = 1;
  std::int64_t channels = 1;
  std::vector<std::int64_t> size;  ///< along each axis
  bool separable = false;          ///< the product of one factor an axis
  /// Distance of neighbouring samples along each axis, in nm; empty where it is unknown.
  std::vector<double> spacing = {};
};

/// Throws ConfigError for settings that do not fit so many axes, and for a kernel wider than any
/// image.
KernelShape shape_of(const Kernel& kernel, std::size_t axes);

/// Arrays (items, channels, sizes...) whose product is the kernel, float64: one an axis where it is
/// separable, else one. Random kernels have the items that the context draws for, others one.
std::vector<Tensor> factors_of(const Kernel& kernel, std::size_t axes, const Context& context);

/// Each divided by its sum. Throws Error where that is 0.
std::vector<Tensor> normalized(std::vector<Tensor> factors, std::size_t axes);

/// The kernel that the factors make, (items, channels, sizes...).
Tensor product_of(const std::vector<Tensor>& factors);

/// The spacing of the last axes in nm; empty where it is unknown or no length.
std::vector<double> nanometres(const std::vector<double>& spacing, const std::string& unit,
                               std::size_t axes);

/// Bytes that `factors_of` allocates beyond its result, for one item.
std::int64_t working_bytes_of(const KernelShape& shape);

}  // namespace pellucid
