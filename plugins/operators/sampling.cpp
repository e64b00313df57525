// sampling: masks for Cartesian magnetic resonance imaging: which samples of k-space are measured.
//
//   mask: (1, h, w), float32, 1 where measured and 0 elsewhere, frequency 0 at index n / 2
//
// Outputs
//   mask   random ones differ from item to item
// Settings (keys in a pipeline file)
//   size [px]      height and width, or one for both, >= 1                          required
//   pattern        lines: whole rows, drawn; fraction, of the rows that are measured, in (0, 1],
//                  default 0.25; decay, >= 0, default 0
//                  every: whole rows at equal distances; step [1], >= 1, default 2
//                  points: single samples, drawn; fraction, of the samples that are measured, in
//                  (0, 1], default 0.25; decay, >= 0, default 2             default lines
//   centre [px]    rows, or side of a square of samples, in the middle that are always measured, to
//                  estimate sensitivities from, >= 0                        default 24
//   items [1]      how many, >= 1                                           default 1
//
// Errors
//   ConfigError  more than two entries in `size`; a centre larger than the image, or than the
//                fraction that is measured (while planning)
//
// Accuracy  drawn without replacement, so that the fraction is met to a row or a sample: each with
//           a chance proportional to (1 - d)^decay among those that are left [1], d the distance
//           from the middle as a part of the largest. Draws depend on the run's seed, the node (or
//           `seed_as`) and the item alone.
// Cost      a sort of the rows, or of the samples.
//
// [1] P. S. Efraimidis, P. G. Spirakis, Inf. Process. Lett. 97:181-185, 2006,
//     doi:10.1016/j.ipl.2005.11.003.

#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "each_item.h"
#include "masks.h"

namespace pellucid {
namespace {

struct LinePattern {
  static constexpr const char* name = "lines";
  static constexpr const char* summary = "whole rows, drawn";
  double fraction = 0.25;
  double decay = 0;
  static const Schema<LinePattern>& schema() {
    static const Schema<LinePattern> rows{
        {"fraction", &LinePattern::fraction, "", "of the rows that are measured", positive(),
         at_most(1)},
        {"decay", &LinePattern::decay, "", "how much rarer they are far from the middle",
         at_least(0)},
    };
    return rows;
  }
};

struct Every {
  static constexpr const char* name = "every";
  static constexpr const char* summary = "whole rows at equal distances";
  std::int64_t step = 2;
  static const Schema<Every>& schema() {
    static const Schema<Every> rows{
        {"step", &Every::step, "1", "from one row to the next", at_least(1)},
    };
    return rows;
  }
};

struct Points {
  static constexpr const char* name = "points";
  static constexpr const char* summary = "single samples, drawn";
  double fraction = 0.25;
  double decay = 2;
  static const Schema<Points>& schema() {
    static const Schema<Points> rows{
        {"fraction", &Points::fraction, "", "of the samples that are measured", positive(),
         at_most(1)},
        {"decay", &Points::decay, "", "how much rarer they are far from the middle", at_least(0)},
    };
    return rows;
  }
};

/// Distance from the middle n / 2 as a part of the largest one, in [0, 1).
Tensor distance(std::int64_t n) {
  return (at::arange(n, at::kDouble) - double(n / 2)).abs() / (double(n) / 2 + 0.5);
}

/// 1 for the `centre` samples in the middle.
Tensor middle(std::int64_t n, std::int64_t centre) {
  const Tensor line = at::zeros({n});
  line.narrow(0, n / 2 - centre / 2, centre).fill_(1);
  return line;
}

/// `taken` of 0 and 1, with ones more until there are `count`: of those that are left, each is the
/// next with a chance proportional to its weight.
Tensor with_drawn(const Tensor& taken, std::int64_t count, const Tensor& weight,
                  const Tensor& uniform) {
  // The smallest of exponential times, each at the rate of its weight, are such a sample.
  Tensor time = -at::log1p(-uniform) / weight.clamp_min(1e-300);
  time = at::where(taken == 1, -1.0, time);
  const Tensor first = at::argsort(time.flatten(), /*stable=*/true, 0, /*descending=*/false);
  const Tensor mask = at::zeros({taken.numel()});
  mask.index_fill_(0, first.narrow(0, 0, count), 1);
  return mask.view(taken.sizes());
}

class Sampling final : public Stage {
 public:
  struct Settings {
    std::vector<std::int64_t> size;  // px
    std::variant<LinePattern, Every, Points> pattern;
    std::int64_t centre = 24;  // px
    std::int64_t items = 1;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"size", &Settings::size, "px", "height and width, or one for both", at_least(1),
         count(1, 2), required()},
        {"pattern", &Settings::pattern, "", "which samples are measured"},
        {"centre", &Settings::centre, "px", "in the middle, always measured", at_least(0)},
        {"items", &Settings::items, "1", "how many", at_least(1)},
    };
    return rows;
  }

