// single_pixel: an image seen through patterns of +1 and -1, one number for each pattern; the linear
// operator of a single-pixel camera [1].
//
//   forward   y = P H D x / sqrt(h w)      x: (..., h, w), real or complex; y: (..., m), unit of x
//   adjoint   x = D H P* y / sqrt(h w)
//             H is the Walsh-Hadamard matrix in natural order, H[i][j] = (-1)^(bits that i and j
//             share), of the image read row by row, which is that of its columns times that of its
//             rows; P takes m of its rows, D flips signs of pixels
//
// Settings (keys in a pipeline file)
//   size [px]        height and width, or one for both, powers of 2, >= 1         required
//   measurements     m, how many patterns, >= 1, at most h w; by default h w
//   patterns         random: m different ones, all equally likely, but always the uniform one;
//                    lowest: those with the fewest changes of sign along height and width together
//                                                                             default random
//   flip             D flips the sign of each pixel or not, by chance; otherwise it is the identity
//                                                                             default false
//
// Errors
//   ConfigError  a size that is no power of 2, more than two of them, or more measurements than
//                pixels (before anything runs)
//   ShapeError   x is not float32, float64 or complex, or of another size; y has other axes than
//                leading ones and m (while planning)
//
// Accuracy  the rows of A are orthonormal: A A* = 1, the norm is 1, A* is the pseudo-inverse, and
//           the normal equations are solved in closed form. Measurements stand in the order of
//           their rows of H, for `lowest` in the order of changes of sign. Draws depend on the
//           run's seed and the node (or `seed_as`) alone: all items see the same patterns.
// Cost      h w log2(h w) additions an image; memory: one image of each item.
//
// [1] M. F. Duarte, M. A. Davenport, D. Takhar, J. N. Laska, T. Sun, K. F. Kelly, R. G. Baraniuk,
//     IEEE Signal Process. Mag. 25(2):83-91, 2008, doi:10.1109/MSP.2007.914730.

#include <bit>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/plugin.h>

#include "each_item.h"
#include "hadamard.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

enum class Patterns { random, lowest };

std::vector<std::pair<std::string, Patterns>> enumerators(Patterns) {
  return {{"random", Patterns::random}, {"lowest", Patterns::lowest}};
}

