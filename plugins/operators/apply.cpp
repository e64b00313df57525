// apply: applies a linear operator, or its adjoint, to items: y = A x or y = A* x.
//
//   The adjoint of a measurement is a first, blurred image: the zero-filled image of magnetic
//   resonance, the back-projection of tomography. Measurements with noise come from
//   operators/measure.
//
// Inputs
//   x   what the operator is applied to
//   A   the operator
// Outputs
//   y   spec of A x, or of what A takes to give x
// Settings (keys in a pipeline file)
//   direction   forward: A; adjoint: A*                                  default forward
//
// Errors
//   ShapeError    A does not take x, or could not have given it (while planning)
//   ConfigError   what A was applied to does not follow from its result; the message names the
//                 setting that decides (while planning)
//
// Accuracy  that of A. Differentiable.
// Cost      that of A.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

enum class Direction { forward, adjoint };

std::vector<std::pair<std::string, Direction>> enumerators(Direction) {
  return {{"forward", Direction::forward}, {"adjoint", Direction::adjoint}};
}

class Apply final : public Stage {
 public:
  struct Settings {
    Direction direction = Direction::forward;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"direction", &Settings::direction, "", "the operator or its adjoint"},
    };
    return rows;
  }

  static constexpr In<Tensor> x{"x", "what the operator is applied to"};
  static constexpr In<LinearOperator> A{"A", "the operator"};
  static constexpr Out<Tensor> y{"y", "A x, or A* x"};
  static const Ports& ports() {
    static const Ports all{x, A, y};
    return all;
  }

  explicit Apply(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    out[y] = is_forward() ? in[A].range(in.spec(x)) : in[A].domain(in.spec(x));
  }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    out[y] = is_forward() ? in[A].apply(in[x]) : in[A].apply_adjoint(in[x]);
  }

  /// Where a tile ends, what A would give as far as its halo is other than in the whole item, and
  /// comes of samples that are as far again: so far A* is wrong there.
  std::optional<std::vector<std::int64_t>> halo(const Inputs& in) const override {
    auto reach = in[A].halo(taken(in));
    if (reach && !is_forward())
      for (std::int64_t& samples : *reach) samples *= 2;
    return reach;
  }
  std::int64_t working_bytes(const Inputs& in) const override {
    return in[A].working_bytes(taken(in));
  }

 private:
  bool is_forward() const { return settings_.direction == Direction::forward; }
  /// What A takes: that is what it declares halo and memory for, and its adjoint needs the same.
  Spec taken(const Inputs& in) const {
    return is_forward() ? in.spec(x) : in[A].domain(in.spec(x));
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Apply, "Applies a linear operator or its adjoint");

}  // namespace pellucid