  static constexpr Out<Tensor> mask{"mask", "1 where k-space is measured, 0 elsewhere"};
  static const Ports& ports() {
    static const Ports all{mask};
    return all;
  }

  explicit Sampling(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs&, Specs& out) const override {
    const bool points = std::holds_alternative<Points>(settings_.pattern);
    const std::int64_t room = points ? std::min(height(), width()) : height();
    const std::int64_t centre = settings_.centre;
    if (centre > room)
      throw ConfigError("'centre' must be at most " + std::to_string(room) + " for a mask of " +
                        shape_text({height(), width()}) + ", got " + std::to_string(centre));
    const std::int64_t most = points ? kept_points() : kept_lines();
    if ((points ? centre * centre : centre) > most)
      throw ConfigError("'centre' takes " + std::to_string(points ? centre * centre : centre) +
                        " and 'fraction' leaves " + std::to_string(most) +
                        "; make one smaller or the other larger");
    Spec spec = mask_spec(settings_.size);
    spec.items = settings_.items;
    out[mask] = spec;
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Random random = context.random("mask");
    const std::int64_t items = in.block().count;
    const Tensor rows = middle(height(), settings_.centre).view({-1, 1});
    const Sizes shape{1, height(), width()};
    if (const auto* every = std::get_if<Every>(&settings_.pattern)) {
      const Tensor line = rows.clone();
      line.slice(0, (height() / 2) % every->step, std::nullopt, every->step).fill_(1);
      out[mask] = line.expand({items, 1, height(), width()}).contiguous();
    } else if (const auto* lines = std::get_if<LinePattern>(&settings_.pattern)) {
      const Tensor weight = at::pow(1 - distance(height()), lines->decay).view({-1, 1});
      const Tensor draws = random.uniform({height(), 1}, at::kDouble);
      out[mask] = each_item(items, shape, rows.options(), [&](std::int64_t item) {
        return with_drawn(rows, kept_lines(), weight, draws[item]).expand({height(), width()});
      });
    } else {
      const Tensor square = rows * middle(width(), settings_.centre);
      const Tensor far = at::hypot(distance(height()).view({-1, 1}), distance(width()));
      const Tensor weight =
          at::pow(1 - far / std::sqrt(2.0), std::get<Points>(settings_.pattern).decay);
      const Tensor draws = random.uniform({height(), width()}, at::kDouble);
      out[mask] = each_item(items, shape, rows.options(), [&](std::int64_t item) {
        return with_drawn(square, kept_points(), weight, draws[item]);
      });
    }
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const std::int64_t samples = height() * width();
    return (8 * std::max<std::int64_t>(1, in.block().count) + 60) * samples;
  }

 private:
  using Sizes = std::vector<std::int64_t>;

  std::int64_t height() const { return settings_.size.front(); }
  std::int64_t width() const { return settings_.size.back(); }

  std::int64_t kept_lines() const {
    const auto* lines = std::get_if<LinePattern>(&settings_.pattern);
    return lines ? part(lines->fraction, height()) : height();
  }
  std::int64_t kept_points() const {
    return part(std::get<Points>(settings_.pattern).fraction, height() * width());
  }
  static std::int64_t part(double fraction, std::int64_t n) {
    return std::clamp<std::int64_t>(std::llround(fraction * double(n)), 1, n);
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Sampling, "Which samples of k-space a Cartesian scan measures");

}  // namespace pellucid
