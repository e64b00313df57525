// least_squares: the x whose measurement is nearest to y, by conjugate gradients.
//
//   x = argmin 1/2 |A x - y|^2 + weight/2 |x|^2    each item on its own
//   y, x: any axes, real or complex, as A takes them
//
//   Without a weight, of all x that are equally near the one nearest to the start is found; few
//   iterations then keep noise out of what A hardly shows.
//
// Inputs
//   y      measurements
//   A      how they were made
//   init   optional: where to start, one item or as many as y; zero without it. Where A cannot say
//          it, x has its spec.
// Outputs
//   x         estimate
//   history   a row for every `every` iterations of an item, and for its last: iteration,
//             objective, residual |A x - y|, gradient |A*(y - A x) - weight x| / |A* y|
// Settings (keys in a pipeline file)
//   weight           of 1/2 |x|^2, in squared units of y over those of x, >= 0   default 0
//   iterations [1]   at most, >= 1                                           default 50
//   tolerance [1]    an item is done where its gradient is below, >= 0       default 1e-5
//   every [1]        iterations from one row of the history to the next, >= 1    default 1
//
// Errors
//   ShapeError   y and A do not fit, or A needs an `init` to say what x is (while planning)
//   Error        a sample is not finite; the objective grows, so A* is not the adjoint of A
//
// Accuracy  the normal equations are never formed, which keeps half of the digits that they lose.
// Cost      A and A* once an iteration; memory: five times x and three times y. Source: C. C. Paige,
//           M. A. Saunders, ACM Trans. Math. Softw. 8(1):43-71, 1982, doi:10.1145/355984.355989,
//           section 7.1 (CGLS).

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <pellucid/plugin.h>

#include "inverse_problem.h"

namespace pellucid {
namespace {

class LeastSquares final : public InverseProblem {
 public:
  struct Settings {
    double weight = 0;
    std::int64_t iterations = 50;
    double tolerance = 1e-5;
    std::int64_t every = 1;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"weight", &Settings::weight, "", "of 1/2 |x|^2", at_least(0.0)},
        {"iterations", &Settings::iterations, "1", "at most", at_least(1)},
        {"tolerance", &Settings::tolerance, "1", "an item is done where its gradient is below",
         at_least(0.0)},
        {"every", &Settings::every, "1", "iterations from one row of the history to the next",
         at_least(1)},
    };
    return rows;
  }

  explicit LeastSquares(Settings settings)
      : InverseProblem(settings.tolerance), settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    out[x] = spec_of_x(in);
    out[history] = {in.spec(y).items, settings_.iterations / settings_.every + 2, columns()};
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const at::NoGradGuard no_grad;
    const Tensor& measured = finite(in, y);
    const LinearOperator& a = in[A];
    const double weight = settings_.weight;
    const Tensor back = a.adjoint(measured);
    Tensor estimate = start(in, back);
    Tensor residual = in.has(init) ? measured - a.forward(estimate) : measured;
    Tensor slope = at::sub(a.adjoint(residual), estimate, weight);
    Tensor direction = slope;
    std::vector<double> energy = products(slope, slope);
    const std::vector<double> scale = products(back, back);
    const std::vector<double> first = objectives(residual, estimate);
    const std::vector<double> plain = objectives(measured, at::zeros_like(back));

    std::vector<bool> active(energy.size(), true);
    RowsByItem rows(active.size(), columns());
    for (std::int64_t iteration = 0;; ++iteration) {
      context.stop_if_cancelled();
      context.progress(iteration, settings_.iterations);
      const bool last = iteration == settings_.iterations;
      const std::vector<double> objective = objectives(residual, estimate);
      const std::vector<double> distance = products(residual, residual);
      bool any = false;
      for (std::size_t i = 0; i < active.size(); ++i) {
        if (!active[i]) continue;
        // In exact arithmetic the objective never grows.
        if (!(objective[i] <= 1.1 * std::max(first[i], plain[i])))
          throw Error("the objective of item " + std::to_string(in.item(std::int64_t(i))) +
                      " grew to " + std::to_string(objective[i]) + " in iteration " +
                      std::to_string(iteration) + ", from " + std::to_string(first[i]) +
                      "; the adjoint of A is not the adjoint of A");
        const double goal = settings_.tolerance * settings_.tolerance * scale[i];
        active[i] = !last && energy[i] > goal;
        if (!active[i] || iteration % settings_.every == 0)
          rows[i].add(in.item(std::int64_t(i)),
                      {iteration, objective[i], std::sqrt(distance[i]),
                       std::sqrt(energy[i] / (scale[i] > 0 ? scale[i] : 1))});
        any = any || active[i];
      }
      if (!any) break;

      // An item that is done stands still, so that it does not depend on the others of its block.
      const Tensor image = a.forward(direction);
      const std::vector<double> images = products(image, image);
      const std::vector<double> lengths = products(direction, direction);
      std::vector<double> steps(active.size(), 0.0);
      for (std::size_t i = 0; i < active.size(); ++i)
        if (active[i]) steps[i] = energy[i] / (images[i] + weight * lengths[i]);
      estimate = estimate + direction * as_factor(steps, direction);
      residual = residual - image * as_factor(steps, image);
      slope = at::sub(a.adjoint(residual), estimate, weight);
      const std::vector<double> next = products(slope, slope);
      std::vector<double> shares(active.size(), 0.0);
      for (std::size_t i = 0; i < active.size(); ++i) {
        if (!active[i]) continue;
        shares[i] = next[i] / energy[i];
        energy[i] = next[i];
      }
      direction = slope + direction * as_factor(shares, direction);
    }
    out[x] = estimate;
    out[history] = rows.joined();
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec spec = spec_of_x(in);
    return 4 * spec.bytes() + 3 * in.spec(y).bytes() + in[A].working_bytes(spec);
  }

 private:
  static std::vector<Column> columns() {
    return {{"iteration", Column::Type::integer, "1", 0, "0 is the start"},
            {"objective", Column::Type::real, "", 0, "1/2 |A x - y|^2 + weight/2 |x|^2"},
            {"residual", Column::Type::real, "", 0, "|A x - y|"},
            {"gradient", Column::Type::real, "1", 0, "relative to |A* y|"}};
  }

  std::vector<double> objectives(const Tensor& residual, const Tensor& estimate) const {
    std::vector<double> sums = products(residual, residual);
    const std::vector<double> lengths = products(estimate, estimate);
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] = (sums[i] + settings_.weight * lengths[i]) / 2;
    return sums;
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(LeastSquares, "Least squares by conjugate gradients, for any linear operator");

}  // namespace pellucid
