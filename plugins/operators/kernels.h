// kernels: what a convolution's kernel can be made of, and its factor along each axis.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include <pellucid/schema.h>
#include <pellucid/spec.h>

namespace pellucid {

struct GaussianKernel {
  static constexpr const char* name = "gaussian";
  static constexpr const char* summary = "exp(-k^2 / (2 std^2)) at whole pixels";
  std::vector<double> std{1.0};                     // px
  std::optional<std::vector<std::int64_t>> radius;  // px

  static const Schema<GaussianKernel>& schema();
  Tensor factor(std::size_t axis, std::size_t axes) const;
};

struct BoxKernel {
  static constexpr const char* name = "box";
  static constexpr const char* summary = "the mean over a rectangle";
  std::vector<std::int64_t> size{3};  // px

  static const Schema<BoxKernel>& schema();
  Tensor factor(std::size_t axis, std::size_t axes) const;
};

struct DeltaKernel {
  static constexpr const char* name = "delta";
  static constexpr const char* summary = "the identity";

  Tensor factor(std::size_t axis, std::size_t axes) const;
};

using Kernel = std::variant<GaussianKernel, BoxKernel, DeltaKernel>;

/// The kernels of one axis whose outer product is the kernel of all; float64. Throws ConfigError
/// for a list with neither one entry nor one an axis, and for a kernel wider than any image.
std::vector<Tensor> factors_of(const Kernel& kernel, std::size_t axes);

}  // namespace pellucid
