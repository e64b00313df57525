#include "inverse_problem.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/random.h>

namespace pellucid {

const Ports& InverseProblem::ports() {
  static const Ports all{y, A, init, x, history};
  return all;
}

double InverseProblem::tolerance() const { return std::max(1e-4, 100 * tolerance_); }

Spec InverseProblem::spec_of_x(const Inputs& in) {
  const Spec& measurements = in.spec(y);
  Spec spec = in.has(init) ? in.spec(init) : in[A].domain(measurements);
  spec.items = measurements.items;
  require_floating(spec);
  if (in.has(init) && in.spec(init).items != 1 && in.spec(init).items != spec.items)
    throw ShapeError("'init' must have one item or as many as 'y', got " +
                     std::to_string(in.spec(init).items) + " and " + std::to_string(spec.items));
  const Spec measured = in[A].range(spec);
  if (measured.shape != measurements.shape || measured.dtype != measurements.dtype)
    throw ShapeError("'A' takes " + spec.text() + " to " + measured.text() + ", but 'y' is " +
                     measurements.text() + "; give an 'init' of the right shape, or mend A");
  return spec;
}

const Tensor& InverseProblem::finite(const Inputs& in, const In<Tensor>& port) {
  const Tensor& values = in[port];
  for (std::int64_t item = 0; item < values.size(0); ++item)
    if (!values[item].isfinite().all().item<bool>())
      throw Error("'" + std::string(port.name) + "' must be finite, found inf or nan in item " +
                  std::to_string(in.item(item)));
  return values;
}

Tensor InverseProblem::start(const Inputs& in, const Tensor& back) {
  return in.has(init) ? finite(in, init).expand_as(back).clone() : at::zeros_like(back);
}

Table RowsByItem::joined() const {
  Table all = none_;
  for (const Table& table : tables_) all.append(table);
  return all;
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
