// few: a table that may have a row for each item and has one for the first item only.
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Few final : public Stage {
 public:
  static constexpr In<Tensor> x{"x", "items"};
  static constexpr Out<Table> rows{"rows", "the mean of the first item"};
  static const Ports& ports() {
    static const Ports all{x, rows};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override {
    out[rows].items = in.spec(x).items;
    out[rows].columns = {{"first_mean", Column::Type::real, "1", 0, "mean of the item"}};
  }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    out[rows] = Table({{"first_mean", Column::Type::real, "1", 0, "mean of the item"}});
    if (in.block().first == 0) out[rows].add(0, {in[x][0].mean().item<double>()});
  }
};

}  // namespace

PELLUCID_COMPONENT(Few, "A table with fewer rows than it may have");

}  // namespace pellucid
