// total_variation: the x with few edges whose measurement is near y, by a primal-dual iteration.
//
//   x = argmin 1/2 |A x - y|^2 + weight TV(x)   within `bounds`, each item on its own
//   TV(x) = sum over pixels (sum over axes |x[n + 1] - x[n]|^2)^(1/2), 0 beyond the last sample;
//           each channel has its own, and of complex x moduli are taken
//   y: any axes; x: (..., h, w) or (..., z, y, x); both real or complex, as A takes them
//
//   Iterated with D the differences, u in the unit ball times weight at each pixel, and L the square
//   of |A| after 30 power iterations times max(1.69, 1 / (1 - 0.871 ln(n) / 29)), n numbers an item
//   of x, so that in practice it is not below |A|^2:
//     g = A*(A x - y) + D* u                      from u = 0
//     x' = within bounds(x - 4 / (3 L) g),   u' = in ball(u + L / (16 d) D(2 x' - x)),  d axes
//
// Inputs
//   y      measurements
//   A      how they were made
//   init   optional: where to start, one item or as many as y; zero without it. Where A cannot say
//          it, x has its spec.
// Outputs
//   x         estimate
//   history   a row for every `every` iterations of an item, and for its last: iteration,
//             objective, residual |A x - y|, gap
// Settings (keys in a pipeline file)
//   weight           of the total variation, in squared units of y over those of x, >= 0   required
//   bounds           none, or non_negative (of real x)                       default none
//   dimensions [1]   how many of the last axes are looked along, in [2, 3]   default 2
//   iterations [1]   at most, >= 1                                           default 300
//   tolerance [1]    an item is done where |x' - x| < tolerance |x'|, >= 0   default 1e-5
//   every [1]        iterations from one row of the history to the next, >= 1    default 10
//
// Errors
//   ConfigError  non_negative of complex x (while planning)
//   ShapeError   y and A do not fit, A needs an `init` to say what x is, or the last axes of x are
//                not spatial (while planning)
//   Error        a sample is not finite; the objective grows without end: A* is not the adjoint of
//                A, or L is below |A|^2 after all
//
// Accuracy  the objective is at most `gap` above the least one, as far as that is within |x| of x:
//             gap = weight TV(x) - Re <D x, u> + |g| |x|, of g only what the bounds leave free.
// Cost      A and A* once an iteration, and 30 times before the first for |A|; memory: with d
//           dimensions (8 + 5 d) times x and twice y. Sources: L. Condat, J. Optim. Theory Appl.
//           158(2):460-479, 2013, doi:10.1007/s10957-012-0245-9, algorithm 3.1; L. I. Rudin,
//           S. Osher, E. Fatemi, Physica D 60:259-268, 1992, doi:10.1016/0167-2789(92)90242-F.

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <pellucid/plugin.h>

#include "inverse_problem.h"

namespace pellucid {
namespace {

enum class Bounds { none, non_negative };

std::vector<std::pair<std::string, Bounds>> enumerators(Bounds) {
  return {{"none", Bounds::none}, {"non_negative", Bounds::non_negative}};
}

/// D x: along each of the last axes x[n + 1] - x[n], 0 at the end; (dimensions, shape of x...).
Tensor differences(const Tensor& x, std::int64_t dimensions) {
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.insert(shape.begin(), dimensions);
  Tensor all = at::zeros(shape, x.options());
  for (std::int64_t d = 0; d < dimensions; ++d) {
    const std::int64_t axis = d - dimensions, last = x.size(axis) - 1;
    at::Tensor part = all[d].narrow(axis, 0, last);
    at::sub_out(part, x.narrow(axis, 1, last), x.narrow(axis, 0, last));
  }
  return all;
}

/// D* u.
Tensor differences_adjoint(const Tensor& u) {
  Tensor sum = at::zeros(u.sizes().slice(1), u.options());
  for (std::int64_t d = 0; d < u.size(0); ++d) {
    const std::int64_t axis = d - u.size(0), last = sum.size(axis) - 1;
    sum.narrow(axis, 1, last).add_(u[d].narrow(axis, 0, last));
    sum.narrow(axis, 0, last).sub_(u[d].narrow(axis, 0, last));
  }
  return sum;
}

/// (sum over axes |u|^2)^(1/2), real, the shape of x.
Tensor length(const Tensor& u) {
  const Tensor parts = u.is_complex() ? at::view_as_real(u).square().sum(-1) : u.square();
  return parts.sum(0).sqrt_();
}

class TotalVariation final : public InverseProblem {
 public:
  struct Settings {
    double weight = 0;
    Bounds bounds = Bounds::none;
    std::int64_t dimensions = 2;
    std::int64_t iterations = 300;
    double tolerance = 1e-5;
    std::int64_t every = 10;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"weight", &Settings::weight, "", "of the total variation", at_least(0.0), required()},
        {"bounds", &Settings::bounds, "", "what x is kept within"},
        {"dimensions", &Settings::dimensions, "1", "how many of the last axes are looked along",
         within(2, 3)},
        {"iterations", &Settings::iterations, "1", "at most", at_least(1)},
        {"tolerance", &Settings::tolerance, "1",
         "an item is done where an iteration changes it by less, relative to it", at_least(0.0)},
        {"every", &Settings::every, "1", "iterations from one row of the history to the next",
         at_least(1)},
    };
    return rows;
  }

