// lot: three numbers drawn for all items at once.
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Lot final : public Procedure {
 public:
  struct Settings {};

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{};
    return rows;
  }

  explicit Lot(Settings) {}

  static constexpr In<Tensor> x{"x", "items"};
  static constexpr Out<Tensor> y{"y", "uniform in [0, 1)"};
  static const Ports& ports() {
    static const Ports all{x, y};
    return all;
  }

  void infer(const Inputs&, Specs& out) const override {
    out[y].items = 1;
    out[y].shape = {3};
    out[y].axes = "n";
    out[y].dtype = at::kDouble;
  }

  void run(const Inputs&, Outputs& out, Context& context) const override {
    out[y] = context.random("lot").uniform({3}, at::kDouble);
  }
};

}  // namespace

PELLUCID_COMPONENT(Lot, "Three numbers drawn for all items at once");

}  // namespace pellucid
