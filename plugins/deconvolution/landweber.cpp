// landweber: least squares by steps down the gradient, all of one length.
//
//   x' = P(x + t A*(y - A x))
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//
//   t = step / |A|^2, with the upper bound of Schur for |A|^2: the largest sum of a row of |A|
//   times that of a column, |A| with the moduli of the taps; it is |A|^2 itself where A is circular
//   and no tap negative. P takes each sample to the nearest value that `constraint` allows. The
//   objective |A x - y|^2 never grows [1]. From zero, without a constraint, x tends to the solution
//   of least length; frequencies that A passes well come first, noise last, so the number of
//   iterations regularises [2]. deconvolution/tikhonov_miller and nnls get as far in fewer
//   iterations.
//
// Inputs
//   y           blurred images
//   A           the blur
//   init        optional: where to start, spec of x, one item or as many as y, such as that of
//               deconvolution/wiener
//   reference   optional: the truth, spec of x, one item or as many as y; gives the history a psnr
// Outputs
//   x         estimate, spec of what A takes
//   history   a row for every `every` iterations of an item, and for its last: iteration,
//             objective, residual |A x - y|, psnr of x [dB] with a reference (range: of its
//             values), stopped: in the last row of an item, the rule that ended it
// Settings (keys in a pipeline file)
//   iterations [1]   at most, >= 1                                              default 50
//   step [1]         in units of 1 / |A|^2, in (0, 2)                           default 1
//   constraint       which values x may have; none: any; non_negative: none below 0; bounds: lower,
//                    unit of y, default 0; upper, unit of y, required            default none
//   start            where to begin without init: constant, the one that gives an image its flux,
//                    sum(y) / sum(A* 1); data: y, its border samples repeated beyond it; zero
//                    default constant
//   stop             when an item is done sooner, for any of these reasons;
//                    tolerance [1] an iteration changes x by less, relative to x, >= 0, default 0
//                    (never); noise, standard deviation of y, > 0: the residual is tau times that
//                    of so much noise (discrepancy principle); tau [1], > 0, default 1;
//                    whiteness [1], in [0, 1]: the residual's cumulative periodogram lies above
//                    that of white noise by less, looked at with each row of the history;
//                    time [s] of an item, > 0: what is found then depends on the machine
//   every [1]        iterations from one row of the history to the next, >= 1   default 10
//
// Errors
//   ShapeError   y is not real, does not have the axes that A convolves, or init or reference are
//                not as x (while planning)
//   ConfigError  lower is not below upper (while planning)
//   Error        a sample or a tap is not finite, a kernel is 0 everywhere
//
// Accuracy  that of the dtype; a step of 2 or more, which would diverge, is refused.
// Cost      four real FFTs an iteration of an item, on the grid of gridded_blur.h, on the CPU.
//           Memory: three times the item on that grid, and one transfer function a kernel. A kernel
//           may be larger than y.
//
// [1] L. Landweber, Am. J. Math. 73(3):615-624, 1951, doi:10.2307/2372313.
// [2] M. Bertero, P. Boccacci, Introduction to Inverse Problems in Imaging, 1998, section 6.1;
//     projected: B. Eicke, Numer. Funct. Anal. Optim. 13:413-429, 1992,
//     doi:10.1080/01630569208816489.

#include <pellucid/plugin.h>

#include "constraint.h"
#include "fixed_steps.h"
#include "iterative_stage.h"
#include "least_squares.h"

namespace pellucid {
namespace {

class Landweber final : public IterativeStage {
 public:
  struct Settings : Iterating {
    double step = 1;
    AllowedValues constraint;
  };

  static const Schema<Settings>& schema() {
    using Row = Schema<Settings>::Row;
    static const auto rows = iterative_schema<Settings>(
        Row{"step", &Settings::step, "1", "in units of 1 / |A|^2", between(0, 2)},
        Row{"constraint", &Settings::constraint, "", "which values x may have"});
    return rows;
  }

  explicit Landweber(Settings settings) : IterativeStage(settings), settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    interval_of(settings_.constraint);
    IterativeStage::infer(in, out);
  }

 protected:
  MethodOf method_of(const GriddedBlur& blur, const Tensor& kernel, std::int64_t) const override {
    const double step = settings_.step / squared_norm_bound(blur, kernel);
    return [this, &blur, step](const IteratedItem& item) {
      return fixed_steps(blur, item, step, Direction::gradient, interval_of(settings_.constraint));
    };
  }
  Memory memory() const override { return {kFixedStepsGrids, 3}; }
  const char* objective() const override { return "|A x - y|^2"; }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Landweber, "Landweber iteration: least squares by gradient descent");

}  // namespace pellucid