class SinglePixel final : public LinearOperator {
 public:
  struct Settings {
    Sizes size;  // px
    std::optional<std::int64_t> measurements;
    Patterns patterns = Patterns::random;
    bool flip = false;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"size", &Settings::size, "px", "height and width, or one for both, powers of 2",
         at_least(1), count(1, 2), required()},
        {"measurements", &Settings::measurements, "", "how many patterns", at_least(1)},
        {"patterns", &Settings::patterns, "", "which patterns"},
        {"flip", &Settings::flip, "", "flip the sign of each pixel or not, by chance"},
    };
    return rows;
  }

  explicit SinglePixel(Settings settings) : settings_(std::move(settings)) {
    for (const std::int64_t n : settings_.size)
      if (!std::has_single_bit(static_cast<std::uint64_t>(n))) {
        const auto above = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(n)));
        throw ConfigError("'size' must be powers of 2, got " + shape_text(settings_.size) +
                          "; crop to " + std::to_string(above / 2) + " or pad to " +
                          std::to_string(above));
      }
    count_ = settings_.measurements.value_or(pixels());
    if (count_ > pixels())
      throw ConfigError("'measurements' must be at most the number of pixels, " +
                        std::to_string(pixels()) + ", got " + std::to_string(count_));
  }

  void prepare(const Inputs&, Context& context) override {
    if (settings_.patterns == Patterns::lowest) {
      rows_ = lowest_rows().narrow(0, 0, count_).clone();
    } else {
      const Tensor draws = first(context.random("patterns").uniform({pixels()}, at::kDouble));
      draws[0].fill_(-1);
      const Tensor order = at::argsort(draws, /*stable=*/true, 0, /*descending=*/false);
      rows_ = std::get<0>(order.narrow(0, 0, count_).sort());
    }
    if (settings_.flip)
      signs_ = first(context.random("flip").integers({height(), width()}, 2)) * 2 - 1;
  }

  std::int64_t resident_bytes() const override {
    return 8 * count_ + (settings_.flip ? 8 * pixels() : 0);
  }

  Spec range(const Spec& x) const override {
    require_floating(x);
    require_spatial(x, 2);
    if (last_sizes(x.shape, 2) != Sizes{height(), width()})
      throw ShapeError("images must be of 'size' " + shape_text({height(), width()}) + ", got " +
                       x.text());
    return remade(x, 2, {count_}, "m");
  }

  Spec domain(const Spec& y) const override {
    require_floating(y);
    require_axes(y, "m");
    if (y.shape.back() != count_)
      throw ShapeError("there must be " + std::to_string(count_) + " measurements, got " +
                       y.text());
    return remade(y, 1, {height(), width()}, "hw");
  }

  Tensor forward(const Tensor& x) const override {
    Tensor all = flipped(x).reshape(shape_of(x, 2, {pixels()})).contiguous();
    if (all.is_alias_of(x)) all = all.clone();
    hadamard_transform(all);
    return all.index_select(-1, rows_);
  }

  Tensor adjoint(const Tensor& y) const override {
    Tensor all = at::zeros(shape_of(y, 1, {pixels()}), y.options());
    all.index_copy_(-1, rows_, y);
    hadamard_transform(all);
    return flipped(all.view(shape_of(y, 1, {height(), width()})));
  }

  double norm(const Spec&) const override { return 1; }

  // A* A is a projection.
  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override {
    if (weight == 0) return LinearOperator::solve_normal(b, weight, how);
    const Tensor seen = adjoint(forward(b));
    return each_item(b.size(0), b.sizes().slice(1), b.options(), [&](std::int64_t item) {
      return seen[item] / (1 + weight) + (b[item] - seen[item]) / weight;
    });
  }

  std::int64_t working_bytes(const Spec& x) const override { return 2 * x.bytes(); }

 private:
  std::int64_t height() const { return settings_.size.front(); }
  std::int64_t width() const { return settings_.size.back(); }
  std::int64_t pixels() const { return height() * width(); }

  /// The draws that all items share; zeros where there are no items.
  static Tensor first(const Tensor& draws) {
    return draws.size(0) > 0 ? draws[0] : at::zeros(draws.sizes().slice(1), draws.options());
  }

  /// Rows of H by the changes of sign along both axes of their patterns.
  Tensor lowest_rows() const {
    const Tensor changes = at::empty({pixels()}, at::kLong);
    auto* const of = changes.mutable_data_ptr<std::int64_t>();
    for (std::int64_t y = 0; y < height(); ++y)
      for (std::int64_t x = 0; x < width(); ++x)
        of[y * width() + x] = sequency(y, height()) + sequency(x, width());
    return at::argsort(changes, /*stable=*/true, 0, /*descending=*/false);
  }

  Tensor flipped(const Tensor& images) const {
    if (!signs_.defined()) return images;
    return images * signs_.to(c10::toRealValueType(images.scalar_type()));
  }

  /// The shape of a tensor with its last `axes` replaced.
  static Sizes shape_of(const Tensor& x, std::int64_t axes, const Sizes& last) {
    Sizes shape = x.sizes().slice(0, x.dim() - axes).vec();
    shape.insert(shape.end(), last.begin(), last.end());
    return shape;
  }

  /// The same of a spec; distances of samples mean nothing any more.
  static Spec remade(const Spec& given, std::size_t axes, const Sizes& last,
                     const std::string& letters) {
    Spec made = given;
    made.axes.replace(made.axes.size() - axes, axes, letters);
    made.shape.resize(made.shape.size() - axes);
    made.shape.insert(made.shape.end(), last.begin(), last.end());
    made.spacing.clear();
    made.spacing_unit.clear();
    return made;
  }

  Settings settings_;
  std::int64_t count_ = 1;
  Tensor rows_;   // of H that are measured
  Tensor signs_;  // of the pixels, (h, w); undefined: all +1
};

}  // namespace

PELLUCID_COMPONENT(SinglePixel, "A single-pixel camera: random Walsh-Hadamard patterns");

}  // namespace pellucid
