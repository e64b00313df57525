// The laws of operators, functionals and priors.

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <pellucid/operator.h>
#include <pellucid/prior.h>
#include <pellucid/testing.h>

#include "conformance/check.h"

namespace pellucid::conformance {
namespace {

/// What rounding may add up to, for the precision that the laws are tried in.
struct Precision {
  double linear;    ///< of sums and products
  double gradient;  ///< of finite differences
};
Precision precision_of(at::ScalarType dtype) {
  return c10::toRealValueType(dtype) == at::kDouble ? Precision{1e-9, 1e-5} : Precision{1e-4, 0.05};
}

/// The case in single or double precision; empty where the component refuses that.
std::optional<Case> in_precision(const Tested& tested, const Case& of, at::ScalarType real) {
  Case one = of;
  for (Inputs::Edge* edge : one.tensors()) {
    Spec spec = tensor_spec(*edge);
    if (!at::isFloatingType(spec.dtype) && !at::isComplexType(spec.dtype)) continue;
    spec.dtype = at::isComplexType(spec.dtype) ? at::toComplexType(real) : real;
    *edge = with_spec(*edge, spec);
  }
  try {
    const Instance planned(*tested.component, one, /*only_planned=*/true);
    return one;
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Laws are tried in double precision where the component takes that; those that are cheap and hold
/// to rounding in single precision as well.
enum class Precisions { twice, both };

/// Calls `verify` with a prepared object and the spec of what it is applied to.
template <class T>
Verdict for_each_object(const Tested& tested, const std::string& otherwise,
                        const std::function<Verdict(const T&, const Spec&)>& verify,
                        Precisions precisions = Precisions::twice) {
  const auto tried = [&](const Case& one) -> Verdict {
    const Instance instance(*tested.component, one);
    const auto* object = dynamic_cast<const T*>(instance.component().get());
    if (!object) return not_applicable(otherwise);
    const at::NoGradGuard no_grad;
    return verify(*object, tensor_spec(*one.argument));
  };
  return for_each_case(tested, [&](const Case& of) -> Verdict {
    if (!is_object(tested.component->kind)) return not_applicable(otherwise);
    const std::optional<Case> twice = in_precision(tested, of, at::kDouble);
    const Verdict verdict = tried(twice.value_or(of));
    if (verdict.state != Verdict::State::pass || precisions == Precisions::twice || !twice)
      return verdict;
    const std::optional<Case> single = in_precision(tested, of, at::kFloat);
    return single ? tried(*single) : verdict;
  });
}

std::vector<std::int64_t> whole_shape(const Spec& spec) {
  std::vector<std::int64_t> shape{spec.items};
  shape.insert(shape.end(), spec.shape.begin(), spec.shape.end());
  return shape;
}

double length_of(const Tensor& tensor) { return tensor.norm().to(at::kDouble).item<double>(); }

/// As the one for tests, also along the gradient itself: a wrong gradient has next to nothing along
/// random directions, which are at right angles to it, so that single precision hides it.
double gradient_gap(const std::function<Tensor(const Tensor&)>& value,
                    const std::function<Tensor(const Tensor&)>& gradient, const Tensor& x) {
  const double drawn = testing::gradient_gap(value, gradient, x);
  const Tensor slope = gradient(x);
  const double length = length_of(slope);
  if (!(length > 0)) return drawn;
  const double step = std::cbrt(std::numeric_limits<double>::epsilon()) * (1 + length_of(x));
  const Tensor way = (slope * (step / length)).to(x.scalar_type());
  const double difference =
      (value(x + way).to(at::kDouble).sum() - value(x - way).to(at::kDouble).sum()).item<double>() /
      (2 * step);
  const double along = std::abs(difference - length) / length;
  return along <= drawn || std::isnan(drawn) ? drawn : along;
}

/// |<A e, A e> - <e, A* A e>| / |A* A e| for unit impulses e at the first and the last sample, where
/// borders are, which weigh little in what is drawn. An impulse is the same in all items.
double impulse_gap(const LinearOperator& a, const Spec& x) {
  double largest = 0;
  const Tensor zero = at::zeros(whole_shape(x), at::TensorOptions().dtype(x.dtype));
  const std::int64_t samples = zero.numel() / std::max<std::int64_t>(x.items, 1);
  for (const std::int64_t sample : {std::int64_t{0}, samples - 1}) {
    if (zero.numel() == 0) break;
    Tensor impulse = zero.clone();
    impulse.view({x.items, samples}).select(1, sample).fill_(1);
    const Tensor image = a.forward(impulse);
    const Tensor back = a.adjoint(image);
    const double energy = std::pow(length_of(image), 2);
    const Tensor at_sample = back.reshape({x.items, samples}).select(1, sample).sum();
    const double product = at::real(at_sample).to(at::kDouble).item<double>();
    const double scale = length_of(back) * std::sqrt(static_cast<double>(x.items));
    if (energy > 0 || scale > 0)
      largest = std::max(largest, std::abs(energy - product) / std::max(energy, scale));
  }
  return largest;
}

/// <J d, v> against <d, J* v>, J d by central differences.
double vjp_gap(const Operator& a, const Spec& spec) {
  const Tensor x = normal_like(spec, "x");
  const Tensor v = normal_like(a.range(spec), "v");
  const auto value = [&](const Tensor& at_x) {
    const Tensor product = a.forward(at_x) * v.conj();
    return product.is_complex() ? at::real(product) : product;
  };
  return gradient_gap(
      value, [&](const Tensor& at_x) { return a.vjp(at_x, v); }, x);
}

/// A function of the latents and its gradient by autograd.
double autograd_gap(const std::function<Tensor(const Tensor&)>& value, const Tensor& x) {
  const auto gradient = [&](const Tensor& at_x) {
    const at::AutoGradMode recorded(true);
    const Tensor leaf = at_x.detach().clone().set_requires_grad(true);
    value(leaf).sum().backward();
    const Tensor slope = leaf.grad();
    return slope.defined() ? slope : at::zeros_like(leaf);
  };
  return gradient_gap(value, gradient, x);
}

Verdict gradient_of_prior(const LatentPrior& prior, const Spec& x, double bound) {
  std::vector<Tensor> latents;
  for (const Latent& latent : prior.latents(x)) {
    Spec spec = latent.spec;
    spec.items = x.items;
    latents.push_back(normal_like(spec, latent.name));
  }
  for (std::size_t i = 0; i < latents.size(); ++i) {
    const auto with = [&](const Tensor& one) {
      std::vector<Tensor> all = latents;
      all[i] = one;
      return all;
    };
    const double energy =
        autograd_gap([&](const Tensor& one) { return prior.energy(with(one)); }, latents[i]);
    if (!(energy <= bound))
      return failed("the gradient of 'energy' must agree with finite differences, and is off by " +
                    number(energy) + " of its length");
    const std::vector<std::int64_t> size = last_sizes(x.shape, 2);
    const Tensor v = normal_like(x, "v");
    const double decoded = autograd_gap(
        [&](const Tensor& one) { return prior.decode(with(one), size) * v; }, latents[i]);
    if (!(decoded <= bound))
      return failed("the gradient of 'decode' must agree with finite differences, and is off by " +
                    number(decoded) + " of its length");
  }
  return {};
}

}  // namespace

Verdict check_adjoint(const Tested& tested) {
  return for_each_object<LinearOperator>(
      tested, "it is no linear operator",
      [](const LinearOperator& a, const Spec& x) -> Verdict {
        const double gap = testing::adjoint_gap(a, whole_shape(x), x.dtype);
        if (!(gap <= precision_of(x.dtype).linear))
          return failed("<A x, y> and <x, A* y> must agree to rounding, and differ by " +
                        number(gap) + " of |A x| |y|");
        const double border = impulse_gap(a, x);
        if (border <= precision_of(x.dtype).linear) return {};
        return failed(
            "<A e, A e> and <e, A* A e> must agree to rounding for an impulse e at a "
            "corner, and differ by " +
            number(border) + " of |A* A e|");
      },
      Precisions::both);
}

Verdict check_linearity(const Tested& tested) {
  return for_each_object<LinearOperator>(
      tested, "it is no linear operator",
      [](const LinearOperator& a, const Spec& x) -> Verdict {
        const double gap = testing::linearity_gap(a, whole_shape(x), x.dtype);
        if (gap <= precision_of(x.dtype).linear) return {};
        return failed("A (1.7 x - 0.6 z) must be 1.7 A x - 0.6 A z, and differs by " + number(gap) +
                      " of its length");
      },
      Precisions::both);
}

Verdict check_gradient(const Tested& tested) {
  return for_each_object<Object>(
      tested, "it has no derivative", [](const Object& object, const Spec& spec) -> Verdict {
        const double bound = precision_of(spec.dtype).gradient;
        double gap = 0;
        if (dynamic_cast<const LinearOperator*>(&object))
          return not_applicable("the derivative of a linear operator is its adjoint");
        if (const auto* a = dynamic_cast<const Operator*>(&object)) {
          gap = vjp_gap(*a, spec);
        } else if (const auto* g = dynamic_cast<const Functional*>(&object)) {
          if (!g->has_gradient() || !g->has_value()) return not_applicable("it has no gradient");
          gap =
              gradient_gap([&](const Tensor& x) { return g->value(x); },
                           [&](const Tensor& x) { return g->gradient(x); }, normal_like(spec, "x"));
        } else if (const auto* prior = dynamic_cast<const LatentPrior*>(&object)) {
          return gradient_of_prior(*prior, spec, bound);
        } else {
          return not_applicable("it has no derivative");
        }
        if (gap <= bound) return {};
        return failed("the gradient must agree with finite differences, and is off by " +
                      number(gap) + " of its length");
      });
}

Verdict check_norm(const Tested& tested) {
  return for_each_object<LinearOperator>(
      tested, "it is no linear operator", [](const LinearOperator& a, const Spec& x) -> Verdict {
        const double declared = a.norm(x);
        Tensor vector = normal_like(x, "start");
        double largest = 0;
        for (int iteration = 0; iteration < 100; ++iteration) {
          const Tensor lengths = vector.flatten(1).norm(2, {1}, /*keepdim=*/true).clamp_min(1e-300);
          std::vector<std::int64_t> shape(static_cast<std::size_t>(vector.dim()), 1);
          shape[0] = vector.size(0);
          const Tensor image = a.forward(vector / lengths.view(shape));
          largest = image.flatten(1).norm(2, {1}).max().item<double>();
          vector = a.adjoint(image);
        }
        // Callers take 1.3 times the norm where they need an upper bound.
        if (largest <= 1.3 * declared && declared <= 1.1 * largest + 1e-12) return {};
        return failed("norm() must be the largest singular value, " + number(largest) +
                      " by 100 power iterations, and is " + number(declared));
      });
}

Verdict check_solve(const Tested& tested) {
  return for_each_object<LinearOperator>(
      tested, "it is no linear operator", [](const LinearOperator& a, const Spec& x) -> Verdict {
        const double norm = a.norm(x);
        const double weight = norm > 0 ? 0.1 * norm * norm : 1;
        const Tensor b = normal_like(x, "b");
        const Tensor solution = a.solve_normal(b, weight);
        const Tensor residual = a.adjoint(a.forward(solution)) + weight * solution - b;
        const double gap = (residual.norm() / b.norm()).to(at::kDouble).item<double>();
        if (gap <= 1e-4) return {};
        return failed("(A* A + " + number(weight) + ") x must be b, and differs by " + number(gap) +
                      " of its length");
      });
}

Verdict check_prox(const Tested& tested) {
  return for_each_object<Functional>(
      tested, "it has no prox", [](const Functional& g, const Spec& spec) -> Verdict {
        if (!g.has_prox() || !g.has_value()) return not_applicable("it has no prox");
        for (const double step : {0.1, 1.0}) {
          const double gap = testing::prox_gap(g, normal_like(spec, "x"), step);
          if (!(gap <= (spec.dtype == at::kDouble ? 1e-9 : 1e-4)))
            return failed("prox(x, " + number(step) +
                          ") must minimise g(u) + |u - x|^2 / (2 step); " +
                          "a point nearby is lower by " + number(gap) + " of its value");
        }
        return {};
      });
}

}  // namespace pellucid::conformance
