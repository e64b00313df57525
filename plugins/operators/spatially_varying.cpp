// spatially_varying: a blur that changes over the image; a linear operator with its exact adjoint.
//
//   forward   y = sum_k  h_k * (w_k x)     x, y: (..., h, w) or (..., z, y, x), one unit
//             each h_k * is that of operators/convolution, with its boundaries [1, 2]
//   adjoint   x = sum_k  w_k (h_k *)^T y
//
//   A point at p is blurred by sum_k w_k(p) h_k. The kernels and weights come from
//     kernel   Gaussians whose standard deviation grows linearly from the centre of the image to
//              its corners; w_k interpolates linearly between `levels` of them
//     grid     h_k measured in the middle of the parts into which a grid cuts the image, row by row;
//              w_k interpolates linearly between neighbours, and is 1 from the outer ones to the edge
//     weights  the input
//
// Inputs
//   kernels   optional, instead of the setting `kernel`: h_k, one item, axes "khw" (with dimensions:
//             3 "kzyx"), whichever letter counts them
//   weights   optional, instead of the setting `grid`: w_k, one item of the same axes, sizes of x
// Settings (keys in a pipeline file)
//   kernel          gaussian: centre [px], standard deviation there, > 0, default 1; edge [px], that
//                   at the corners, > 0, default 3; levels, in [2, 64], default 8
//   grid [1]        how many kernels stand along each axis, >= 1
//   boundary        as operators/convolution: circular, reflect, replicate, zero or valid
//                                                                               default reflect
//   dimensions [1]  how many of the last axes are convolved, in [2, 3]            default 2
//   normalize       divide each kernel by its sum                                 default true
//   method          automatic: whatever takes fewer operations; direct; fft       default automatic
//
// Errors
//   ConfigError  both or none of the setting `kernel` and the input `kernels`; kernels without
//                exactly one of `grid` and `weights`, or these with the setting; a grid of another
//                number of axes or of kernels (while planning)
//   ShapeError   what operators/convolution refuses; kernels or weights of other axes, of more than
//                one item, or of another number or size (while planning)
//   Error        the sum of a kernel to be normalized is 0
//
// Accuracy  where kernels are equal and weights sum to 1, that of operators/convolution.
// Cost      that of one convolution for each kernel; memory: two more copies of the block.
//
// [1] J. G. Nagy and D. P. O'Leary, SIAM J. Sci. Comput. 19(4):1063-1082, 1998,
//     doi:10.1137/S106482759528507X.
// [2] L. Denis, E. Thiebaut, F. Soulez, J.-M. Becker, R. Mourya, Int. J. Comput. Vis. 115:253-278,
//     2015, doi:10.1007/s11263-015-0817-x.

#include <algorithm>
#include <cmath>
#include <memory>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/plugin.h>

#include "given_once.h"
#include "kernel_convolution.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

struct GrowingGaussian {
  static constexpr const char* name = "gaussian";
  static constexpr const char* summary = "wider and wider from the centre to the corners";
  double centre = 1;  // px
  double edge = 3;    // px
  std::int64_t levels = 8;

  static const Schema<GrowingGaussian>& schema() {
    static const Schema<GrowingGaussian> rows{
        {"centre", &GrowingGaussian::centre, "px", "standard deviation in the centre", positive()},
        {"edge", &GrowingGaussian::edge, "px", "standard deviation at the corners", positive()},
        {"levels", &GrowingGaussian::levels, "1", "Gaussians to interpolate between",
         within(2, 64)},
    };
    return rows;
  }

  /// All with the radius of the widest.
  Kernel level(std::int64_t k) const {
    const double share = double(k) / double(levels - 1);
    GaussianKernel made;
    made.std = {centre + share * (edge - centre)};
    made.radius = {static_cast<std::int64_t>(std::ceil(10 * std::max(centre, edge) / 3))};
    return made;
  }
};

/// 1 at place `knot`, 0 at its neighbours, linear between; the first and last go on beyond.
Tensor hat(const Tensor& place, std::int64_t knot, std::int64_t knots) {
  return (1 - (place.clamp(0, double(knots - 1)) - double(knot)).abs()).clamp_min(0);
}

class SpatiallyVarying final : public LinearOperator {
 public:
  struct Settings : ConvolutionSettings {
    std::optional<std::variant<GrowingGaussian>> kernel;
    std::optional<std::vector<std::int64_t>> grid;
  };

