// unnamed: leaves x as it is, and its manual leaves out the setting that has this fault.
//
// Inputs
//   x   items
// Outputs
//   y   the same

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Unnamed final : public Stage {
 public:
  struct Settings {
    double secret = 1;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{{"secret", &Settings::secret, "1", "is not in the manual"}};
    return rows;
  }

  static constexpr In<Tensor> x{"x", "items"};
  static constexpr Out<Tensor> y{"y", "the same"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }

  explicit Unnamed(Settings) {}

  void infer(const Inputs& in, Specs& out) const override { out[y] = in.spec(x); }
  void process(const Inputs& in, Outputs& out, Context&) const override { out[y] = in[x]; }
};

}  // namespace

PELLUCID_COMPONENT(Unnamed, "Leaves items as they are");

}  // namespace pellucid
