// smooth: mean over 3 x 3 neighbours, zero outside the item, plus a draw.
//
//   y = gain (mean of 3 x 3 samples of x) + spread e,   e standard normal
//
// Inputs
//   x   images (c, h, w)
// Outputs
//   y   spec of x
// Settings (keys in a pipeline file)
//   gain [1]    factor, in [0, 10]                                                 default 1
//   reach [1]   how often it is done, in [1, 2]                                     default 1
//   spread      of the draws, unit of x, >= 0                                       default 0.1
//
// Errors
//   ShapeError  the axes are not "chw" or x is not real (while planning)

#include <chrono>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <thread>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <pellucid/plugin.h>

#include "fault.h"

namespace pellucid {

/// A number whose reader knows no range.
struct Unchecked {
  double value = 1;
};

template <>
struct Codec<Unchecked> {
  static void describe(Field& field) { field.type = Field::Type::real; }
  static Unchecked read(const Value& v, const Field& field, Unchecked fallback, Problems& p) {
    Field open = field;
    if (has_fault("parameters_range_is_not_kept"))
      open.most = std::numeric_limits<double>::infinity();
    return {detail::read_real(v, open, fallback.value, p)};
  }
  static Value print(Unchecked v) { return v.value; }
};

namespace {

class Smooth final : public Stage {
 public:
  struct Settings {
    Unchecked gain;
    std::int64_t reach = 1;
    double spread = 0.1;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"gain", &Settings::gain, "1", "factor", within(0, 10)},
        {"reach", &Settings::reach, "1", "how often it is done", within(1, 2)},
        {"spread", &Settings::spread, "", "of the draws", at_least(0)},
    };
    return rows;
  }

  static constexpr In<Tensor> x{"x", "images"};
  static constexpr Out<Tensor> y{"y", "means"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }

  explicit Smooth(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec& spec = in.spec(x);
    require_axes(spec, "chw");
    if (spec.axes.size() != 3) throw ShapeError("the axes must be 'chw', got '" + spec.axes + "'");
    require_real(spec);
    if (spec.shape[2] == 1 && has_fault("sizes_other_exception"))
      throw std::out_of_range("no such column");
    out[y] = spec;
    if (has_fault("dtype_always_float32")) out[y].dtype = at::kFloat;
    if (has_fault("specs_unfulfilled_shape")) out[y].shape[2] += 1;
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    out[y] = smoothed(in, context);
    if (has_fault("dtype_always_float32")) out[y] = out[y].to(at::kFloat);
  }

  std::optional<std::vector<std::int64_t>> halo(const Inputs&) const override {
    const std::int64_t reach = settings_.reach;
    if (has_fault("tiles_halo_one_short")) return std::vector<std::int64_t>{0, reach, reach - 1};
    return std::vector<std::int64_t>{0, reach, reach};
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return has_fault("memory_nothing_declared") ? 0 : 6 * in.spec(x).bytes();
  }

 private:
  Tensor smoothed(const Inputs& in, Context& context) const {
    Tensor images = in[x];
    if (has_fault("strides_memory_order"))
      images = at::from_blob(const_cast<void*>(images.const_data_ptr()), images.sizes(),
                             images.options());
    if (has_fault("strides_view")) images = images.view({-1}).view(images.sizes());
    if (has_fault("inputs_scaled_in_place")) in[x].mul_(1.5);
    if (has_fault("inputs_clipped_in_place")) in[x].clamp_max_(0.9);
    if (has_fault("nonfinite_hidden")) images = images.nan_to_num(0, 0, 0);
    if (has_fault("sizes_single_pixel") && images.size(-1) == 1)
      throw std::runtime_error("nothing to take the mean of");
    if (has_fault("sizes_no_pixels") && images.size(-1) == 0)
      throw std::runtime_error("nothing to take the mean of");
    if (has_fault("cases_refused_late") && settings_.reach == 2)
      throw ShapeError("the reach must be 1");
    if (has_fault("sizes_no_items")) images = images + 0 * images[0].mean();
    if (has_fault("memory_copies"))
      images = images * at::ones({32, images.numel()}, images.options()).mean();
    for (std::int64_t pass = 0; pass < settings_.reach; ++pass) images = mean3(images);

    double gain = settings_.gain.value;
    if (has_fault("parameters_end_divides_by_zero")) gain = gain * (10 - gain) / (10 - gain);
    if (has_fault("dtype_gain_in_float32") && in[x].scalar_type() == at::kFloat) gain *= 1.01;
    if (has_fault("threads_shared_scratch")) gain *= through_scratch(in);
    if (has_fault("threads_by_count")) gain *= at::get_num_threads();
    if (has_fault("blocks_state_is_kept")) gain *= after_last_block(in);
    Tensor result = images * gain + draws(in, context);
    if (has_fault("nonfinite_leaks") && !in[x].isfinite().all().item<bool>())
      result.fill_(std::nan(""));
    if (has_fault("blocks_scratch_of_first_call")) keep_first_rows(result);
    if (has_fault("dtype_rounded_to_float32")) result = result.to(at::kFloat).to(in[x].dtype());
    if (has_fault("tiles_place_in_region") && in.block().region)
      result = result + 0.01 * static_cast<double>(in.block().region->size[1]);
    wait(context);
    return result;
  }

  Tensor mean3(const Tensor& images) const {
    if (images.numel() == 0) return images;
    return at::avg_pool2d(images, {3, 3}, {1, 1}, {1, 1});
  }

  Tensor draws(const Inputs& in, Context& context) const {
    const std::int64_t items = in[x].size(0);
    if (has_fault("blocks_item_from_start")) {
      const Tensor numbers = at::arange(items, in[x].options());
      return numbers.view({-1, 1, 1, 1}) * settings_.spread;
    }
    const Tensor draws = context.random("spread").normal(in[x].sizes().slice(1), at::kDouble);
    return draws.to(in[x].dtype()) * settings_.spread;
  }

  /// 1, unless another call writes its number in the meantime.
  double through_scratch(const Inputs& in) const {
    const double own = 1 + static_cast<double>(in.block().first);
    scratch_ = own;
    double sum = 0;
    for (int i = 0; i < 500000; ++i) sum += scratch_;
    return sum / (500000 * own);
  }

  /// Brighter where the block before came before.
  double after_last_block(const Inputs& in) const {
    const bool follows = in.block().first > 0 && in.block().first == last_;
    last_ = in.block().first + in.block().count;
    return follows ? 1.1 : 1;
  }

  /// Scratch memory that is as large as the first call needed.
  void keep_first_rows(Tensor& result) const {
    if (rows_ == 0) rows_ = result.size(0);
    if (result.size(0) > rows_) result.narrow(0, rows_, result.size(0) - rows_).zero_();
  }

  static void wait(Context& context) {
    if (has_fault("cancellation_taken_for_a_failure") && context.cancelled())
      throw ShapeError("it was stopped");
    const bool deaf = has_fault("cancellation_never_asked");
    const bool late = has_fault("cancellation_asked_at_the_end");
    for (int i = 0; i < 20 && (deaf || late); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (late) context.stop_if_cancelled();
  }

  Settings settings_;
  mutable volatile double scratch_ = 0;
  mutable std::int64_t last_ = -1;
  mutable std::int64_t rows_ = 0;
};

}  // namespace

PELLUCID_COMPONENT(Smooth, "Mean over 3 x 3 neighbours");

}  // namespace pellucid
