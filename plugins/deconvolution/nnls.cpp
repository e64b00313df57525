// nnls: the least squares among all images without negative values.
//
//   x = argmin |A x - y|^2 over x >= 0
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//
//   The method is that of bounded_gradients.h: conjugate gradients of what the gradient has within
//   the bounds, each step projected on them [2, 3, 4]. It never increases the objective, and ends
//   in the conditions of Karush, Kuhn and Tucker: with g = A*(A x - y),
//     g = 0 where x > 0, and g >= 0 where x = 0.
//   This is the solution of Lawson and Hanson's NNLS [1], whose own method takes up one sample at a
//   time. The NNLS of other programs for microscopy is deconvolution/landweber with
//   `constraint: non_negative`, which tends to it, too, in many more iterations. With an upper
//   bound: deconvolution/bvls; with a penalty: deconvolution/tikhonov_miller.
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
//   Error        a sample or a tap is not finite, a kernel is 0 everywhere
//
// Accuracy  samples at 0 are 0 exactly. Where A hardly passes a frequency, as most blurs do, there
//           are many images with about the least objective; noise makes them differ.
// Cost      four real FFTs an iteration of an item, on the grid of gridded_blur.h, on the CPU; two
//           more where the step is projected, and two where it is made shorter. Memory: eight times
//           the item on that grid, and one transfer function a kernel. A kernel may be
//           larger than y.
//
// [1] C. L. Lawson, R. J. Hanson, Solving Least Squares Problems, 1974, chapter 23.
// [2] J. C. Gilbert, J. Nocedal, SIAM J. Optim. 2:21-42, 1992, doi:10.1137/0802003.
// [3] H. T. M. van der Voort, K. C. Strasters, J. Microsc. 178(2):165-181, 1995,
//     doi:10.1111/j.1365-2818.1995.tb03593.x.
// [4] P. H. Calamai, J. J. More, Math. Program. 39:93-116, 1987, doi:10.1007/BF02592073.

#include <pellucid/plugin.h>

#include "bounded_gradients.h"
#include "constraint.h"
#include "iterative_stage.h"
#include "least_squares.h"

namespace pellucid {
namespace {

class Nnls final : public IterativeStage {
 public:
  using Settings = Iterating;

  static const Schema<Settings>& schema() {
    static const auto rows = iterative_schema<Settings>();
    return rows;
  }

  explicit Nnls(const Settings& settings) : IterativeStage(settings) {}

 protected:
  MethodOf method_of(const GriddedBlur& blur, const Tensor& kernel, std::int64_t) const override {
    const BoundedProblem problem{.squared_norm = squared_norm_bound(blur, kernel),
                                 .allowed = interval_of(NonNegative{})};
    return [&blur, problem](const IteratedItem& item) {
      return bounded_gradients(blur, item, problem);
    };
  }
  Memory memory() const override { return {kBoundedGradientsGrids, 3}; }
  const char* objective() const override { return "|A x - y|^2"; }
};

}  // namespace

PELLUCID_COMPONENT(Nnls, "Non-negative least squares");

}  // namespace pellucid
