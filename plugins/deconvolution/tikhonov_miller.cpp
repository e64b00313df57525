// tikhonov_miller: least squares with a quadratic penalty, by conjugate gradients; constrained, it
// is the iterative constrained Tikhonov-Miller method, ICTM.
//
//   x = argmin |A x - y|^2 + weight |L x|^2 over the values that `constraint` allows
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//   L   identity    1
//       laplacian   differences of each sample and its neighbours along all axes, summed up: in 2-D
//                   4 and four times -1, in 3-D 6 and six times -1. Beyond the border of a circular
//                   A is the other side; for any other boundary a sample there has fewer neighbours
//
//   Without a constraint these are conjugate gradients on (A*A + weight L*L) x = A* y [1]; where A
//   is circular their end is deconvolution/tikhonov, in one step. With one they are conjugate
//   gradients of what the gradient has within the bounds, each step projected on them [2, 3, 4], as
//   bounded_gradients.h says. The objective never grows. It ends in the conditions of Karush, Kuhn
//   and Tucker: with g = A*(A x - y) + weight L*L x,
//     g = 0 where x is between its bounds, g >= 0 where it is at the lower one, and
//     g <= 0 where it is at the upper one.
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
//   weight [1]       of the penalty, >= 0; 0: no penalty                        required
//   penalty          what is kept small: identity, x itself; laplacian, L x     default laplacian
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
// Accuracy  that of the dtype where the residual is well above its rounding error. The residual is
//           carried along from step to step, and computed anew where one is projected.
// Cost      four real FFTs an iteration of an item, on the grid of gridded_blur.h, on the CPU; two
//           more where the step is projected, and two where it is made shorter. Memory: eight times
//           the item on that grid, and one transfer function a kernel. A kernel may be
//           larger than y.
//
// [1] M. R. Hestenes, E. Stiefel, J. Res. Nat. Bur. Stand. 49:409-436, 1952,
//     doi:10.6028/jres.049.044.
// [2] H. T. M. van der Voort, K. C. Strasters, J. Microsc. 178(2):165-181, 1995,
//     doi:10.1111/j.1365-2818.1995.tb03593.x.
// [3] J. C. Gilbert, J. Nocedal, SIAM J. Optim. 2:21-42, 1992, doi:10.1137/0802003.
// [4] P. H. Calamai, J. J. More, Math. Program. 39:93-116, 1987, doi:10.1007/BF02592073.

#include <pellucid/plugin.h>

#include "bounded_gradients.h"
#include "constraint.h"
#include "iterative_stage.h"
#include "least_squares.h"

namespace pellucid {
namespace {

class TikhonovMiller final : public IterativeStage {
 public:
  struct Settings : Iterating {
    double weight = 0;
    Penalty penalty = Penalty::laplacian;
    AllowedValues constraint;
  };

  static const Schema<Settings>& schema() {
    using Row = Schema<Settings>::Row;
    static const auto rows = iterative_schema<Settings>(
        Row{"weight", &Settings::weight, "1", "of the penalty", at_least(0.0), required()},
        Row{"penalty", &Settings::penalty, "", "what is kept small"},
        Row{"constraint", &Settings::constraint, "", "which values x may have"});
    return rows;
  }

  explicit TikhonovMiller(Settings settings) : IterativeStage(settings), settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    interval_of(settings_.constraint);
    IterativeStage::infer(in, out);
  }

 protected:
  MethodOf method_of(const GriddedBlur& blur, const Tensor& kernel, std::int64_t) const override {
    const BoundedProblem problem{.squared_norm = squared_norm_bound(blur, kernel),
                                 .allowed = interval_of(settings_.constraint),
                                 .weight = settings_.weight,
                                 .penalty = settings_.penalty};
    return [&blur, problem](const IteratedItem& item) {
      return bounded_gradients(blur, item, problem);
    };
  }
  Memory memory() const override { return {kBoundedGradientsGrids, 3}; }
  const char* objective() const override { return "|A x - y|^2, and the penalty"; }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(TikhonovMiller, "Tikhonov-Miller by conjugate gradients, and its ICTM");

}  // namespace pellucid
