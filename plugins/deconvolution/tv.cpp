// tv: the image of least squares with few edges, found with the Fourier transform of its blur.
//
//   x = argmin 1/2 |A x - y|^2 + weight TV(x)    within `constraint`, each item on its own
//   TV(x) = sum over samples (sum over axes (x[n + 1] - x[n])^2 / spacing^2)^(1/2), 0 beyond the last
//           sample; each channel has its own
//   y, x: (..., h, w) or (..., z, y, x), real, same unit
//
//   solvers/total_variation finds the same for any linear operator.
//
//   admm          alternating directions of multipliers, whose linear system is diagonal on the grid of
//                 gridded_blur.h [1, 2]: y where it is measured, the constraint, and what the boundary of
//                 A says of x beyond its window are variables of their own. Gets near in few iterations;
//                 objective and residual are those of its x on the grid, which keeps to the constraint
//                 and to the boundaries zero, reflect and replicate only in the end
//   primal_dual   x' = C(x - t (A*(A x - y) + D* u)), u' = in ball(u + s D(2 x' - x)), C the nearest
//                 allowed values [3]. Every x is allowed; less memory
//   Steps and penalties: tv_methods.h.
//
// Inputs
//   y           blurred images
//   A           the blur
//   init        optional: where to start, spec of x, one item or as many as y, such as that of
//               deconvolution/wiener
//   reference   optional: the truth, spec of x, one item or as many as y; gives the history a psnr
// Outputs
//   x         estimate, spec of what A takes
//   history   a row for every `every` iterations of an item, and for its last: iteration, objective,
//             residual |A x - y|, psnr of x [dB] with a reference (range: of its values), stopped: in
//             the last row of an item, the rule that ended it
// Settings (keys in a pipeline file)
//   iterations [1]   at most, >= 1                                              default 50
//   weight           of the total variation, unit of y, >= 0                    required
//   solver           admm, or primal_dual                                       default admm
//   spacing          of the samples along each axis that A convolves, in any unit: a list of lengths,
//                    > 0; empty: all 1; weight counts for a length of 1         default none given
//   constraint       which values x may have; none: any; non_negative: none below 0; bounds: lower,
//                    unit of y, default 0; upper, unit of y, required            default none
//   start            where to begin without init: constant, the one that gives an image its flux,
//                    sum(y) / sum(A* 1); data: y, its border samples repeated beyond it; zero
//                    default constant
//   stop             when an item is done sooner, for any of these reasons;
//                    tolerance [1] an iteration changes x by less, relative to x, >= 0, default 0
//                    (never); noise, standard deviation of y, > 0: the residual is tau times that of so
//                    much noise (discrepancy principle); tau [1], > 0, default 1; whiteness [1], in
//                    [0, 1]: the residual's cumulative periodogram lies above that of white noise by
//                    less, looked at with each row of the history; time [s] of an item, > 0: what is
//                    found then depends on the machine
//   every [1]        iterations from one row of the history to the next, >= 1   default 10
//
// Errors
//   ShapeError   y is not real, does not have the axes that A convolves, or init or reference are not
//                as x (while planning)
//   ConfigError  lower is not below upper; `spacing` has other than one entry for each axis that A
//                convolves (while planning)
//   Error        a sample or a tap is not finite, a kernel is 0 everywhere
//
// Cost      four real FFTs an iteration of an item, on the grid of gridded_blur.h, on the CPU; two for
//           admm with a circular A. Memory with d axes: primal_dual 4 + d times the item on that grid,
//           admm 11 + d. A kernel may be larger than y.
//
// [1] Y. Wang et al., SIAM J. Imaging Sci. 1(3):248-272, 2008, doi:10.1137/080724265.
// [2] M. S. C. Almeida, M. A. T. Figueiredo, IEEE Trans. Image Process. 22(8):3074-3086, 2013,
//     doi:10.1109/TIP.2013.2258354.
// [3] L. Condat, J. Optim. Theory Appl. 158(2):460-479, 2013, doi:10.1007/s10957-012-0245-9.
//     Total variation: L. I. Rudin, S. Osher, E. Fatemi, Physica D 60:259-268, 1992,
//     doi:10.1016/0167-2789(92)90242-F.

#include <algorithm>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "constraint.h"
#include "iterative_stage.h"
#include "least_squares.h"
#include "tv_methods.h"

namespace pellucid {
namespace {

enum class TvSolver { admm, primal_dual };

std::vector<std::pair<std::string, TvSolver>> enumerators(TvSolver) {
  return {{"admm", TvSolver::admm}, {"primal_dual", TvSolver::primal_dual}};
}

class Tv final : public IterativeStage {
 public:
  struct Settings : Iterating {
    double weight = 0;
    TvSolver solver = TvSolver::admm;
    std::vector<double> spacing;
    AllowedValues constraint;
  };

  static const Schema<Settings>& schema() {
    using Row = Schema<Settings>::Row;
    static const auto rows = iterative_schema<Settings>(
        Row{"weight", &Settings::weight, "", "of the total variation, unit of y", at_least(0.0),
            required()},
        Row{"solver", &Settings::solver, "", "how it is found"},
        Row{"spacing", &Settings::spacing, "", "of the samples along each axis; empty: all 1",
            positive()},
        Row{"constraint", &Settings::constraint, "", "which values x may have"});
    return rows;
  }

  explicit Tv(const Settings& settings) : IterativeStage(settings), settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    interval_of(settings_.constraint);
    const std::size_t axes = in[A].kernel_size().size();
    if (!settings_.spacing.empty() && settings_.spacing.size() != axes)
      throw ConfigError("'spacing' must have one length for each axis that A convolves, " +
                        std::to_string(axes) + ", got " + std::to_string(settings_.spacing.size()));
    IterativeStage::infer(in, out);
  }

  void prepare(const Inputs& in, Context& context) override {
    IterativeStage::prepare(in, context);
    if (settings_.solver != TvSolver::admm || !in.find(y.name) || !in.find(A.name)) return;
    const std::size_t axes = in[A].kernel_size().size();
    const BlurGrid grid(in[A], last_sizes(in.spec(y).shape, axes));
    RealFft(grid.sizes, in.spec(y).dtype);  // plans it
  }

 protected:
  MethodOf method_of(const GriddedBlur& blur, const Tensor& kernel, std::int64_t) const override {
    const std::size_t axes = blur.grid().sizes.size();
    TvProblem problem{
        settings_.weight, {}, interval_of(settings_.constraint), squared_norm_bound(blur, kernel)};
    for (std::size_t a = 0; a < axes; ++a)
      problem.scale[3 - axes + a] = settings_.spacing.empty() ? 1 : 1 / settings_.spacing[a];
    const bool split = settings_.solver == TvSolver::admm;
    return [&blur, kernel, problem, split](const IteratedItem& item) {
      return split ? tv_by_admm(blur, kernel, item, problem)
                   : tv_by_primal_dual(blur, item, problem);
    };
  }
  Memory memory() const override {
    if (settings_.solver == TvSolver::primal_dual) return {7, 3};
    return {14, 6};
  }
  const char* objective() const override { return "1/2 |A x - y|^2 + weight TV(x)"; }

 private:
  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Tv, "Least squares with few edges, for blurs: total variation");

}  // namespace pellucid
