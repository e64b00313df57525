// affine: y = gain x + offset, sample by sample, as slowly as is asked for.
//
// Settings (keys in a pipeline file)
//   gain     [1]   factor                                                     default 2
//   offset   [1]   what is added                                              default 0
//   pause    [s]   time to wait in each call, >= 0                            default 0
#include <chrono>
#include <thread>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Affine final : public Stage {
 public:
  struct Settings {
    double gain = 2;
    double offset = 0;
    double pause = 0;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"gain", &Settings::gain, "1", "factor"},
        {"offset", &Settings::offset, "1", "what is added"},
        {"pause", &Settings::pause, "s", "time to wait in each call", at_least(0)},
    };
    return rows;
  }

  static constexpr In<Tensor> x{"x", "items"};
  static constexpr In<Tensor> bias{"bias", "added as well", optional};
  static constexpr Out<Tensor> y{"y", "items"};
  static const Ports& ports() {
    static const Ports all{x, bias, y};
    return all;
  }

  explicit Affine(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override { out[y] = in.spec(x); }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    std::this_thread::sleep_for(std::chrono::duration<double>(settings_.pause));
    out[y] = in[x] * settings_.gain + settings_.offset;
    if (in.has(bias)) out[y] = out[y] + in[bias].to(in[x].scalar_type());
  }

  std::int64_t working_bytes(const Inputs& in) const override { return in.spec(x).bytes(); }

  std::optional<std::vector<std::int64_t>> halo(const Inputs& in) const override {
    return std::vector<std::int64_t>(in.spec(x).shape.size(), 0);
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Affine, "y = gain x + offset");

}  // namespace pellucid
