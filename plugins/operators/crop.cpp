// crop: cuts a margin off on all sides; a linear operator whose adjoint adds a margin of zeros.
//
//   forward   y[i] = x[i + margin]                 x, y: (..., h, w), real or complex, one unit
//   adjoint   x[i] = y[i - margin] where there is one, 0 elsewhere
//
// Settings (keys in a pipeline file)
//   margin [px]   along h and w, or one for both, >= 0                              required
//
// Errors
//   ConfigError  more than two entries in `margin` (before anything runs)
//   ShapeError   x is of whole numbers, its last axes are not those of an image, or the margins
//                leave nothing of it (while planning)
//
// Accuracy  exact; the norm is 1, and the normal equations are solved by a division.
// Cost      memory: one copy.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "each_item.h"

namespace pellucid {
namespace {

class Crop final : public LinearOperator {
 public:
  struct Settings {
    std::vector<std::int64_t> margin;  // px
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"margin", &Settings::margin, "px", "what is cut off on each side", at_least(0),
         count(1, 2), required()},
    };
    return rows;
  }

  explicit Crop(Settings settings) : settings_(std::move(settings)) {}

  Spec range(const Spec& x) const override {
    require_images(x);
    Spec y = x;
    y.shape.end()[-2] -= 2 * above();
    y.shape.end()[-1] -= 2 * beside();
    if (y.shape.end()[-2] < 1 || y.shape.end()[-1] < 1)
      throw ShapeError("images must be larger than twice the 'margin', " +
                       shape_text({above(), beside()}) + ", got " + x.text());
    return y;
  }

  Spec domain(const Spec& y) const override {
    require_images(y);
    Spec x = y;
    x.shape.end()[-2] += 2 * above();
    x.shape.end()[-1] += 2 * beside();
    return x;
  }

  Tensor forward(const Tensor& x) const override { return inner(x).contiguous(); }

  Tensor adjoint(const Tensor& y) const override {
    return at::constant_pad_nd(y, {beside(), beside(), above(), above()});
  }

  double norm(const Spec&) const override { return 1; }

  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override {
    if (weight == 0) return LinearOperator::solve_normal(b, weight, how);
    return each_item(b.size(0), b.sizes().slice(1), b.options(), [&](std::int64_t item) {
      Tensor x = b[item] / weight;
      inner(x).copy_(inner(b[item]) / (1 + weight));
      return x;
    });
  }

 private:
  std::int64_t above() const { return settings_.margin.front(); }
  std::int64_t beside() const { return settings_.margin.back(); }

  static void require_images(const Spec& spec) {
    require_floating(spec);
    require_spatial(spec, 2);
  }

  Tensor inner(const Tensor& x) const {
    return x.narrow(-2, above(), x.size(-2) - 2 * above())
        .narrow(-1, beside(), x.size(-1) - 2 * beside());
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Crop, "Cuts a margin off on all sides");

}  // namespace pellucid
