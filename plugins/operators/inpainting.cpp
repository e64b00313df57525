// inpainting: some samples are missing; a linear operator that is its own adjoint.
//
//   forward   y = x where the mask is 1, 0 where it is 0      x, y: any axes, real or complex, one unit
//   adjoint   equal to forward
//   What is missing is said by the mask alone: a sample that is 0 may well be known.
//
// Inputs
//   mask   optional: the mask as a tensor of zeros and ones, instead of the setting; one item for
//          all, or one for each item of x; of the shape of x, with its channels, one for all, or none
// Settings (keys in a pipeline file)
//   mask   random: missing, probability that a place is missing in all channels, in [0, 1], default
//          0.5; size [px], height and width, one for both, or depth, height and width, >= 1,
//          required;
//          file: path, FILE.h5:/PATH/OF/DATASET or FILE.npy, an array of zeros and ones of the shape
//          of x with or without its channels, required
//
// Errors
//   ConfigError  both or none of the setting and the input `mask` (while planning)
//   ShapeError   x is not of a floating type; the mask's items or sizes are not those of x (while
//                planning)
//   Error        the file cannot be read; the mask holds other values than 0 and 1
//
// Accuracy  exact. Norm 1, or 0 where all is missing; the normal equations are solved by a division.
//           operators/measure gives samples that are missing no noise.
// Cost      one copy of x. A byte for each place of the masks. Items are not cut into tiles, because
//           the mask belongs to the whole item.

#include <algorithm>
#include <iterator>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "given_once.h"
#include "masking.h"
#include "masks.h"

namespace pellucid {
namespace {

class Inpainting final : public LinearOperator, public Masking {
 public:
  struct Settings {
    std::optional<std::variant<RandomMask, MaskFile>> mask;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"mask", &Settings::mask, "", "what is known and what is missing, unless it is an input"},
    };
    return rows;
  }

  static constexpr In<Tensor> mask_input{"mask", "the mask, instead of the setting", optional};
  static const Ports& ports() {
    static const Ports all{mask_input};
    return all;
  }

  explicit Inpainting(Settings settings) : settings_(std::move(settings)) {}

  void bind(const Inputs& in) override {
    require_given_once("the mask is", settings_.mask.has_value(), in.has(mask_input),
                       "the setting or the input 'mask'");
    if (in.has(mask_input)) {
      items_ = in.spec(mask_input).items;
      shape_ = in.spec(mask_input).shape;
    } else if (const auto* file = std::get_if<MaskFile>(&*settings_.mask)) {
      shape_ = file->shape();
    } else {
      shape_ = mask_spec(std::get<RandomMask>(*settings_.mask).size).shape;
    }
  }

  void prepare(const Inputs& in, Context& context) override {
    if (in.has(mask_input)) {
      missing_ = missing_in(in[mask_input]);
    } else if (const auto* file = std::get_if<MaskFile>(&*settings_.mask)) {
      missing_ = missing_in(file->values()).unsqueeze(0).to(context.device());
    } else {
      const auto& random = std::get<RandomMask>(*settings_.mask);
      missing_ = random(context.random("mask"), shape_).logical_not_().to(context.device());
    }
  }

  std::int64_t resident_bytes() const override {
    std::int64_t bytes = items_;
    for (const std::int64_t size : shape_) bytes *= size;
    return bytes;
  }

  Spec range(const Spec& x) const override {
    require_floating(x);
    require_fit(x.items, x.shape, x.text());
    return x;
  }

  Tensor forward(const Tensor& x) const override { return masked(x); }
  Tensor adjoint(const Tensor& y) const override { return masked(y); }

  bool leaves_samples_out() const override { return true; }
  Tensor masked(const Tensor& y) const override { return y.masked_fill(missing_for(y), 0); }

  double norm(const Spec& x) const override {
    range(x);
    return missing_.all().item<bool>() ? 0 : 1;
  }

  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override {
    if (weight == 0) return LinearOperator::solve_normal(b, weight, how);
    return at::where(missing_for(b), b / weight, b / (1 + weight));
  }

 private:
  /// (items, 1..., shape...), with as many axes as x.
  Tensor missing_for(const Tensor& x) const {
    require_fit(x.size(0), x.sizes().slice(1), shape_text(x.sizes()));
    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
    shape[0] = items_;
    std::copy(shape_.begin(), shape_.end(), shape.end() - std::ssize(shape_));
    return missing_.view(shape);
  }

  /// The mask has the last axes of x, but for one channel that stands for all.
  void require_fit(std::int64_t items, at::IntArrayRef x, const std::string& text) const {
    bool fits = shape_.size() <= x.size() && (items_ == 1 || items_ == items);
    for (std::size_t axis = 0; fits && axis < shape_.size(); ++axis) {
      const std::int64_t size = shape_[shape_.size() - 1 - axis];
      const bool channel = axis + 1 == shape_.size() && axis >= 2;
      fits = size == x[x.size() - 1 - axis] || (channel && size == 1);
    }
    if (!fits)
      throw ShapeError(
          "the mask must have the shape of x, with its channels or one for all, and "
          "one item or as many, got " +
          std::to_string(items_) + " of " + shape_text(shape_) + " for " + text);
  }

  Settings settings_;
  std::int64_t items_ = 1;
  std::vector<std::int64_t> shape_;
  Tensor missing_;  // (items, shape...)
};

}  // namespace

PELLUCID_COMPONENT(Inpainting, "Some samples are missing");

}  // namespace pellucid
