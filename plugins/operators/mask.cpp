// mask: random masks, 1 where a sample is known and 0 where it is missing.
//
//   mask: (1, h, w) or (1, z, y, x), float32, unit [1]
//
// Outputs
//   mask   each item another mask; one item is used for all items
// Settings (keys in a pipeline file)
//   items [1]     how many, >= 1                                                     default 1
//   missing [1]   probability that a place is missing, in [0, 1]                     default 0.5
//   size [px]     height and width, one for both, or depth, height and width, >= 1   required
//
// Accuracy  a place is drawn for all channels at once; a mask depends on the run's seed, the node (or
//           `seed_as`) and its item alone.
// Cost      one draw a place; memory: 9 bytes a place.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "masks.h"

namespace pellucid {
namespace {

class Mask final : public Stage {
 public:
  struct Settings : RandomMask {
    std::int64_t items = 1;
  };

  static const Schema<Settings>& schema() {
    static const RandomMaskRows<Settings> of_each{};
    static const Schema<Settings> rows{
        {"items", &Settings::items, "1", "how many", at_least(1)},
        of_each.missing,
        of_each.size,
    };
    return rows;
  }

  static constexpr Out<Tensor> mask{"mask", "1 where a sample is known, 0 where it is missing"};
  static const Ports& ports() {
    static const Ports all{mask};
    return all;
  }

  explicit Mask(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs&, Specs& out) const override {
    Spec spec = mask_spec(settings_.size);
    spec.items = settings_.items;
    out[mask] = spec;
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const auto& region = in.block().region;
    out[mask] =
        settings_(context.random("mask"), region ? region->size : mask_spec(settings_.size).shape)
            .to(at::kFloat);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    return 9 * mask_spec(settings_.size).item_numel() * std::max<std::int64_t>(1, in.block().count);
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Mask, "Random masks of known and missing samples");

}  // namespace pellucid
