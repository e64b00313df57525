// laws: what every linear operator of ours obeys, whatever it computes.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid::laws {

/// Items (items, shape...) that an operator is applied to. Without axes they are images "hw" or
/// "chw" or volumes "czyx", by their number of dimensions.
struct Items {
  std::vector<std::int64_t> shape;
  std::string axes = {};
};

/// How closely an operator keeps the laws.
struct Limits {
  at::ScalarType dtype = at::kDouble;  ///< of x: float64 or complex128
  double exact = 1e-12;                ///< of the adjoint and of linearity, in double precision
  double rounded = 2e-5;               ///< single against double precision, relative
  double norm = 1e-9;                  ///< how far `norm` may fall short, relative; never above
  double solved = 1e-8;                ///< of the normal equations, relative
};

/// The operator for items first .. first+count-1: the same but for its own inputs of many items.
using MakeOperator =
    std::function<std::shared_ptr<const LinearOperator>(std::int64_t first, std::int64_t count)>;

inline at::ScalarType single(at::ScalarType dtype) {
  return dtype == at::kComplexDouble ? at::kComplexFloat : at::kFloat;
}

inline Spec spec_of_items(const Items& items, at::ScalarType dtype) {
  static const std::vector<std::string> usual{"", "w", "hw", "chw", "czyx", "tczyx"};
  Spec spec;
  spec.items = items.shape.front();
  spec.dtype = dtype;
  spec.axes = items.axes.empty() ? usual.at(items.shape.size() - 1) : items.axes;
  spec.shape.assign(items.shape.begin() + 1, items.shape.end());
  return spec;
}

inline Tensor drawn(const Spec& spec) {
  std::vector<std::int64_t> shape{spec.items};
  shape.insert(shape.end(), spec.shape.begin(), spec.shape.end());
  return at::randn(shape, at::TensorOptions().dtype(spec.dtype));
}

inline double largest(const Tensor& tensor) {
  return tensor.numel() == 0 ? 0 : tensor.abs().max().to(at::kDouble).item<double>();
}

inline double relative(const Tensor& found, const Tensor& expected) {
  return largest(found - expected) / std::max(largest(expected), 1e-300);
}

/// The matrix of the operator on one item of this spec: a column for each number of x.
inline Tensor matrix_of(const LinearOperator& a, const Spec& x) {
  const std::int64_t columns = x.item_numel();
  std::vector<std::int64_t> shape{1};
  shape.insert(shape.end(), x.shape.begin(), x.shape.end());
  std::vector<Tensor> all;
  for (std::int64_t k = 0; k < columns; ++k) {
    Tensor unit = at::zeros({columns}, at::TensorOptions().dtype(x.dtype));
    unit[k].fill_(1);
    all.push_back(a.forward(unit.view(shape)).flatten());
  }
  return at::stack(all, 1);
}

/// A*A as a matrix; of a real x its real part, which is all that a real x can tell.
inline Tensor normal_matrix(const LinearOperator& a, const Spec& x) {
  const Tensor matrix = matrix_of(a, x);
  const Tensor normal = at::matmul(matrix.conj().transpose(0, 1), matrix);
  return normal.is_complex() && !at::isComplexType(x.dtype) ? at::real(normal) : normal;
}

inline void expect_promises(const LinearOperator& a, const Spec& x) {
  const Tensor value = drawn(x), kept = value.clone();
  const Spec y = a.range(x);
  const Tensor image = a.forward(value);
  EXPECT_EQ(image.sizes().slice(1), at::IntArrayRef(y.shape)) << "of the range";
  EXPECT_EQ(image.size(0), x.items);
  EXPECT_EQ(y.items, x.items);
  EXPECT_EQ(y.axes.size(), y.shape.size());
  EXPECT_EQ(image.scalar_type(), y.dtype);
  const Tensor back = a.adjoint(image);
  EXPECT_EQ(back.sizes(), value.sizes()) << "of the adjoint";
  EXPECT_EQ(back.scalar_type(), x.dtype);
  EXPECT_TRUE(at::equal(value, kept)) << "x was changed";
  const Tensor v = drawn(y), v_kept = v.clone();
  a.adjoint(v);
  EXPECT_TRUE(at::equal(v, v_kept)) << "y was changed";
  try {
    EXPECT_EQ(a.domain(y).shape, x.shape) << "of the domain";
  } catch (const Error& error) {
    EXPECT_GT(error.sentence().size(), 20u) << "the domain of y is not told without a reason";
  }
  try {
    EXPECT_EQ(a.forward(value.narrow(0, 0, 0)).numel(), 0);
  } catch (const Error&) {  // refused in words
  }
}

