// scene: synthetic pictures, so that a pipeline needs no file.
//
//   images: (c, h, w), float32 in [0, 1], unit [1]
//
// Outputs
//   images   each item another picture of the kind
// Settings (keys in a pipeline file)
//   kind           dead_leaves: things of all sizes that hide each other, with the statistics of
//                  photographs [1]; star: spokes [1], in [2, 720], default 36; text: lines of words
//                                                                            default dead_leaves
//   items [1]      how many, >= 1                                            default 1
//   size [px]      height and width, or one for both, >= 1                   default 256
//   channels [1]   1 (grey) or 3, in [1, 3]                                             default 3
//
// Errors
//   ConfigError  'channels' is neither 1 nor 3; 'size' has more than two entries (before anything
//                runs)
//
// Accuracy  each pixel is the mean over 2 to 4 samples along each axis; a picture depends on the
//           run's seed, the node (or `seed_as`) and its item alone.
// Cost      memory: at most 192 bytes a pixel of one item.
//
// [1] A. B. Lee, D. Mumford, J. Huang, Int. J. Comput. Vis. 41:35-59, 2001,
//     doi:10.1023/A:1011109015675.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "paint.h"

namespace pellucid {
namespace {

struct DeadLeaves {
  static constexpr const char* name = "dead_leaves";
  static constexpr const char* summary = "things of all sizes that hide each other";
  void paint(const Canvas& canvas, const Draw& draw) const { paint_dead_leaves(canvas, draw); }
};

struct Star {
  static constexpr const char* name = "star";
  static constexpr const char* summary = "dark and light sectors that narrow to the centre";
  std::int64_t spokes = 36;
  static const Schema<Star>& schema() {
    static const Schema<Star> rows{
        {"spokes", &Star::spokes, "1", "pairs of a dark and a light sector", within(2, 720)},
    };
    return rows;
  }
  void paint(const Canvas& canvas, const Draw& draw) const { paint_star(canvas, draw, spokes); }
};

struct Text {
  static constexpr const char* name = "text";
  static constexpr const char* summary = "lines of words, large at the top";
  void paint(const Canvas& canvas, const Draw& draw) const { paint_text(canvas, draw); }
};

/// The random numbers of the items of a block, one after the other, made in batches when asked for.
class Uniforms {
 public:
  explicit Uniforms(Random random) : random_(std::move(random)) {}

  Draw of_item(std::int64_t item) {
    return [this, item, next = std::int64_t{0}]() mutable {
      const auto step = static_cast<std::size_t>(next / kBatch);
      while (batches_.size() <= step)
        batches_.push_back(random_.uniform({kBatch}, at::kDouble, std::int64_t(batches_.size())));
      return batches_[step].const_data_ptr<double>()[item * kBatch + next++ % kBatch];
    };
  }

 private:
  static constexpr std::int64_t kBatch = 4096;
  Random random_;
  std::vector<Tensor> batches_;
};

class Scene final : public Stage {
 public:
  struct Settings {
    std::variant<DeadLeaves, Star, Text> kind;
    std::int64_t items = 1;
    std::vector<std::int64_t> size{256};  // px
    std::int64_t channels = 3;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"kind", &Settings::kind, "", "what is painted"},
        {"items", &Settings::items, "1", "how many", at_least(1)},
        {"size", &Settings::size, "px", "height and width, or one for both", at_least(1),
         count(1, 2)},
        {"channels", &Settings::channels, "1", "1 (grey) or 3", within(1, 3)},
    };
    return rows;
  }

  static constexpr Out<Tensor> images{"images", "each item another picture"};
  static const Ports& ports() {
    static const Ports all{images};
    return all;
  }

  explicit Scene(Settings settings) : settings_(std::move(settings)) {
    if (settings_.channels == 2)
      throw ConfigError("'channels' must be 1 or 3, got " + std::to_string(settings_.channels));
  }

  void infer(const Inputs&, Specs& out) const override {
    Spec spec;
    spec.items = settings_.items;
    spec.axes = "chw";
    spec.shape = {settings_.channels, settings_.size.front(), settings_.size.back()};
    spec.unit = "1";
    out[images] = spec;
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const std::int64_t items = in.block().count;
    const Tensor painted =
        at::empty({items, settings_.channels, settings_.size.front(), settings_.size.back()});
    Uniforms uniforms(context.random("scene"));
    for (std::int64_t i = 0; i < items; ++i) {
      context.stop_if_cancelled();
      const Canvas canvas{settings_.channels, settings_.size.front(), settings_.size.back(),
                          painted[i].mutable_data_ptr<float>()};
      std::visit([&](const auto& kind) { kind.paint(canvas, uniforms.of_item(i)); },
                 settings_.kind);
    }
    out[images] = painted;
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    // At most 4 x 4 samples of 12 bytes a pixel, and some batches of random numbers.
    return 16 * 12 * settings_.size.front() * settings_.size.back() +
           200 * 4096 * 8 * std::max<std::int64_t>(1, in.block().count);
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Scene, "Synthetic pictures: dead leaves, a star, text");

}  // namespace pellucid
