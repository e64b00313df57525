// walk: goes through all items and back, keeps where it is, or a fault.
//
// Settings (keys in a pipeline file)
//   fault          what it does                                               default none
//   moment         when it does it                                            default compute
//   item     [1]   the item for which it does it                              default 0
//   cure           a file; where it is there, nothing happens                 default ""
#include <fstream>

#include "fault.h"

namespace pellucid {
namespace {

class Walk final : public Procedure {
 public:
  using Settings = FaultSettings;
  static const Schema<Settings>& schema() { return Settings::schema(); }

  static constexpr In<Tensor> x{"x", "items"};
  static constexpr In<LinearOperator> A{"A", "applied to each", optional};
  static constexpr Out<Tensor> y{"y", "the items, backwards"};
  static constexpr Out<Tensor> began{"began", "the item that this process began with"};
  static const Ports& ports() {
    static const Ports all{x, A, y, began};
    return all;
  }

  explicit Walk(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs& in, Specs& out) const override {
    out[y] = in.spec(x);
    out[began].axes = "c";
    out[began].shape = {1};
  }

  void run(const Inputs& in, Outputs& out, Context& context) const override {
    const std::int64_t items = in.spec(x).items;
    const auto mark = context.scratch() / "mark";
    std::int64_t first = 0;
    std::ifstream(mark) >> first;
    for (std::int64_t item = first; item < items; ++item) {
      context.stop_if_cancelled();
      settings_.meet(Moment::compute, item);
      context.progress(item, items);
      std::ofstream(mark) << item;
    }
    std::vector<const LinearOperator*> operators;  // they stay as long as the call
    for (std::int64_t item = 0; in.has(A) && item < items; ++item)
      operators.push_back(&in.at(A, item));
    std::vector<Tensor> backwards;
    for (std::int64_t item = items - 1; item >= 0; --item) {
      const Tensor one = in.items(x, item, 1);
      backwards.push_back(in.has(A) ? operators[static_cast<std::size_t>(item)]->apply(one) : one);
    }
    out[y] = at::cat(backwards);
    out[began] = at::full({1, 1}, static_cast<double>(first), at::kFloat);
  }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Walk, "Walks back, or does what it should not");

}  // namespace pellucid
