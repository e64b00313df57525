// iterative_stage: what components share that iterate item by item: ports, settings, checks, the
// kernels of items, where an item starts, and the history.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/plugin.h>

#include "gridded_blur.h"
#include "iteration.h"

namespace pellucid {

/// Where an item starts that is given no `init`.
enum class Start {
  constant,  ///< the one that gives an image its flux, sum(y) / sum(A* 1); 0 where A* 1 has no sum
  data,      ///< y, and beyond it its nearest sample
  zero,
};
std::vector<std::pair<std::string, Start>> enumerators(Start);

/// Settings of every iterative stage; those of a component derive from it.
struct Iterating {
  std::int64_t iterations = 50;
  Start start = Start::constant;
  Stop stop;
  std::int64_t every = 10;
};

/// The schema of settings that derive from Iterating, with rows of their own:
///   using Row = Schema<Settings>::Row;
///   static const Schema<Settings> rows = iterative_schema<Settings>(Row{"step", ...}, ...);
template <class Settings, class... Rows>
Schema<Settings> iterative_schema(const Rows&... own) {
  using Row = typename Schema<Settings>::Row;
  const auto inherited = []<class Member>(Member Iterating::*member) {
    return static_cast<Member Settings::*>(member);
  };
  return {Row{"iterations", inherited(&Iterating::iterations), "1", "at most", at_least(1)}, own...,
          Row{"start", inherited(&Iterating::start), "", "where to begin without 'init'"},
          Row{"stop", inherited(&Iterating::stop), "", "when an item is done sooner"},
          Row{"every", inherited(&Iterating::every), "1",
              "iterations from one row of the history to the next", at_least(1)}};
}

/// One item, checked: all its values are finite.
struct IteratedItem {
  Tensor y;      ///< (planes, sizes...), contiguous
  Tensor start;  ///< (planes, sizes of x...); may be a view, is not to be changed
  std::int64_t number;
};

/// Makes the method that iterates an item; called for all items with the blur that it was made for.
using MethodOf = std::function<std::unique_ptr<Method>(const IteratedItem&)>;

/// A stage that iterates each item on the grid of its blur. A component writes `method_of` and says
/// what that takes; what its infer or prepare does beyond this one's, it does beside calling it.
class IterativeStage : public Stage {
 public:
  static constexpr In<Tensor> y{"y", "blurred images"};
  static constexpr In<ConvolutionOperator> A{"A", "the blur"};
  static constexpr In<Tensor> init{"init", "where to start", optional};
  static constexpr In<Tensor> reference{"reference", "the truth, for the history", optional};
  static constexpr Out<Tensor> x{"x", "estimate, unit of y"};
  static constexpr Out<Table> history{"history", "objective and residual while iterating"};
  static const Ports& ports();

  /// Iterations carry roundings on.
  double tolerance() const override { return 1e-3; }

  void infer(const Inputs& in, Specs& out) const override;
  void prepare(const Inputs& in, Context&) override;
  void process(const Inputs& in, Outputs& out, Context& context) const final;
  std::int64_t working_bytes(const Inputs& in) const override;

 protected:
  /// How many grids, or half spectra of them, a method takes.
  struct Memory {
    std::int64_t of_plane;   ///< for each image of an item: estimate, residual, spectrum, ...
    std::int64_t of_kernel;  ///< for each kernel of an item, beside its transfer function
  };

  explicit IterativeStage(const Iterating& how) : how_(how) {}

  /// Prepares for all items with one blur, that outlives what it returns. `kernel` is
  /// (channels or 1, sizes...), finite, and no channel's is 0 everywhere; `item` the number of the
  /// first item that has it.
  virtual MethodOf method_of(const GriddedBlur& blur, const Tensor& kernel,
                             std::int64_t item) const = 0;
  virtual Memory memory() const = 0;
  /// Summary of the history's column.
  virtual const char* objective() const = 0;

 private:
  Course course() const { return {how_.iterations, how_.every, how_.stop}; }

  Iterating how_;
};

}  // namespace pellucid
