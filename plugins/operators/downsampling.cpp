// downsampling: a coarser grid along the last two or three axes.
//
//   forward   y[j] = sum_i w[j s - i] x[i] along each axis      s: factor; ceil(n / s) of n samples
//     bicubic      w widened by s, so that nothing aliases: sample j of y is at (j + 1/2) s - 1/2 of
//                  x, 4 s + 2 taps of sum 1, x goes on as its mirror image, edge repeated: as
//                  MATLAB's imresize
//     area         the mean of the s samples in its place, at the end of as many as there are: a
//                  sensor with larger pixels
//     decimation   every s-th sample, beginning with the first; a blur before it comes by
//                  operators/compose
//   adjoint   exact, ends included
//   x, y: (..., h, w) or (..., z, y, x), real or complex, one unit; the spacing grows by s
//
// Settings (keys in a pipeline file)
//   factor [1]       s, one or one an axis, in [1, 65536]                              default 2
//   method           bicubic, area or decimation                                 default bicubic
//   dimensions [1]   how many of the last axes become coarser, in [2, 3]               default 2
//   size [px]        of x along these axes, one or one an axis, in [1, 67108864], needed where it is
//                    no multiple of the factor: y alone does not tell it; by default s times that
//                    of y
//
// Errors
//   ConfigError  lists that do not have one entry or one an axis (while planning)
//   ShapeError   the last axes are not spatial; x does not have the size `size`, or without it is no
//                multiple of the factor; y is not what an x of that size gives (while planning)
//
// Accuracy  weights in float64, sums in the precision of x. The normal equations are solved in
//           closed form for area and decimation, where A A* is diagonal; norms are exact.
// Cost      bicubic: 4 s + 2 products a sample of y and axis; area: s. Memory: twice x and y. The
//           norm of bicubic takes some thousand operations a sample along each axis.
//           R. Keys, IEEE Trans. ASSP 29:1153-1160, 1981, doi:10.1109/TASSP.1981.1163711 (a = -1/2).

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "resampling.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

enum class Reduction { bicubic, area, decimation };

std::vector<std::pair<std::string, Reduction>> enumerators(Reduction) {
  return {{"bicubic", Reduction::bicubic},
          {"area", Reduction::area},
          {"decimation", Reduction::decimation}};
}

/// An axis made coarser, and back.
struct Axis {
  Resampling forward;
  Resampling adjoint;
};

