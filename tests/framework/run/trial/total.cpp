// total: the sum of all items, and a row for each.
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Total final : public Reducer {
 public:
  static constexpr In<Tensor> x{"x", "items"};
  static constexpr Out<Tensor> sum{"sum", "their sum, one item"};
  static constexpr Out<Table> rows{"rows", "the mean of each item"};
  static const Ports& ports() {
    static const Ports all{x, sum, rows};
    return all;
  }

  void infer(const Inputs& in, Specs& out) const override {
    out[sum] = in.spec(x);
    out[sum].items = 1;
    out[sum].dtype = at::kDouble;
    out[rows] = table(in.spec(x).items);
  }

  /// The block in double precision.
  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& block = in.spec(x);
    return block.bytes() * 8 / static_cast<std::int64_t>(at::elementSize(block.dtype));
  }

  void infer_state(const Inputs& in, Specs& state) const override {
    state[sum] = in.spec(x);
    state[sum].items = 1;
    state[sum].dtype = at::kDouble;
    state[rows] = table(1);
    state[rows].rows_per_item = 4096;
  }

  void reduce(const Inputs& in, Outputs& state, Context&) const override {
    state[sum] = in[x].to(at::kDouble).sum(0, /*keepdim=*/true);
    state[rows] = Table(table(1).columns);
    for (std::int64_t i = 0; i < in[x].size(0); ++i)
      state[rows].add(in.item(i), {in[x][i].mean().item<double>()});
  }

  void finish(const States& states, Outputs& out, Context&) const override {
    out[rows] = Table(table(1).columns);
    for (std::int64_t block = 0; block < states.count(); ++block) {
      const Outputs state = states.at(block);
      out[sum] = block == 0 ? state[sum] : out[sum] + state[sum];
      out[rows].append(state[rows]);
    }
  }

 private:
  static TableSpec table(std::int64_t items) {
    TableSpec spec;
    spec.items = items;
    spec.columns = {{"mean", Column::Type::real, "1", 0, "mean of the item"}};
    return spec;
  }
};

}  // namespace

PELLUCID_COMPONENT(Total, "The sum of all items");

}  // namespace pellucid