inline void expect_linear(const LinearOperator& a, const Spec& x, const Limits& limits) {
  std::vector<std::int64_t> shape{x.items};
  shape.insert(shape.end(), x.shape.begin(), x.shape.end());
  const bool null = largest(a.forward(drawn(x))) == 0;
  if (null) {
    EXPECT_EQ(largest(a.adjoint(drawn(a.range(x)))), 0) << "A is 0, A* is not";
    return;
  }
  EXPECT_LT(testing::adjoint_gap(a, shape, x.dtype), limits.exact);
  EXPECT_LT(testing::linearity_gap(a, shape, x.dtype), limits.exact);
  EXPECT_LT(testing::adjoint_gap(a, shape, single(x.dtype)), limits.rounded);
}

inline void expect_same_in_single_precision(const LinearOperator& a, const Spec& x,
                                            const Limits& limits) {
  const auto less = [](const Tensor& tensor) { return tensor.to(single(tensor.scalar_type())); };
  Spec rounded = x;
  rounded.dtype = single(x.dtype);
  const Tensor value = drawn(x), image = a.forward(value);
  const Tensor found = a.forward(less(value));
  EXPECT_EQ(found.scalar_type(), a.range(rounded).dtype);
  EXPECT_LT(largest(found - image), limits.rounded * std::max(1.0, largest(image)));
  const Tensor back = a.adjoint(image);
  const Tensor back_found = a.adjoint(less(image));
  EXPECT_EQ(back_found.scalar_type(), rounded.dtype);
  EXPECT_LT(largest(back_found - back), limits.rounded * std::max(1.0, largest(back)));
}

inline void expect_any_strides(const LinearOperator& a, const Spec& x, const Limits& limits) {
  const auto strided = [](const Tensor& tensor) {
    std::vector<std::int64_t> reversed;
    for (std::int64_t axis = tensor.dim(); axis-- > 0;) reversed.push_back(axis);
    return tensor.permute(reversed).contiguous().permute(reversed);
  };
  const Tensor value = drawn(x), image = a.forward(value);
  EXPECT_LE(largest(a.forward(strided(value)) - image), limits.exact * largest(image));
  const Tensor back = a.adjoint(image);
  EXPECT_LE(largest(a.adjoint(strided(image)) - back), limits.exact * largest(back));
}

inline void expect_items_on_their_own(const MakeOperator& make, const Spec& x) {
  const auto all = make(0, x.items);
  const Tensor value = drawn(x), image = all->forward(value), back = all->adjoint(image);
  for (std::int64_t item = 0; item < x.items; ++item) {
    const auto one = make(item, 1);
    EXPECT_TRUE(at::equal(one->forward(value.narrow(0, item, 1)), image.narrow(0, item, 1)))
        << "item " << item << " has other bits alone";
    EXPECT_TRUE(at::equal(one->adjoint(image.narrow(0, item, 1)), back.narrow(0, item, 1)))
        << "item " << item << " of the adjoint has other bits alone";
  }
}

inline void expect_recorded_by_autograd(const LinearOperator& a, const Spec& x,
                                        const Limits& limits) {
  const auto gradient = [](const Tensor& leaf, const Tensor& value, const Tensor& v) {
    const Tensor product = value.conj() * v;
    (product.is_complex() ? at::real(product) : product).sum().backward();
    return leaf.grad();
  };
  Tensor value = drawn(x).set_requires_grad(true);
  const Tensor v = drawn(a.range(x));
  const Tensor expected = a.adjoint(v);
  EXPECT_LE(largest(gradient(value, a.apply(value), v) - expected),
            limits.exact * largest(expected));
  Tensor y = drawn(a.range(x)).set_requires_grad(true);
  const Tensor w = drawn(x), image = a.forward(w);
  EXPECT_LE(largest(gradient(y, a.apply_adjoint(y), w) - image), limits.exact * largest(image));
}