class Downsampling final : public LinearOperator {
 public:
  struct Settings {
    Sizes factor{2};
    Reduction method = Reduction::bicubic;
    std::int64_t dimensions = 2;
    std::optional<Sizes> size;  // px
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"factor", &Settings::factor, "1", "how much coarser, one or one an axis", within(1, 65536),
         count(1, 3)},
        {"method", &Settings::method, "", "how samples of x become one of y"},
        {"dimensions", &Settings::dimensions, "1", "how many of the last axes become coarser",
         within(2, 3)},
        {"size", &Settings::size, "px",
         "of x along these axes, one or one an axis; by default factor times that of y",
         within(1, 67108864), count(1, 3)},
    };
    return rows;
  }

  explicit Downsampling(Settings settings) : settings_(std::move(settings)) {}

  void bind(const Inputs&) override {
    const auto require_count = [this](const char* name, std::size_t count) {
      if (count == axes() || count == 1) return;
      throw ConfigError(std::string("'") + name + "' must have one entry or one for each of the " +
                        std::to_string(axes()) + " axes, got " + std::to_string(count));
    };
    require_count("factor", settings_.factor.size());
    if (!settings_.size) return;
    require_count("size", settings_.size->size());
    if (settings_.size->size() == 1) settings_.size->resize(axes(), settings_.size->front());
  }

  Spec range(const Spec& x) const override {
    require_floating(x);
    require_spatial(x, settings_.dimensions);
    require_size(last_sizes(x.shape, axes()));
    return rescaled(x, coarse(last_sizes(x.shape, axes())), false);
  }

  Spec domain(const Spec& y) const override {
    require_floating(y);
    require_spatial(y, settings_.dimensions);
    const Sizes given = last_sizes(y.shape, axes());
    const Sizes fine = this->fine(given);
    if (coarse(fine) != given)
      throw ShapeError("y must have the size " + shape_text(coarse(fine)) + " if x has " +
                       shape_text(fine) + ", got " + shape_text(given) + "; change 'size'");
    return rescaled(y, fine, true);
  }

  Tensor forward(const Tensor& x) const override {
    require_size(last_sizes(x.sizes(), axes()));
    if (settings_.method == Reduction::decimation) return sampled(x).contiguous();
    return each_axis(x, [this](std::size_t axis, std::int64_t n) -> const Resampling& {
      return along(axis, n).forward;
    });
  }

  Tensor adjoint(const Tensor& y) const override {
    const Sizes fine = this->fine(last_sizes(y.sizes(), axes()));
    if (settings_.method == Reduction::decimation) {
      Sizes shape = y.sizes().vec();
      std::copy(fine.begin(), fine.end(), shape.end() - static_cast<std::ptrdiff_t>(axes()));
      Tensor x = at::zeros(shape, y.options());
      sampled(x).copy_(y);
      return x;
    }
    return each_axis(y, [this, &fine](std::size_t axis, std::int64_t) -> const Resampling& {
      return along(axis, fine[axis]).adjoint;
    });
  }

  std::int64_t working_bytes(const Spec& x) const override { return 2 * x.bytes(); }

  double norm(const Spec& x) const override {
    range(x);
    double product = 1;
    for (std::size_t axis = 0; axis < axes(); ++axis)
      product *= norm_along(axis, last_sizes(x.shape, axes())[axis]);
    return product;
  }

  /// Of what A A* = D scales, and what A* cannot reach: b - A* D^-1 A b.
  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override {
    if (settings_.method == Reduction::bicubic || weight == 0)
      return LinearOperator::solve_normal(b, weight, how);
    const Tensor image = forward(b);
    const Tensor gain = squares(last_sizes(b.sizes(), axes())).to(image.options());
    const Tensor missed = b - adjoint(image / gain);
    return missed / weight + adjoint(image / (gain * (gain + weight)));
  }

 private:
  std::size_t axes() const { return static_cast<std::size_t>(settings_.dimensions); }
  std::int64_t factor(std::size_t axis) const {
    return settings_.factor.size() == 1 ? settings_.factor[0] : settings_.factor[axis];
  }

  Sizes coarse(Sizes sizes) const {
    for (std::size_t a = 0; a < axes(); ++a) sizes[a] = (sizes[a] + factor(a) - 1) / factor(a);
    return sizes;
  }
  Sizes fine(Sizes sizes) const {
    if (settings_.size) return *settings_.size;
    for (std::size_t a = 0; a < axes(); ++a) sizes[a] *= factor(a);
    return sizes;
  }

  void require_size(const Sizes& x) const {
    if (fine(coarse(x)) == x) return;
    if (settings_.size)
      throw ShapeError("x must have the size " + shape_text(*settings_.size) + ", got " +
                       shape_text(x) + "; change 'size'");
    std::string list;
    for (const std::int64_t size : x) list += (list.empty() ? "" : ", ") + std::to_string(size);
    throw ShapeError("the size of x, " + shape_text(x) +
                     ", is no multiple of the factor, so that it does not follow from that of y; "
                     "set size: [" +
                     list + "]");
  }

  Spec rescaled(Spec spec, const Sizes& sizes, bool finer) const {
    const std::size_t leading = spec.shape.size() - axes();
    for (std::size_t a = 0; a < axes(); ++a) {
      spec.shape[leading + a] = sizes[a];
      if (spec.spacing.empty()) continue;
      const auto s = static_cast<double>(factor(a));
      spec.spacing[leading + a] *= finer ? 1 / s : s;
    }
    return spec;
  }

  /// Every factor-th sample, as a view.
  Tensor sampled(Tensor x) const {
    for (std::size_t a = 0; a < axes(); ++a)
      x = x.slice(x.dim() - static_cast<std::int64_t>(axes() - a), 0, std::nullopt, factor(a));
    return x;
  }

  template <class How>
  Tensor each_axis(const Tensor& x, How how) const {
    Tensor result = x;
    for (std::size_t a = 0; a < axes(); ++a) {
      const auto axis = static_cast<std::int64_t>(a) - settings_.dimensions;
      result = resampled(result, axis, how(a, result.size(axis)));
    }
    return result;
  }

  /// Kept, because iterations ask for the same one again and again.
  const Axis& along(std::size_t axis, std::int64_t n) const {
    const std::lock_guard lock(mutex_);
    const auto [found, is_new] = known_.try_emplace({factor(axis), n});
    if (is_new) {
      found->second.forward = settings_.method == Reduction::area
                                  ? reduced_area(n, factor(axis))
                                  : reduced_bicubic(n, factor(axis));
      found->second.adjoint = found->second.forward.transposed();
    }
    return found->second;
  }

  /// The diagonal of A A* along one axis; all of it where samples share no source.
  Tensor squares_along(std::size_t axis, std::int64_t n) const {
    if (settings_.method == Reduction::decimation)
      return at::ones({(n + factor(axis) - 1) / factor(axis)}, at::kDouble);
    return along(axis, n).forward.weight.square().sum(1);
  }

  double norm_along(std::size_t axis, std::int64_t n) const {
    if (settings_.method != Reduction::bicubic)
      return std::sqrt(squares_along(axis, n).max().item<double>());
    return norm_of(along(axis, n).forward);
  }

  /// The diagonal of A A*, of the sizes of y.
  Tensor squares(const Sizes& fine) const {
    Tensor product = at::ones({}, at::kDouble);
    for (std::size_t a = 0; a < axes(); ++a)
      product = product.unsqueeze(-1) * squares_along(a, fine[a]);
    return product;
  }

  Settings settings_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<std::int64_t, std::int64_t>, Axis> known_;  // by factor and size
};

}  // namespace

PELLUCID_COMPONENT(Downsampling, "A coarser grid: bicubic, area or every s-th sample");

}  // namespace pellucid