  explicit TotalVariation(Settings settings)
      : InverseProblem(settings.tolerance), settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    const Spec spec = spec_of_x(in);
    require_spatial(spec, settings_.dimensions);
    if (settings_.bounds == Bounds::non_negative && at::isComplexType(spec.dtype))
      throw ConfigError("bounds: non_negative needs a real x, got " + spec.text());
    out[x] = spec;
    out[history] = {in.spec(y).items, settings_.iterations / settings_.every + 2, columns()};
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const at::NoGradGuard no_grad;
    const Tensor& measured = finite(in, y);
    const LinearOperator& a = in[A];
    State state;
    state.x = bounded(start(in, a.adjoint(measured)));
    state.u = at::zeros_like(differences(state.x, settings_.dimensions));

    std::vector<double> steps, dual_steps;
    for (const double found : squared_norm_bounds(a, state.x)) {
      const double bound = found > 0 ? found : 1.0;  // L
      steps.push_back(4 / (3 * bound));
      // Converges where 1 / step - dual step |D|^2 >= L / 2, with |D|^2 <= 4 an axis.
      dual_steps.push_back(bound / (16 * double(settings_.dimensions)));
    }
    const Tensor step = as_factor(steps, state.x), dual_step = as_factor(dual_steps, state.x);

    std::vector<double> highest;
    std::vector<bool> active(steps.size(), true), done(steps.size(), false);
    RowsByItem rows(active.size(), columns());
    for (std::int64_t iteration = 0;; ++iteration) {
      context.stop_if_cancelled();
      context.progress(iteration, settings_.iterations);
      const bool last = iteration == settings_.iterations;
      state.residual = a.forward(state.x) - measured;
      state.gradient = a.adjoint(state.residual) + differences_adjoint(state.u);
      if (highest.empty()) highest = ceiling(state, measured);
      bool any = false;
      for (std::size_t i = 0; i < active.size(); ++i) {
        if (!active[i]) continue;
        active[i] = !last && !done[i];
        any = any || active[i];
        if (active[i] && iteration % settings_.every != 0) continue;
        const std::int64_t item = in.item(std::int64_t(i));
        const Progress progress = progress_of(state, std::int64_t(i));
        if (!(progress.objective <= highest[i]))
          throw Error("the objective of item " + std::to_string(item) + " grew to " +
                      std::to_string(progress.objective) + " in iteration " +
                      std::to_string(iteration) +
                      "; the adjoint of A is not the adjoint of A, or power iterations found too "
                      "small a norm of A; check A with 'pellucid test-plugin'");
        rows[i].add(item, {iteration, progress.objective, progress.residual, progress.gap});
      }
      if (!any) break;

      const Tensor moved = bounded(state.x - state.gradient * step);
      const Tensor ahead = differences(2 * moved - state.x, settings_.dimensions);
      const Tensor pushed = in_ball(state.u + ahead * dual_step);
      const Tensor change = moved - state.x;
      const std::vector<double> changes = products(change, change), sizes = products(moved, moved);
      for (std::size_t i = 0; i < active.size(); ++i) {
        if (!active[i]) continue;
        // The first iteration knows nothing of the variation yet: from the solution without one it
        // does not move.
        done[i] =
            iteration > 0 && changes[i] <= settings_.tolerance * settings_.tolerance * sizes[i];
        // An item that is done stands still, so that it does not depend on the others of its block.
        const auto item = std::int64_t(i);
        state.x[item].copy_(moved[item]);
        state.u.select(1, item).copy_(pushed.select(1, item));
      }
    }
    out[x] = state.x;
    out[history] = rows.joined();
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec spec = spec_of_x(in);
    return (7 + 5 * settings_.dimensions) * spec.bytes() + 2 * in.spec(y).bytes() +
           in[A].working_bytes(spec);
  }

 private:
  struct State {
    Tensor x;
    Tensor u;         // dual variables of the differences, (dimensions, shape of x...)
    Tensor residual;  // A x - y
    Tensor gradient;  // A*(A x - y) + D* u
  };

  struct Progress {
    double objective;
    double residual;
    double gap;
  };

  static std::vector<Column> columns() {
    return {{"iteration", Column::Type::integer, "1", 0, "0 is the start"},
            {"objective", Column::Type::real, "", 0, "1/2 |A x - y|^2 + weight TV(x)"},
            {"residual", Column::Type::real, "", 0, "|A x - y|"},
            {"gap", Column::Type::real, "", 0, "how far the objective may be above the least"}};
  }

  Tensor bounded(const Tensor& x) const {
    return settings_.bounds == Bounds::non_negative ? x.clamp_min(0) : x;
  }

  Tensor in_ball(const Tensor& u) const {
    if (settings_.weight == 0) return at::zeros_like(u);
    return u / (length(u) / settings_.weight).clamp_min_(1);
  }

  Progress progress_of(const State& state, std::int64_t item) const {
    const auto norm = [](const Tensor& t) {
      return std::sqrt(products(t.unsqueeze(0), t.unsqueeze(0))[0]);
    };
    const Tensor x = state.x[item], u = state.u.select(1, item), g = state.gradient[item];
    const Tensor d = differences(x, settings_.dimensions);
    const double residual = norm(state.residual[item]);
    const double variation = settings_.weight * length(d).sum(at::kDouble).item<double>();
    double gap = variation - products(d.unsqueeze(0), u.unsqueeze(0))[0];
    if (settings_.bounds == Bounds::non_negative)
      gap += (g.clamp_min(0) * x).sum(at::kDouble).item<double>() + norm(g.clamp_max(0)) * norm(x);
    else gap += norm(g) * norm(x);
    return {residual * residual / 2 + variation, residual, gap};
  }

  /// What no item's objective exceeds that converges: it may grow at first, but not without end.
  std::vector<double> ceiling(const State& state, const Tensor& measured) const {
    std::vector<double> sums = products(measured, measured);
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] = 100 * std::max(sums[i], progress_of(state, std::int64_t(i)).objective);
    return sums;
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(TotalVariation, "Least squares with few edges, for any linear operator");

}  // namespace pellucid
