// mri: Cartesian magnetic resonance imaging with any number of coils; a linear operator.
//
//   forward   y_c = M F (s_c x)             x: (..., 1, h, w) or (..., 1, z, y, x), complex
//             y: (..., coils, h, w), zero where M is; without `coils` y = M F x, of the axes of x
//   adjoint   x = sum_c conj(s_c) F* M y_c
//             F is the unitary Fourier transform with its origin in the middle of image and
//             spectrum, index n / 2 rounded down; M keeps what is measured; s_c is how coil c sees
//             the object [1]
//
// Inputs
//   mask    optional: 1 where k-space is measured and 0 elsewhere, of any real dtype; axes "hw" (with
//           dimensions: 3 "zyx"), with or without c = 1 in front; one item for all or one for each;
//           without it all is measured
//   coils   optional: the sensitivities, axes "chw" (or "czyx"), one item for all or one for each
// Settings (keys in a pipeline file)
//   dimensions [1]   how many of the last axes are transformed, in [2, 3]          default 2
//
// Errors
//   ShapeError   mask or coils of other axes, sizes or items than x; x or y is not complex, or with
//                `coils` has no axis c right before the transformed ones, of length 1 in x and of
//                as many entries as there are coils in y (while planning)
//   Error        the mask holds something else than 0 and 1
//
// Accuracy  the norm is at most the largest root of sum_c |s_c|^2, 1 for normalized sensitivities,
//           and exactly that without a mask; without coils it is 1. The normal equations are solved
//           in closed form unless there are both, then by conjugate gradients (CG-SENSE [2]).
// Cost      a Fourier transform a coil; memory: four times the coil images of one item.
//
// [1] K. P. Pruessmann, M. Weiger, M. B. Scheidegger, P. Boesiger, Magn. Reson. Med. 42:952-962,
//     1999, doi:10.1002/(SICI)1522-2594(199911)42:5<952::AID-MRM16>3.0.CO;2-S.
// [2] K. P. Pruessmann, M. Weiger, P. Boernert, P. Boesiger, Magn. Reson. Med. 46:638-651, 2001,
//     doi:10.1002/mrm.1241.

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/plugin.h>

#include "centred_fft.h"
#include "complex_fields.h"
#include "each_item.h"
#include "masking.h"
#include "masks.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

