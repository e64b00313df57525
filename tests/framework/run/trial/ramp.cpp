// ramp: items whose samples count upwards, so that every sample of every item is different.
//
//   x[n, c, i, j] = n + (c h w + i w + j) / (c h w)
//
// Settings (keys in a pipeline file)
//   items      [1]   number of items, >= 1                                    default 8
//   shape      [px]  channels, height, width                                  default [1, 16, 16]
//   broken     [1]   an item that cannot be read                              default none
//   broken_from [1]  from this item on none can be read                       default none
//   infinite   [1]   an item that holds an infinite value                     default none
#include <limits>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Ramp final : public Stage {
 public:
  struct Settings {
    std::int64_t items = 8;
    std::vector<std::int64_t> shape{1, 16, 16};
    std::optional<std::int64_t> broken;
    std::optional<std::int64_t> broken_from;
    std::optional<std::int64_t> infinite;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"items", &Settings::items, "1", "number of items", at_least(1)},
        {"shape", &Settings::shape, "px", "channels, height, width", at_least(1), count(3, 3)},
        {"broken", &Settings::broken, "1", "an item that cannot be read"},
        {"broken_from", &Settings::broken_from, "1", "from this item on none can be read"},
        {"infinite", &Settings::infinite, "1", "an item that holds an infinite value"},
    };
    return rows;
  }

  static constexpr Out<Tensor> x{"x", "the ramps"};
  static const Ports& ports() {
    static const Ports all{x};
    return all;
  }

  explicit Ramp(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs&, Specs& out) const override {
    out[x].items = settings_.items;
    out[x].axes = "chw";
    out[x].shape = settings_.shape;
    out[x].unit = "1";
  }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    const Block& block = in.block();
    std::int64_t numel = 1;
    for (const std::int64_t size : settings_.shape) numel *= size;
    std::vector<std::int64_t> shape{block.count};
    shape.insert(shape.end(), settings_.shape.begin(), settings_.shape.end());
    Tensor items = at::arange(numel, at::kFloat).div(static_cast<double>(numel));
    items = items.view(settings_.shape).expand(shape).clone();
    for (std::int64_t i = 0; i < block.count; ++i) {
      const std::int64_t item = block.first + i;
      // The name of a file may hold any bytes.
      if (settings_.broken == item || item >= settings_.broken_from.value_or(item + 1))
        throw Error("item " + std::to_string(item) + " is broken: 'caf\xe9\n.png'");
      items[i] += static_cast<double>(item);
      if (settings_.infinite == item)
        items[i].flatten()[0] = std::numeric_limits<float>::infinity();
    }
    if (block.region)
      for (std::size_t axis = 0; axis < block.region->offset.size(); ++axis)
        items = items.narrow(static_cast<std::int64_t>(axis) + 1, block.region->offset[axis],
                             block.region->size[axis]);
    out[x] = items.contiguous();
  }

  /// One item, before and after its division.
  std::int64_t working_bytes(const Inputs&) const override {
    std::int64_t numel = 1;
    for (const std::int64_t size : settings_.shape) numel *= size;
    return 8 * numel;
  }

  std::optional<std::vector<std::int64_t>> halo(const Inputs&) const override {
    return std::vector<std::int64_t>{0, 0, 0};
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Ramp, "Items whose samples count upwards");

}  // namespace pellucid
