// van_cittert: adds to the estimate what its blurred image lacks of the measurement.
//
//   x' = P(x + r (y - A x))
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//
//   r is `relaxation`; P takes each sample to the nearest value that `constraint` allows. It needs
//   neither A* nor anything else of A. Without a constraint it converges where |1 - r H| < 1 for
//   every frequency that y holds, H the transfer function of A [1, 2]: for a Gaussian of sum 1 with
//   r below 2, never for one whose H has negative values, as those of a box, a disk or a motion.
//   Then x grows without end, at such frequencies first, and is reported once |A x - y| has grown
//   to 100 times the larger of |y| and its first value. Take landweber for a blur that you know
//   little of.
//
// Inputs
//   y           blurred images
//   A           the blur; its boundary must not be valid, as y and x must be of the same sizes
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
//   relaxation [1]   r, > 0                                                     default 1
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
//   ConfigError  the boundary of A is valid; lower is not below upper (while planning)
//   Error        a sample or a tap is not finite, a kernel is 0 everywhere, the iteration diverges
//
// Accuracy  that of the dtype. Where A is circular, and the iteration converges, the objective
//           |A x - y|^2 falls in each.
// Cost      two real FFTs an iteration of an item, on the grid of gridded_blur.h, on the CPU.
//           Memory: three times the item on that grid, and one transfer function a kernel. A kernel
//           may be larger than y.
//
// [1] P. H. van Cittert, Z. Phys. 69:298-308, 1931, doi:10.1007/BF01391351.
// [2] P. A. Jansson (ed.), Deconvolution of Images and Spectra, 2nd edition, 1997, chapter 4.

#include <pellucid/plugin.h>

#include "constraint.h"
#include "fixed_steps.h"
#include "iterative_stage.h"

namespace pellucid {
namespace {

class VanCittert final : public IterativeStage {
 public:
  struct Settings : Iterating {
    double relaxation = 1;
    AllowedValues constraint;
  };

  static const Schema<Settings>& schema() {
    using Row = Schema<Settings>::Row;
    static const auto rows = iterative_schema<Settings>(
        Row{"relaxation", &Settings::relaxation, "1", "how much of y - A x is added", positive()},
        Row{"constraint", &Settings::constraint, "", "which values x may have"});
    return rows;
  }

  explicit VanCittert(Settings settings) : IterativeStage(settings), settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    interval_of(settings_.constraint);
    require_boundary(in[A],
                     {Boundary::circular, Boundary::reflect, Boundary::replicate, Boundary::zero});
    IterativeStage::infer(in, out);
  }

 protected:
  MethodOf method_of(const GriddedBlur& blur, const Tensor&, std::int64_t) const override {
    return [this, &blur](const IteratedItem& item) {
      return fixed_steps(blur, item, settings_.relaxation, Direction::residual,
                         interval_of(settings_.constraint));
    };
  }
  Memory memory() const override { return {kFixedStepsGrids, 0}; }
  const char* objective() const override { return "|A x - y|^2"; }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(VanCittert, "Van Cittert iteration: adds the residual");

}  // namespace pellucid
