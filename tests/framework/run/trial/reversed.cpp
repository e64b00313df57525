// reversed: all items in the opposite order, by random access.
//
// Settings (keys in a pipeline file)
//   pause   [s]   time to wait before each item, >= 0                           default 0
#include <chrono>
#include <thread>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Reversed final : public Procedure {
 public:
  struct Settings {
    double pause = 0;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"pause", &Settings::pause, "s", "time to wait before each item", at_least(0)},
    };
    return rows;
  }

  explicit Reversed(Settings settings) : settings_(settings) {}

  static constexpr In<Tensor> x{"x", "items"};
  static constexpr In<Model> f{"f", "applied to each item", optional};
  static constexpr Out<Tensor> y{"y", "items, the last one first"};
  static const Ports& ports() {
    static const Ports all{x, f, y};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override {
    out[y] = in.has(f) ? in[f].range(in.spec(x)) : in.spec(x);
    out[y].items = in.spec(x).items;
  }

  void run(const Inputs& in, Outputs& out, Context& context) const override {
    const std::int64_t items = in.spec(x).items;
    std::vector<Tensor> reversed;
    for (std::int64_t item = items; item-- > 0;) {
      std::this_thread::sleep_for(std::chrono::duration<double>(settings_.pause));
      context.stop_if_cancelled();
      const Tensor one = in.items(x, item, 1);
      reversed.push_back(in.has(f) ? in.at(f, item)(one, item) : one);
      context.progress(items - item, items);
    }
    out[y] = at::cat(reversed);
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Reversed, "All items in the opposite order");

}  // namespace pellucid
