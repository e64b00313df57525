#include "kernels.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/dataset.h>
#include <pellucid/value.h>

#include "kernel_sizes.h"

namespace pellucid {
namespace {

template <class Kind>
constexpr bool is_separable = requires(const Kind& kind) {
  kind.factor(0, 0);
};

/// The file's array: one kernel, with or without channels in front.
std::unique_ptr<DatasetReader> opened(const std::filesystem::path& path, std::size_t axes) {
  std::unique_ptr<DatasetReader> reader;
  try {
    reader = std::make_unique<DatasetReader>(DatasetAddress::parse(path));
  } catch (const Error& error) {
    throw ConfigError(error.sentence());
  }
  const std::size_t found = reader->shape().size();
  if (found != axes && found != axes + 1)
    throw ConfigError("a kernel of " + std::to_string(axes) + " axes, or with channels in front " +
                      std::to_string(axes + 1) + ", must stand in the file, got " +
                      shape_text(reader->shape()));
  if (at::isComplexType(reader->dtype())) throw ConfigError("the kernel must be real, got complex");
  return reader;
}

}  // namespace

const Schema<GaussianKernel>& GaussianKernel::schema() {
  static const Schema<GaussianKernel> rows{
      {"std", &GaussianKernel::std, "px", "standard deviation, one or one an axis", positive(),
       count(1, 3)},
      {"radius", &GaussianKernel::radius, "px", "half width; by default ceil(10 std / 3)",
       at_least(0), count(1, 3)},
  };
  return rows;
}

std::int64_t GaussianKernel::width(std::size_t axis, std::size_t axes) const {
  if (!radius) return width_of_radius(10 * along(std, axis, axes, "std") / 3);
  return width_of_radius(double(along(*radius, axis, axes, "radius")));
}

Tensor GaussianKernel::factor(std::size_t axis, std::size_t axes) const {
  const double s = along(std, axis, axes, "std");
  const std::int64_t r = width(axis, axes) / 2;
  const Tensor offset = at::arange(-r, r + 1, at::kDouble) / s;
  return at::exp(-0.5 * offset.square()) / (std::sqrt(2 * std::numbers::pi) * s);
}

const Schema<BoxKernel>& BoxKernel::schema() {
  static const Schema<BoxKernel> rows{
      {"size", &BoxKernel::size, "px", "width, one or one an axis", at_least(1), count(1, 3)},
  };
  return rows;
}

std::int64_t BoxKernel::width(std::size_t axis, std::size_t axes) const {
  return require_width(double(along(size, axis, axes, "size")));
}

Tensor BoxKernel::factor(std::size_t axis, std::size_t axes) const {
  const std::int64_t n = width(axis, axes);
  return at::full({n}, 1.0 / double(n), at::kDouble);
}

std::int64_t DeltaKernel::width(std::size_t, std::size_t) const { return 1; }

Tensor DeltaKernel::factor(std::size_t, std::size_t) const { return at::ones({1}, at::kDouble); }

const Schema<FileKernel>& FileKernel::schema() {
  static const Schema<FileKernel> rows{
      {"path", &FileKernel::path, "", "FILE.h5:/PATH/OF/DATASET or FILE.npy", required()},
  };
  return rows;
}

std::vector<std::int64_t> FileKernel::sizes(std::size_t axes) const {
  return last_sizes(opened(path, axes)->shape(), axes);
}

std::int64_t FileKernel::channels(std::size_t axes) const {
  const auto reader = opened(path, axes);
  return reader->shape().size() == axes ? 1 : reader->shape().front();
}

std::vector<double> FileKernel::spacing(std::size_t axes) const {
  const auto reader = opened(path, axes);
  return nanometres(reader->spacing(), reader->spacing_unit(), axes);
}

Tensor FileKernel::values(std::size_t axes, const Context&) const {
  const auto reader = opened(path, axes);
  const std::vector<std::int64_t> origin(reader->shape().size(), 0);
  const Tensor array = reader->read(origin, reader->shape()).to(at::kDouble);
  if (!at::isfinite(array).all().item<bool>())
    throw Error("the kernel in the file has values that are not finite");
  return array.dim() == static_cast<std::int64_t>(axes) ? array.unsqueeze(0).unsqueeze(0)
                                                        : array.unsqueeze(0);
}

KernelShape shape_of(const Kernel& kernel, std::size_t axes) {
  return std::visit(
      [axes]<class Kind>(const Kind& kind) {
        KernelShape shape;
        if constexpr (is_separable<Kind>) {
          shape.separable = true;
          for (std::size_t axis = 0; axis < axes; ++axis)
            shape.size.push_back(kind.width(axis, axes));
        } else {
          shape.size = kind.sizes(axes);
        }
        if constexpr (requires { kind.channels(axes); }) shape.channels = kind.channels(axes);
        if constexpr (requires { kind.spacing(axes); }) shape.spacing = kind.spacing(axes);
        return shape;
      },
      kernel);
}

std::vector<Tensor> factors_of(const Kernel& kernel, std::size_t axes, const Context& context) {
  return std::visit(
      [&]<class Kind>(const Kind& kind) {
        std::vector<Tensor> factors;
        if constexpr (is_separable<Kind>) {
          for (std::size_t axis = 0; axis < axes; ++axis) {
            std::vector<std::int64_t> shape(axes + 2, 1);
            shape[axis + 2] = -1;
            factors.push_back(kind.factor(axis, axes).view(shape));
          }
        } else {
          factors.push_back(kind.values(axes, context));
        }
        return factors;
      },
      kernel);
}

std::vector<Tensor> normalized(std::vector<Tensor> factors, std::size_t axes) {
  for (Tensor& factor : factors) {
    const Tensor total = factor.sum(last_axes(axes), /*keepdim=*/true);
    if ((total == 0).any().item<bool>())
      throw Error(
          "the sum of a kernel is 0, so that it cannot be normalized; set normalize: false");
    factor = factor / total;
  }
  return factors;
}

Tensor product_of(const std::vector<Tensor>& factors) {
  Tensor product = factors.front();
  for (std::size_t f = 1; f < factors.size(); ++f) product = product * factors[f];
  return product;
}

std::vector<double> nanometres(const std::vector<double>& spacing, const std::string& unit,
                               std::size_t axes) {
  const std::optional<double> factor = unit_factor(unit, "nm");
  if (unit.empty() || !factor || spacing.size() < axes) return {};
  std::vector<double> last(spacing.end() - static_cast<std::ptrdiff_t>(axes), spacing.end());
  for (double& distance : last) distance *= *factor;
  return last;
}

std::int64_t working_bytes_of(const KernelShape& shape) {
  return 4 * 8 * shape.channels * c10::multiply_integers(shape.size);
}

}  // namespace pellucid