class Mri final : public LinearOperator, public Masking {
 public:
  struct Settings {
    std::int64_t dimensions = 2;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"dimensions", &Settings::dimensions, "1", "how many of the last axes are transformed",
         within(2, 3)},
    };
    return rows;
  }

  static constexpr In<Tensor> mask{"mask", "1 where k-space is measured, 0 elsewhere", optional};
  static constexpr In<Tensor> coils{"coils", "sensitivities; one uniform coil without them",
                                    optional};
  static const Ports& ports() {
    static const Ports all{mask, coils};
    return all;
  }

  explicit Mri(Settings settings) : settings_(settings) {}

  void bind(const Inputs& in) override {
    if (in.has(mask)) {
      const Spec& spec = in.spec(mask);
      require_spatial(spec, settings_.dimensions);
      if (spec.shape.size() > axes() + 1 ||
          (spec.shape.size() == axes() + 1 && (spec.axes[0] != 'c' || spec.shape[0] != 1)))
        throw ShapeError("the mask must have the axes '" +
                         spec.axes.substr(spec.axes.size() - axes()) +
                         "', with or without c = 1 in front, got " + spec.text());
      if (at::isComplexType(spec.dtype))
        throw ShapeError("the mask must be real, got " + spec.text());
      mask_items_ = spec.items;
      sizes_ = last_sizes(spec.shape, axes());
    }
    if (in.has(coils)) {
      const Spec& spec = in.spec(coils);
      require_floating(spec);
      require_spatial(spec, settings_.dimensions);
      if (spec.shape.size() != axes() + 1 || spec.axes[0] != 'c' || spec.shape[0] == 0)
        throw ShapeError("the coils must have the axis 'c' before those of an image, got " +
                         spec.text());
      if (!sizes_.empty() && last_sizes(spec.shape, axes()) != sizes_)
        throw ShapeError("mask and coils must have the same size, got " + shape_text(sizes_) +
                         " and " + shape_text(last_sizes(spec.shape, axes())));
      has_coils_ = true;
      coil_items_ = spec.items;
      count_ = spec.shape[0];
      sizes_ = last_sizes(spec.shape, axes());
    }
  }

  void prepare(const Inputs& in, Context&) override {
    if (in.has(mask)) {
      Sizes shape{mask_items_, 1};
      shape.insert(shape.end(), sizes_.begin(), sizes_.end());
      measured_ = missing_in(in[mask].reshape(shape)).logical_not();
    }
    if (in.has(coils)) coils_ = in[coils];
  }

  std::int64_t resident_bytes() const override {
    const std::int64_t samples = c10::multiply_integers(sizes_);
    return samples * (mask_items_ + 16 * coil_items_ * count_);
  }

  Spec range(const Spec& x) const override { return transformed(x, 1, count_); }
  Spec domain(const Spec& y) const override { return transformed(y, count_, 1); }

  Tensor forward(const Tensor& x) const override {
    const Stack stack = stack_of(x);
    const CentredFft fft(stack.sizes, x.scalar_type());
    const Tensor seen_by = coils_.defined() ? coils_.to(x.scalar_type()) : Tensor();
    return each_item(x.size(0), stack.shape(count_), x.options(), [&](std::int64_t item) {
      Tensor images = x[item].reshape(stack.images(1));
      if (seen_by.defined()) images = images * of_item(seen_by, item);
      return measured(fft.forward(images), item);
    });
  }

  Tensor adjoint(const Tensor& y) const override {
    const Stack stack = stack_of(y);
    const CentredFft fft(stack.sizes, y.scalar_type());
    const Tensor seen_by = coils_.defined() ? coils_.to(y.scalar_type()).conj() : Tensor();
    return each_item(y.size(0), stack.shape(1), y.options(), [&](std::int64_t item) {
      const Tensor spectra = y[item].reshape(stack.images(count_));
      const Tensor images = fft.inverse(measured(spectra, item));
      return seen_by.defined() ? combined(images, of_item(seen_by, item)) : images;
    });
  }

  bool leaves_samples_out() const override { return mask_items_ > 0; }
  Tensor masked(const Tensor& y) const override {
    Sizes shape(static_cast<std::size_t>(y.dim()), 1);
    shape[0] = mask_items_;
    std::copy(sizes_.begin(), sizes_.end(), shape.end() - settings_.dimensions);
    return y.masked_fill(measured_.logical_not().view(shape), 0);
  }

  double norm(const Spec& x) const override {
    if (has_coils_ && measured_.defined()) return LinearOperator::norm(x);
    if (has_coils_) return std::sqrt(power(at::kDouble).max().item<double>());
    return measured_.defined() && !measured_.any().item<bool>() ? 0 : 1;
  }

  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override {
    if (weight == 0 || (has_coils_ && measured_.defined()))
      return LinearOperator::solve_normal(b, weight, how);
    const auto real = c10::toRealValueType(b.scalar_type());
    const Stack stack = stack_of(b);
    const CentredFft fft(stack.sizes, b.scalar_type());
    Tensor gains = at::ones({1, 1}, b.options().dtype(real));
    if (has_coils_) gains = power(real);
    if (measured_.defined()) gains = measured_.to(real);
    gains = gains + weight;
    return each_item(b.size(0), b.sizes().slice(1), b.options(), [&](std::int64_t item) {
      const Tensor image = b[item].reshape(stack.images(1));
      if (has_coils_) return image / of_item(gains, item);
      return fft.inverse(fft.forward(image) / of_item(gains, item));
    });
  }

  // Coil images, their copies with the origin in front, and the spectra.
  std::int64_t working_bytes(const Spec& x) const override { return 4 * count_ * x.item_bytes(); }

 private:
  /// Images of one item: (leading..., coils, sizes...).
  struct Stack {
    bool has_coils;
    Sizes leading;  // without items, and without the coils
    Sizes sizes;

    Sizes shape(std::int64_t channels) const {
      Sizes all = leading;
      if (has_coils) all.push_back(channels);
      all.insert(all.end(), sizes.begin(), sizes.end());
      return all;
    }
    /// All leading axes as one.
    Sizes images(std::int64_t channels) const {
      Sizes all{c10::multiply_integers(leading), channels};
      all.insert(all.end(), sizes.begin(), sizes.end());
      return all;
    }
  };

  std::size_t axes() const { return static_cast<std::size_t>(settings_.dimensions); }

  Spec transformed(const Spec& given, std::int64_t channels, std::int64_t becomes) const {
    require_spatial(given, settings_.dimensions);
    require_complex(given);
    const std::size_t leading = given.axes.size() - axes();
    if (!sizes_.empty() && last_sizes(given.shape, axes()) != sizes_)
      throw ShapeError("mask and coils are for images of " + shape_text(sizes_) + ", got " +
                       given.text());
    for (const std::int64_t items : {mask_items_, coil_items_})
      if (items > 1 && items != given.items)
        throw ShapeError("mask and coils must have one item or one for each image, got " +
                         std::to_string(items) + " for " + given.text());
    Spec made = given;
    made.spacing.clear();
    made.spacing_unit.clear();
    if (!has_coils_) return made;
    if (leading == 0 || given.axes[leading - 1] != 'c' || given.shape[leading - 1] != channels)
      throw ShapeError("the axis 'c' right before '" + given.axes.substr(leading) +
                       "' must have the length " + std::to_string(channels) + ", got " +
                       given.text());
    made.shape[leading - 1] = becomes;
    return made;
  }

  Stack stack_of(const Tensor& x) const {
    const std::int64_t leading = x.dim() - 1 - settings_.dimensions - (has_coils_ ? 1 : 0);
    const bool fits = leading >= 0 && (mask_items_ <= 1 || mask_items_ == x.size(0)) &&
                      (coil_items_ <= 1 || coil_items_ == x.size(0)) &&
                      (sizes_.empty() || last_sizes(x.sizes(), axes()) == sizes_);
    if (!fits)
      throw ShapeError("mask and coils for images of " + shape_text(sizes_) +
                       " do not fit a tensor of " + shape_text(x.sizes()));
    return {has_coils_, x.sizes().slice(1, leading).vec(), last_sizes(x.sizes(), axes())};
  }

  Tensor measured(const Tensor& spectra, std::int64_t item) const {
    if (!measured_.defined()) return spectra;
    return spectra * of_item(measured_, item).to(c10::toRealValueType(spectra.scalar_type()));
  }

  /// sum_c s_c x_c, one coil after the other.
  static Tensor combined(const Tensor& images, const Tensor& seen_by) {
    Tensor sum = images.select(1, 0) * seen_by[0];
    for (std::int64_t c = 1; c < seen_by.size(0); ++c)
      sum.addcmul_(images.select(1, c), seen_by[c]);
    return sum;
  }

  /// sum_c |s_c|^2, (items, 1, sizes...).
  Tensor power(at::ScalarType real) const {
    return coils_.abs().to(real).square().sum(1, /*keepdim=*/true);
  }

  Settings settings_;
  Sizes sizes_;  // of the images, where mask or coils say it
  std::int64_t mask_items_ = 0;
  std::int64_t coil_items_ = 0;
  bool has_coils_ = false;
  std::int64_t count_ = 1;  // of coils
  Tensor measured_;         // (items, 1, sizes...)
  Tensor coils_;            // (items, coils, sizes...)
};

}  // namespace

PELLUCID_COMPONENT(Mri, "Cartesian magnetic resonance imaging with several coils");

}  // namespace pellucid