  static const Schema<Settings>& schema() {
    static const ConvolutionRows<Settings> how;
    static const Schema<Settings> rows{
        {"kernel", &Settings::kernel, "", "kernels that follow a rule, unless they are an input"},
        {"grid", &Settings::grid, "1", "how many kernels stand along each axis", at_least(1),
         count(2, 3)},
        how.boundary,
        how.dimensions,
        how.normalize,
        how.method,
    };
    return rows;
  }

  static constexpr In<Tensor> kernels{"kernels", "one behind the other, instead of the setting",
                                      optional};
  static constexpr In<Tensor> weights{"weights", "of each kernel at each place", optional};
  static const Ports& ports() {
    static const Ports all{kernels, weights};
    return all;
  }

  explicit SpatiallyVarying(Settings settings) : settings_(std::move(settings)) {}

  void bind(const Inputs& in) override {
    require_given_once("the kernels are", settings_.kernel.has_value(), in.has(kernels),
                       "the setting 'kernel' or the input 'kernels'");
    const bool placed = settings_.grid.has_value() || in.has(weights);
    if (settings_.kernel && placed)
      throw ConfigError(
          "the setting 'kernel' says where its kernels stand: remove 'grid' and 'weights'");
    if (!settings_.kernel && settings_.grid.has_value() == in.has(weights))
      throw ConfigError(placed ? "the weights are given twice: remove 'grid' or 'weights'"
                               : "nothing says where the kernels stand: give 'grid' or 'weights'");
    std::int64_t count = 0;
    KernelShape shape;
    if (settings_.kernel) {
      count = rule().levels;
      shape = shape_of(rule().level(0), axes());
    } else {
      require_many(in.spec(kernels), "kernels");
      count = in.spec(kernels).shape.front();
      shape.size = last_sizes(in.spec(kernels).shape, axes());
      shape.spacing = nanometres(in.spec(kernels).spacing, in.spec(kernels).spacing_unit, axes());
    }
    if (settings_.grid) require_grid(count);
    if (in.has(weights)) {
      require_many(in.spec(weights), "weights");
      if (in.spec(weights).shape.front() != count)
        throw ShapeError("there must be as many weights as kernels, got " +
                         std::to_string(in.spec(weights).shape.front()) + " and " +
                         std::to_string(count));
      weighted_sizes_ = last_sizes(in.spec(weights).shape, axes());
    }
    for (std::int64_t k = 0; k < count; ++k) {
      blurs_.push_back(std::make_unique<KernelConvolution>(settings_));
      blurs_.back()->set_shape(shape);
    }
  }

  void prepare(const Inputs& in, Context& context) override {
    if (in.has(weights)) weights_ = in[weights].squeeze(0);
    Sizes one{1, 1};
    const Sizes size = blurs_.front()->kernel_size();
    one.insert(one.end(), size.begin(), size.end());
    for (std::size_t k = 0; k < blurs_.size(); ++k) {
      const auto number = static_cast<std::int64_t>(k);
      std::vector<Tensor> factors;
      if (settings_.kernel) factors = factors_of(rule().level(number), axes(), context);
      else factors = {in[kernels][0][number].to(at::kDouble).reshape(one)};
      if (settings_.normalize) factors = normalized(std::move(factors), axes());
      blurs_[k]->set_factors(std::move(factors));
    }
  }

  Spec range(const Spec& x) const override {
    const Spec y = blurs_.front()->range(x);
    if (const Sizes sizes = last_sizes(x.shape, axes());
        !weighted_sizes_.empty() && sizes != weighted_sizes_)
      throw ShapeError("the weights must have the sizes of x, " + shape_text(sizes) + ", got " +
                       shape_text(weighted_sizes_));
    return y;
  }

  Spec domain(const Spec& y) const override {
    const Spec x = blurs_.front()->domain(y);
    range(x);
    return x;
  }

  Tensor forward(const Tensor& x) const override {
    const Sizes sizes = last_sizes(x.sizes(), axes());
    Tensor y;
    for (std::size_t k = 0; k < blurs_.size(); ++k) {
      const Tensor part = blurs_[k]->forward(x * weight(k, sizes, x.options()));
      if (y.defined()) y.add_(part);
      else y = part;
    }
    return y;
  }

