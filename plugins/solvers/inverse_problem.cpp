#include "inverse_problem.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/random.h>

namespace pellucid {

Spec estimate_spec(const LinearOperator& a, const Spec& y, const std::optional<Spec>& init) {
  Spec x = init ? *init : a.domain(y);
  x.items = y.items;
  require_floating(x);
  if (init && init->items != 1 && init->items != y.items)
    throw ShapeError("'init' must have one item or as many as 'y', got " +
                     std::to_string(init->items) + " and " + std::to_string(y.items));
  const Spec measured = a.range(x);
  if (measured.shape != y.shape || measured.dtype != y.dtype)
    throw ShapeError("'A' takes " + x.text() + " to " + measured.text() + ", but 'y' is " +
                     y.text() + "; give an 'init' of the right shape, or mend A");
  return x;
}

void require_finite(const Tensor& values, const std::string& name, std::int64_t first_item) {
  for (std::int64_t item = 0; item < values.size(0); ++item)
    if (!values[item].isfinite().all().item<bool>())
      throw Error("'" + name + "' must be finite, found inf or nan in item " +
                  std::to_string(first_item + item));
}

std::vector<double> products(const Tensor& a, const Tensor& b) {
  std::vector<double> all;
  for (std::int64_t item = 0; item < a.size(0); ++item) {
    const Tensor product = a.is_complex() ? at::real(a[item] * b[item].conj()) : a[item] * b[item];
    all.push_back(product.sum(at::kDouble).item<double>());
  }
  return all;
}

Tensor as_factor(const std::vector<double>& values, const Tensor& x) {
  std::vector<std::int64_t> shape(std::size_t(x.dim()), 1);
  shape[0] = x.size(0);
  return at::tensor(values, x.options().dtype(c10::toRealValueType(x.scalar_type()))).view(shape);
}

std::vector<double> squared_norm_bounds(const LinearOperator& a, const Tensor& x) {
  // The start is the same for every item.
  const std::vector<std::int64_t> alike(std::size_t(x.size(0)), 0);
  Tensor vector =
      Random(0, "norm", "start", alike).normal(x.sizes().slice(1), x.scalar_type()).to(x.device());
  std::vector<double> lengths(alike.size(), 0.0);
  for (int iteration = 0; iteration < 30; ++iteration) {
    std::vector<double> inverse = products(vector, vector);
    for (double& value : inverse) value = value > 0 ? 1 / std::sqrt(value) : 0;
    vector = a.adjoint(a.forward(vector * as_factor(inverse, vector)));
    lengths = products(vector, vector);
  }
  const double numbers = std::max(1.0, double(c10::multiply_integers(x.sizes().slice(1))));
  const double missed = std::min(0.9, 0.871 * std::log(numbers) / 29);
  const double margin = std::max(1.69, 1 / (1 - missed));
  for (double& length : lengths) length = margin * std::sqrt(length);
  return lengths;
}

}  // namespace pellucid
