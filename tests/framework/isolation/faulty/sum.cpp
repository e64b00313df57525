// sum: the sum of all items, or a fault.
//
// Settings (keys in a pipeline file)
//   fault          what it does                                               default none
//   moment         when it does it                                            default compute
//   item     [1]   the item for which it does it                              default 0
//   cure           a file; where it is there, nothing happens                 default ""
#include "fault.h"

namespace pellucid {
namespace {

class Sum final : public Reducer {
 public:
  using Settings = FaultSettings;
  static const Schema<Settings>& schema() { return Settings::schema(); }

  static constexpr In<Tensor> x{"x", "items"};
  static constexpr Out<Tensor> sum{"sum", "their sum"};
  static constexpr Out<Table> rows{"rows", "the mean of each"};
  static const Ports& ports() {
    static const Ports all{x, sum, rows};
    return all;
  }

  explicit Sum(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs& in, Specs& out) const override {
    out[sum] = in.spec(x);
    out[sum].items = 1;
    out[rows].items = in.spec(x).items;
    out[rows].columns = columns();
  }
  void infer_state(const Inputs& in, Specs& state) const override {
    state[sum] = in.spec(x);
    state[sum].items = 1;
    state[rows].rows_per_item = 4096;
    state[rows].columns = columns();
  }
  void reduce(const Inputs& in, Outputs& state, Context&) const override {
    settings_.meet(Moment::compute, in.block().first, in.block().count);
    state[sum] = in[x].sum(0, /*keepdim=*/true);
    state[rows] = Table(columns());
    for (std::int64_t row = 0; row < in[x].size(0); ++row)
      state[rows].add(in.item(row), {in[x][row].mean().item<double>()});
  }
  void finish(const States& states, Outputs& out, Context&) const override {
    settings_.meet(Moment::finish);
    out[rows] = Table(columns());
    for (std::int64_t i = 0; i < states.count(); ++i) {
      const Outputs state = states.at(i);
      out[sum] = i == 0 ? state[sum] : out[sum] + state[sum];
      out[rows].append(state[rows]);
    }
  }

 private:
  static std::vector<Column> columns() { return {{"mean", Column::Type::real, "1", 0, "mean"}}; }
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Sum, "Sums, or does what it should not");

}  // namespace pellucid
