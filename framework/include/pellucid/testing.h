// testing: the laws that components must obey, for tests of your own plugins and of ours.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/component.h>
#include <pellucid/operator.h>
#include <pellucid/prior.h>
#include <pellucid/value.h>

namespace pellucid::testing {

/// Settings as in a pipeline file: {{"sigma", 1.5}, {"penalty", "laplacian"}}.
using Settings = std::vector<Value::Entry>;

/// Loads a component through the registry, `use` as in a pipeline ("operators/convolution"), from
/// the plugin search path. Places in messages are "test.yaml:1:1". Throws what the pipeline would
/// report.
PELLUCID_EXPORT std::shared_ptr<Component> load_component(const std::string& use,
                                                          const Settings& settings = {});

/// One input of a component under test: a tensor (items, shape...) with its axes, an object, or a
/// table. Without axes a tensor is an image "hw" or "chw" or a volume "czyx", by its dimensions.
struct Given {
  std::string port;
  Tensor tensor = {};
  std::string axes = {};
  std::shared_ptr<const Component> object = {};
  std::optional<Table> table = {};
};

namespace detail {
PELLUCID_EXPORT std::shared_ptr<const Component> load_object(const std::string& use,
                                                             const Settings& settings,
                                                             const std::vector<Given>& inputs,
                                                             PortType wanted);
}

/// An object (operator, prior, denoiser, functional, model), bound and prepared. Throws ConfigError
/// where `use` is of another kind.
template <class T>
std::shared_ptr<const T> load_object(const std::string& use, const Settings& settings = {},
                                     const std::vector<Given>& inputs = {}) {
  return std::dynamic_pointer_cast<const T>(
      detail::load_object(use, settings, inputs, port_type_of<T>()));
}
inline std::shared_ptr<const Operator> load_operator(const std::string& use,
                                                     const Settings& settings = {},
                                                     const std::vector<Given>& inputs = {}) {
  return load_object<Operator>(use, settings, inputs);
}
inline std::shared_ptr<const LinearOperator> load_linear_operator(
    const std::string& use, const Settings& settings = {}, const std::vector<Given>& inputs = {}) {
  return load_object<LinearOperator>(use, settings, inputs);
}

/// Infers, runs a stage on whole tensors as one block of items `first` ..., and checks what it gave
/// against what it inferred. Throws ShapeError for an output that is missing, a tensor of another
/// shape or dtype, a table with other columns, more rows or other items.
PELLUCID_EXPORT Outputs run_stage(const std::string& use, const Settings& settings,
                                  const std::vector<Given>& inputs, std::int64_t first = 0,
                                  std::int64_t count = -1);

/// A context for tests: CPU, `seed`, node name "test", nothing shown.
PELLUCID_EXPORT std::unique_ptr<Context> context(std::uint64_t seed = 1,
                                                 std::vector<std::int64_t> items = {0});

/// |<A x, y> - <x, A* y>| / (|A x| |y|) for Gaussian x, y of the dtype (default double); about
/// 1e-16 when `adjoint` is right. Dividing by the norms, not by the products, keeps it meaningful
/// when the two products happen to be near zero. `shape` is (items, shape of x...).
PELLUCID_EXPORT double adjoint_gap(const LinearOperator& a, at::IntArrayRef shape,
                                   at::ScalarType dtype = at::kDouble);

/// |A(ax + bz) - a A x - b A z| / |A(ax + bz)| for Gaussian x, z of the dtype (default double).
PELLUCID_EXPORT double linearity_gap(const Operator& a, at::IntArrayRef shape,
                                     at::ScalarType dtype = at::kDouble);

/// Largest difference of `gradient` and central differences of `value` along random directions,
/// relative to the gradient's norm.
PELLUCID_EXPORT double gradient_gap(const std::function<Tensor(const Tensor&)>& value,
                                    const std::function<Tensor(const Tensor&)>& gradient,
                                    const Tensor& x);

/// How far u = prox(x) is from the best of nearby points v: (f(u) - min f(v)) / |f(u)| with
/// f(u) = g(u) + |u - x|^2 / (2 step), 0 where none is better by more than rounding. Infinite where
/// f(u) is not finite, as for a point outside of the set that g is the indicator of.
PELLUCID_EXPORT double prox_gap(const Functional& g, const Tensor& x, double step);

/// An image of zeros with a one in the middle, (1, 1, n, n), double.
PELLUCID_EXPORT Tensor impulse(std::int64_t n);

/// The message of the E that `action` throws; "no error" where none is thrown.
template <class E>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace pellucid::testing
