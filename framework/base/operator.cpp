// Operators: what callers use, made from what authors write.
#include <pellucid/operator.h>

#include <cmath>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/ops/where.h>
#include <torch/csrc/autograd/custom_function.h>

#include <pellucid/random.h>

namespace pellucid {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The recorded graph keeps a plain pointer: operators outlive the computations that use them.

template <class T>
void remember(AutogradContext* context, const T& object) {
  context->saved_data["object"] = reinterpret_cast<std::int64_t>(&object);
}

template <class T>
const T& remembered(AutogradContext* context) {
  return *reinterpret_cast<const T*>(context->saved_data["object"].toInt());
}

enum class Direction { forward, adjoint };

/// A linear map is its own derivative, so that this can be differentiated any number of times.
class LinearFunction final : public torch::autograd::Function<LinearFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const LinearOperator& a,
                        Direction direction) {
    remember(context, a);
    context->saved_data["adjoint"] = direction == Direction::adjoint;
    return direction == Direction::adjoint ? a.adjoint(x) : a.forward(x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const bool was_adjoint = context->saved_data["adjoint"].toBool();
    const auto& a = remembered<LinearOperator>(context);
    return {apply(gradients[0], a, was_adjoint ? Direction::forward : Direction::adjoint), {}, {}};
  }
};

/// J(x)^H v. Its own derivative is not known, and asking for it is an error rather than a zero.
class JacobianFunction final : public torch::autograd::Function<JacobianFunction> {
 public:
  static Tensor forward(AutogradContext*, const Tensor& x, const Tensor& v, const Operator& a) {
    return a.vjp(x, v);
  }

  static variable_list backward(AutogradContext*, const variable_list&) {
    throw Error("an operator that is not linear can be differentiated once only");
  }
};

class OperatorFunction final : public torch::autograd::Function<OperatorFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Operator& a) {
    remember(context, a);
    context->save_for_backward({x});
    return a.forward(x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor x = context->get_saved_variables()[0];
    return {JacobianFunction::apply(x, gradients[0], remembered<Operator>(context)), {}};
  }
};

bool is_recorded(const Tensor& x) { return at::GradMode::is_enabled() && x.requires_grad(); }

/// Re <a, b> of each item, kept as (items, 1, ...) to be multiplied with.
Tensor products(const Tensor& a, const Tensor& b) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 1; axis < a.dim(); ++axis) axes.push_back(axis);
  const Tensor product = a.is_complex() ? at::real(a.conj() * b) : a * b;
  return axes.empty() ? product : product.sum(axes, /*keepdim=*/true, at::kDouble);
}

Tensor scaled(const Tensor& x, const Tensor& factor) {
  return x * factor.to(c10::toRealValueType(x.scalar_type()));
}

}  // namespace

Spec Operator::domain(const Spec& y) const {
  const Spec onto = range(y);
  if (onto == y) return y;
  throw ConfigError("what the operator was applied to does not follow from its result (" +
                    y.text() + "); a setting of the operator must say it");
}

Tensor Operator::apply(const Tensor& x) const {
  if (!is_recorded(x)) {
    const at::NoGradGuard no_grad;
    return forward(x);
  }
  if (const auto* linear = dynamic_cast<const LinearOperator*>(this))
    return LinearFunction::apply(x, *linear, Direction::forward);
  return OperatorFunction::apply(x, *this);
}

std::optional<std::vector<std::int64_t>> Operator::halo(const Spec&) const { return std::nullopt; }
std::int64_t Operator::working_bytes(const Spec&) const { return 0; }

Tensor LinearOperator::vjp(const Tensor&, const Tensor& v) const { return adjoint(v); }

Tensor LinearOperator::apply_adjoint(const Tensor& y) const {
  if (is_recorded(y)) return LinearFunction::apply(y, *this, Direction::adjoint);
  const at::NoGradGuard no_grad;
  return adjoint(y);
}

double LinearOperator::norm(const Spec& x) const {
  require_floating(x);
  const at::NoGradGuard no_grad;
  // An item is not enough where each has a kernel, mask or coil of its own.
  std::vector<std::int64_t> items(static_cast<std::size_t>(x.items));
  std::iota(items.begin(), items.end(), 0);
  Tensor vector = Random(0, "norm", "start", items).normal(x.shape, x.dtype);
  Tensor largest;
  for (int iteration = 0; iteration < 30; ++iteration) {
    const Tensor length = products(vector, vector).sqrt();
    if (length.max().item<double>() == 0) return 0;
    vector = adjoint(forward(scaled(vector, length.clamp_min(1e-300).reciprocal())));
    largest = products(vector, vector).sqrt();
  }
  return std::sqrt(largest.max().item<double>());
}

Tensor LinearOperator::solve_normal(const Tensor& b, double weight, const Solve& how) const {
  const at::NoGradGuard no_grad;
  const auto normal = [&](const Tensor& x) { return adjoint(forward(x)) + weight * x; };
  Tensor x = how.start.defined() ? how.start.clone() : at::zeros_like(b);
  Tensor residual = how.start.defined() ? b - normal(x) : b;
  Tensor direction = residual;
  Tensor energy = products(residual, residual);
  const Tensor goal = products(b, b) * (how.tolerance * how.tolerance);
  for (std::int64_t iteration = 0; iteration < how.iterations; ++iteration) {
    // An item that is done stands still, so that it does not depend on the others of its block.
    Tensor active = energy > goal;
    if (!active.any().item<bool>()) break;
    const Tensor image = normal(direction);
    const Tensor curvature = products(direction, image);
    // What no x can reach is left as it is.
    active = active.logical_and(curvature > 0);
    if (!active.any().item<bool>()) break;
    const Tensor step = at::where(active, energy / curvature, 0.0);
    x = x + scaled(direction, step);
    residual = residual - scaled(image, step);
    const Tensor next = at::where(active, products(residual, residual), energy);
    direction = residual + scaled(direction, at::where(active, next / energy, 0.0));
    energy = next;
  }
  return x;
}

}  // namespace pellucid