  Tensor adjoint(const Tensor& y) const override {
    Tensor x;
    for (std::size_t k = 0; k < blurs_.size(); ++k) {
      const Tensor part = blurs_[k]->adjoint(y);
      const Sizes sizes = last_sizes(part.sizes(), axes());
      part.mul_(weight(k, sizes, part.options()));
      if (x.defined()) x.add_(part);
      else x = part;
    }
    return x;
  }

  std::int64_t working_bytes(const Spec& x) const override {
    return blurs_.front()->working_bytes(x) + 2 * x.bytes();
  }

  std::int64_t resident_bytes() const override {
    const std::int64_t of_weights =
        static_cast<std::int64_t>(blurs_.size()) * 8 *
        (weighted_sizes_.empty() ? 0 : c10::multiply_integers(weighted_sizes_));
    return static_cast<std::int64_t>(blurs_.size()) * blurs_.front()->resident_bytes() + of_weights;
  }

 private:
  std::size_t axes() const { return static_cast<std::size_t>(settings_.dimensions); }
  const GrowingGaussian& rule() const { return std::get<GrowingGaussian>(*settings_.kernel); }

  void require_many(const Spec& spec, const std::string& name) const {
    const std::string wanted = axes() == 2 ? "'khw'" : "'kzyx'";
    if (spec.shape.size() != axes() + 1)
      throw ShapeError("the " + name + " must have the axes " + wanted + ", got '" + spec.axes +
                       "'; 'dimensions' is " + std::to_string(axes()));
    if (spec.items != 1)
      throw ShapeError("the " + name + " must be one item, with an axis for their number, got " +
                       std::to_string(spec.items) + " items");
    if (at::isComplexType(spec.dtype)) throw ShapeError("the " + name + " must be real");
  }

  void require_grid(std::int64_t kernels) const {
    const Sizes& grid = *settings_.grid;
    if (grid.size() != axes())
      throw ConfigError("'grid' must have " + std::to_string(axes()) + " entries, got " +
                        std::to_string(grid.size()));
    if (c10::multiply_integers(grid) != kernels)
      throw ConfigError("a grid of " + shape_text(grid) + " needs " +
                        std::to_string(c10::multiply_integers(grid)) + " kernels, got " +
                        std::to_string(kernels));
  }

  /// w_k on an image of these sizes.
  Tensor weight(std::size_t k, const Sizes& sizes, const at::TensorOptions& options) const {
    const auto number = static_cast<std::int64_t>(k);
    if (weights_.defined()) {
      if (sizes != weighted_sizes_)
        throw ShapeError("the weights must have the sizes of x, " + shape_text(sizes) + ", got " +
                         shape_text(weighted_sizes_));
      return weights_[number].to(options);
    }
    const auto exact = options.dtype(at::kDouble);
    if (settings_.kernel) {
      // Distance from the centre, in units of that of a corner.
      Tensor square = at::zeros({}, exact);
      double furthest = 0;
      for (const std::int64_t n : sizes) {
        square = square.unsqueeze(-1) + (at::arange(n, exact) - 0.5 * double(n - 1)).square();
        furthest += 0.25 * double((n - 1) * (n - 1));
      }
      const Tensor place = (square / std::max(furthest, 0.25)).sqrt() * double(rule().levels - 1);
      return hat(place, number, rule().levels).to(options);
    }
    Tensor product = at::ones({}, exact);
    std::int64_t behind =
        static_cast<std::int64_t>(blurs_.size());  // kernels a step along the axis
    std::int64_t rest = number;
    for (std::size_t a = 0; a < sizes.size(); ++a) {
      const std::int64_t knots = (*settings_.grid)[a];
      behind /= knots;
      const Tensor place =
          (at::arange(sizes[a], exact) + 0.5) * (double(knots) / double(sizes[a])) - 0.5;
      product = product.unsqueeze(-1) * hat(place, rest / behind, knots);
      rest %= behind;
    }
    return product.to(options);
  }

  Settings settings_;
  std::vector<std::unique_ptr<KernelConvolution>> blurs_;
  Sizes weighted_sizes_;  // of the input `weights`
  Tensor weights_;
};

}  // namespace

PELLUCID_COMPONENT(SpatiallyVarying, "A blur that changes over the image");

}  // namespace pellucid