/// Against the operator's matrix, item by item; for small items.
inline void expect_norm_and_solution(const MakeOperator& make, const Spec& x,
                                     const Limits& limits) {
  constexpr double weight = 0.3;
  constexpr std::int64_t most = 400;
  if (x.item_numel() > most) return;
  const auto all = make(0, x.items);
  const Tensor b = drawn(x);
  const Tensor solution = all->solve_normal(b, weight, {1e-13, 2000, {}});
  EXPECT_EQ(solution.sizes(), b.sizes());
  EXPECT_EQ(solution.scalar_type(), x.dtype);
  double norm = 0;
  Spec one = x;
  one.items = 1;
  for (std::int64_t item = 0; item < x.items; ++item) {
    const Tensor normal = normal_matrix(*make(item, 1), one);
    norm =
        std::max(norm, std::sqrt(std::max(0.0, at::linalg_eigvalsh(normal).max().item<double>())));
    const Tensor system = normal + weight * at::eye(normal.size(0), normal.options());
    const Tensor expected = at::linalg_solve(system, b[item].flatten());
    EXPECT_LT(relative(solution[item].flatten(), expected), limits.solved)
        << "solution of the normal equations";
  }
  const double found = all->norm(x);
  EXPECT_LE(found, norm * (1 + 1e-9) + 1e-12) << "norm";
  EXPECT_GE(found, norm * (1 - limits.norm) - 1e-12) << "norm";
}

/// Where the operator keeps the sizes of images and declares a halo: a part of an item, grown by the
/// halo, gives inside what the whole gives there. Back it is twice the halo: where a part ends, samples
/// of y as far as the halo come of other samples of x, which are as far from them again.
inline void expect_halo(const LinearOperator& a, const Spec& x, const Limits& limits) {
  const auto halo = a.halo(x);
  if (!halo) return;
  ASSERT_EQ(halo->size(), x.shape.size());
  // Nothing is cut along axes whose sizes change.
  const Spec y = a.range(x);
  if (y.shape.size() < 2 || last_sizes(y.shape, 2) != last_sizes(x.shape, 2)) return;
  const auto expect_cut = [&](const Spec& given, std::int64_t times, auto apply) {
    const Tensor value = drawn(given), image = apply(value);
    Tensor part = value, expected = image;
    std::vector<std::int64_t> inside;
    for (const std::int64_t axis : {-2, -1}) {
      const std::int64_t n = value.size(axis),
                         reach = times * (*halo)[halo->size() - std::size_t(-axis)];
      const std::int64_t begin = n / 3, end = n - n / 3;
      const std::int64_t from = std::max<std::int64_t>(0, begin - reach);
      part = part.narrow(axis, from, std::min(n, end + reach) - from);
      expected = expected.narrow(axis, begin, end - begin);
      inside.push_back(begin - from);
    }
    Tensor found = apply(part);
    for (const std::int64_t axis : {-2, -1})
      found = found.narrow(axis, inside[std::size_t(axis + 2)], expected.size(axis));
    EXPECT_LE(largest(found - expected), limits.exact * std::max(1.0, largest(image)))
        << "a part of an item, grown by the halo, " << (times == 1 ? "forth" : "back");
  };
  expect_cut(x, 1, [&a](const Tensor& part) { return a.forward(part); });
  expect_cut(y, 2, [&a](const Tensor& part) { return a.adjoint(part); });
}

/// All laws, for an operator that is made anew for some of its items.
inline void expect_linear_operator_laws(const MakeOperator& make, const std::vector<Items>& cases,
                                        const Limits& limits = {}) {
  for (const Items& items : cases) {
    SCOPED_TRACE("items of " + shape_text(items.shape) + " " + items.axes);
    const Spec x = spec_of_items(items, limits.dtype);
    const auto a = make(0, x.items);
    expect_promises(*a, x);
    expect_linear(*a, x, limits);
    expect_same_in_single_precision(*a, x, limits);
    expect_any_strides(*a, x, limits);
    expect_items_on_their_own(make, x);
    expect_recorded_by_autograd(*a, x, limits);
    expect_norm_and_solution(make, x, limits);
    expect_halo(*a, x, limits);
  }
}

/// All laws, for an operator by name: exact adjoint, linearity, dtypes, strides, inputs left alone,
/// items on their own to the bit, gradients, norm and solution of the normal equations against a
/// dense matrix (items of at most 400 numbers), halo. Tensor inputs of many items are cut as x is.
inline void expect_linear_operator_laws(const std::string& use, const testing::Settings& settings,
                                        const std::vector<testing::Given>& inputs,
                                        const std::vector<Items>& cases,
                                        const Limits& limits = {}) {
  SCOPED_TRACE(use + " " + Value::map(settings).flow());
  const auto make = [&](std::int64_t first, std::int64_t count) {
    std::vector<testing::Given> some = inputs;
    for (testing::Given& given : some)
      if (given.tensor.defined() && given.tensor.size(0) > 1)
        given.tensor = given.tensor.narrow(0, first, count);
    return testing::load_linear_operator(use, settings, some);
  };
  expect_linear_operator_laws(make, cases, limits);
}

}  // namespace pellucid::laws
