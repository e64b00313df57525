#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <pellucid/operator.h>
#include <pellucid/prior.h>
#include <pellucid/testing.h>
#include <torch/csrc/autograd/autograd.h>

namespace pellucid {
namespace {

using testing::message_of;

/// y = M x of the last axis. Made outside of libtorch's recording: only `apply` can differentiate it.
class Matrix final : public LinearOperator {
 public:
  explicit Matrix(Tensor m) : m_(std::move(m)) {}
  Spec range(const Spec& x) const override {
    Spec y = x;
    y.shape.back() = m_.size(0);
    return y;
  }
  Tensor forward(const Tensor& x) const override {
    return at::matmul(x.detach(), m_.transpose(0, 1));
  }
  Tensor adjoint(const Tensor& y) const override { return at::matmul(y.detach(), m_.conj()); }

 private:
  Tensor m_;
};

/// y = d x, number by number, so that libtorch rounds an item alike in a block of any size.
class Diagonal final : public LinearOperator {
 public:
  explicit Diagonal(Tensor d) : d_(std::move(d)) {}
  Spec range(const Spec& x) const override { return x; }
  Tensor forward(const Tensor& x) const override { return d_ * x; }
  Tensor adjoint(const Tensor& y) const override { return d_ * y; }

 private:
  Tensor d_;
};

class Square final : public Operator {
 public:
  Spec range(const Spec& x) const override { return x; }
  Tensor forward(const Tensor& x) const override { return x.detach().square(); }
  Tensor vjp(const Tensor& x, const Tensor& v) const override { return 2 * x * v; }
};

class Blur final : public ConvolutionOperator {
 public:
  explicit Blur(Tensor kernel) : kernel_(std::move(kernel)) {}
  Spec range(const Spec& x) const override { return x; }
  Tensor forward(const Tensor& x) const override { return x; }
  Tensor adjoint(const Tensor& y) const override { return y; }
  Boundary boundary() const override { return Boundary::reflect; }
  Spec kernel_spec() const override {
    Spec spec;
    spec.items = kernel_.size(0);
    spec.dtype = kernel_.scalar_type();
    spec.axes = "chw";
    spec.shape = kernel_.sizes().slice(1).vec();
    return spec;
  }
  const Tensor& kernel() const override { return kernel_; }

 private:
  Tensor kernel_;
};

Tensor random_matrix(std::int64_t rows, std::int64_t columns, at::ScalarType dtype = at::kDouble) {
  return Random(1, "test", "matrix", {0}).normal({rows, columns}, dtype)[0];
}

Tensor random_items(std::int64_t items, std::int64_t size, at::ScalarType dtype = at::kDouble) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(items));
  for (std::int64_t i = 0; i < items; ++i) numbers[static_cast<std::size_t>(i)] = i;
  return Random(1, "test", "items", numbers).normal({size}, dtype);
}

Tensor gradient_of(const Tensor& scalar, const Tensor& x, bool again = false) {
  return torch::autograd::grad({scalar}, {x}, {}, again, again)[0];
}

Spec vectors(std::int64_t size) {
  return {.items = 1,
          .dtype = at::kDouble,
          .axes = "w",
          .shape = {size},
          .unit = "",
          .spacing = {},
          .spacing_unit = ""};
}

TEST(Apply, is_forward_where_nothing_is_recorded) {
  const Matrix a(random_matrix(3, 5));
  const Tensor x = random_items(2, 5);
  EXPECT_TRUE(at::equal(a.apply(x), a.forward(x)));
  EXPECT_FALSE(a.apply(x).requires_grad());
}

TEST(Apply, of_a_linear_operator_has_the_adjoint_as_its_gradient) {
  const Matrix a(random_matrix(3, 5));
  const Tensor x = random_items(2, 5).requires_grad_(true);
  const Tensor v = random_items(2, 3);
  EXPECT_TRUE(at::allclose(gradient_of((a.apply(x) * v).sum(), x), a.adjoint(v), 1e-14, 1e-14));
}

TEST(Apply, of_a_complex_linear_operator_follows_the_convention_of_libtorch) {
  const Tensor m = random_matrix(3, 4, at::kComplexDouble);
  const Matrix a(m);
  const Tensor x = random_items(2, 4, at::kComplexDouble).requires_grad_(true);
  const auto loss = [&](const Tensor& y) { return at::real(y * y.conj()).sum(); };
  const Tensor ours = gradient_of(loss(a.apply(x)), x);
  const Tensor theirs = gradient_of(loss(at::matmul(x, m.transpose(0, 1))), x);
  EXPECT_TRUE(at::allclose(ours, theirs, 1e-12, 1e-12));
}

TEST(Apply, of_a_linear_operator_can_be_differentiated_twice) {
  const Tensor m = random_matrix(3, 5);
  const Matrix a(m);
  const Tensor x = random_items(2, 5).requires_grad_(true);
  const Tensor first = gradient_of(a.apply(x).pow(4).sum(), x, true);
  const Tensor second = gradient_of(first.square().sum(), x);

  const Tensor z = x.detach().clone().requires_grad_(true);
  const Tensor expected_first = gradient_of(at::matmul(z, m.transpose(0, 1)).pow(4).sum(), z, true);
  const Tensor expected = gradient_of(expected_first.square().sum(), z);
  EXPECT_TRUE(at::allclose(first, expected_first, 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(second, expected, 1e-12, 1e-12));
}

TEST(ApplyAdjoint, has_the_operator_as_its_gradient) {
  const Matrix a(random_matrix(3, 5));
  const Tensor y = random_items(2, 3).requires_grad_(true);
  const Tensor v = random_items(2, 5);
  EXPECT_TRUE(
      at::allclose(gradient_of((a.apply_adjoint(y) * v).sum(), y), a.forward(v), 1e-14, 1e-14));
}

TEST(Apply, of_a_nonlinear_operator_uses_what_its_author_wrote) {
  const Square a;
  const Tensor x = random_items(2, 5).requires_grad_(true);
  EXPECT_TRUE(at::allclose(gradient_of(a.apply(x).sum(), x), 2 * x, 1e-15, 1e-15));
}

TEST(Apply, of_a_nonlinear_operator_refuses_a_second_derivative) {
  const Square a;
  const Tensor x = random_items(2, 5).requires_grad_(true);
  const Tensor first = gradient_of(a.apply(x).sum(), x, true);
  EXPECT_THROW(gradient_of(first.sum(), x), Error);
}

TEST(Apply, passes_through_an_operator_that_returns_its_argument) {
  const Blur a(at::ones({1, 1, 1, 1}));
  const Tensor x = random_items(2, 5).requires_grad_(true);
  EXPECT_TRUE(at::equal(gradient_of((a.apply(x) * 3).sum(), x), at::full_like(x, 3)));
}

TEST(Norm, is_the_largest_singular_value) {
  const Tensor m = at::diag(at::tensor({1.0, -7.0, 3.0, 2.0}, at::kDouble));
  EXPECT_NEAR(Matrix(m).norm(vectors(4)), 7, 1e-9);
  EXPECT_EQ(Matrix(at::zeros({3, 3}, at::kDouble)).norm(vectors(3)), 0);
}

TEST(Norm, of_a_random_matrix_agrees_with_its_decomposition) {
  const Tensor m = random_matrix(6, 4);
  const double expected = at::linalg_svdvals(m).max().item<double>();
  const double norm = Matrix(m).norm(vectors(4));
  EXPECT_LE(norm, expected * (1 + 1e-12));
  EXPECT_GT(norm, expected * 0.999);
}

TEST(Norm, of_an_operator_with_a_mask_an_item_is_that_of_the_strongest) {
  class Masks final : public LinearOperator {
   public:
    Spec range(const Spec& x) const override { return x; }
    Tensor forward(const Tensor& x) const override {
      if (x.size(0) != 3) throw ShapeError("there are 3 masks");
      return x * at::tensor({1.0, 5.0, 2.0}, at::kDouble).view({3, 1});
    }
    Tensor adjoint(const Tensor& y) const override { return forward(y); }
  };
  Spec x = vectors(4);
  x.items = 3;
  EXPECT_NEAR(Masks().norm(x), 5, 1e-9);
}

TEST(KernelSize, is_what_the_spec_of_the_kernel_says_without_its_channels) {
  const Blur blur(at::ones({1, 3, 5, 7}));
  EXPECT_EQ(blur.kernel_size(), (std::vector<std::int64_t>{5, 7}));
}

TEST(SolveNormal, solves_the_regularised_normal_equations) {
  const Tensor m = random_matrix(6, 4);
  const Tensor b = random_items(3, 4);
  const double weight = 0.3;
  const Tensor matrix = at::matmul(m.transpose(0, 1), m) + weight * at::eye(4, m.options());
  const Tensor expected = at::linalg_solve(matrix, b.transpose(0, 1)).transpose(0, 1);
  EXPECT_TRUE(at::allclose(Matrix(m).solve_normal(b, weight, {1e-12}), expected, 1e-9, 1e-9));
}

TEST(SolveNormal, of_a_complex_operator_solves_too) {
  const Tensor m = random_matrix(6, 4, at::kComplexDouble);
  const Tensor b = random_items(2, 4, at::kComplexDouble);
  const Matrix a(m);
  const Tensor x = a.solve_normal(b, 0.5, {1e-12});
  EXPECT_TRUE(at::allclose(a.adjoint(a.forward(x)) + 0.5 * x, b, 1e-9, 1e-9));
}

TEST(SolveNormal, of_an_item_does_not_depend_on_the_others) {
  const Diagonal a(at::tensor({1.0, 5.0, 0.2, 3.0}, at::kDouble));
  Tensor b = random_items(2, 4);
  const Tensor alone = a.solve_normal(b.narrow(0, 0, 1), 0.3, {1e-3});
  b[1].fill_(1e6);
  EXPECT_TRUE(at::equal(a.solve_normal(b, 0.3, {1e-3}).narrow(0, 0, 1), alone));
}

TEST(SolveNormal, goes_on_from_a_start) {
  const Diagonal a(at::tensor({1.0, 5.0, 0.2, 3.0}, at::kDouble));
  const Tensor b = random_items(2, 4);
  const Tensor solution = a.solve_normal(b, 0.3, {1e-12});
  EXPECT_TRUE(at::equal(a.solve_normal(b, 0.3, {1e-9, 1, solution}), solution));
  EXPECT_FALSE(at::allclose(a.solve_normal(b, 0.3, {1e-9, 1}), solution, 1e-6, 1e-6));
  EXPECT_TRUE(at::allclose(a.solve_normal(b, 0.3, {1e-12, 500, 2 * solution}), solution));
}

TEST(SolveNormal, leaves_alone_what_no_x_can_reach) {
  const Diagonal a(at::tensor({2.0, 0.0}, at::kDouble));
  const Tensor b = at::tensor({8.0, 0.0, 0.0, 3.0}, at::kDouble).view({2, 2});
  const Tensor expected = at::tensor({2.0, 0.0, 0.0, 0.0}, at::kDouble).view({2, 2});
  EXPECT_TRUE(at::equal(a.solve_normal(b, 0), expected));
}

/// Gives back what it was given, the tensor itself.
class Same final : public LinearOperator {
 public:
  Spec range(const Spec& x) const override { return x; }
  Tensor forward(const Tensor& x) const override { return x; }
  Tensor adjoint(const Tensor& y) const override { return y; }
};

TEST(SolveNormal, leaves_tensors_alone_that_an_operator_gives_back) {
  const Tensor b = random_items(2, 4), before = b.clone();
  EXPECT_TRUE(at::allclose(Same().solve_normal(b, 1, {1e-12}), before / 2));
  EXPECT_TRUE(at::equal(b, before));
}

TEST(SolveNormal, of_nothing_is_nothing) {
  const Tensor zero = at::zeros({2, 4}, at::kDouble);
  EXPECT_TRUE(at::equal(Matrix(random_matrix(6, 4)).solve_normal(zero, 1), zero));
}

TEST(Domain, is_the_range_where_the_two_agree_and_an_error_otherwise) {
  EXPECT_EQ(Matrix(random_matrix(4, 4)).domain(vectors(4)), vectors(4));
  EXPECT_THROW(Matrix(random_matrix(3, 4)).domain(vectors(4)), ConfigError);
}

/// The sum over the kernel's taps, written out: centre at size / 2, periodic.
Tensor transfer_by_definition(const Tensor& kernel, std::int64_t h, std::int64_t w) {
  Tensor result = at::zeros({h, w / 2 + 1}, at::kComplexDouble);
  for (std::int64_t u = 0; u < h; ++u)
    for (std::int64_t v = 0; v < w / 2 + 1; ++v) {
      c10::complex<double> sum = 0;
      for (std::int64_t i = 0; i < kernel.size(2); ++i)
        for (std::int64_t j = 0; j < kernel.size(3); ++j) {
          const double turn = static_cast<double>(u * (i - kernel.size(2) / 2)) / h +
                              static_cast<double>(v * (j - kernel.size(3) / 2)) / w;
          const double angle = -2 * M_PI * turn;
          sum += kernel[0][0][i][j].item<double>() *
                 c10::complex<double>(std::cos(angle), std::sin(angle));
        }
      result[u][v].fill_(sum);
    }
  return result;
}

TEST(Transfer, is_the_spectrum_of_the_kernel_around_its_centre) {
  for (const auto& [kh, kw] : std::vector<std::pair<int, int>>{{3, 5}, {4, 2}, {1, 1}, {9, 11}}) {
    const Tensor kernel = random_matrix(kh, kw).reshape({1, 1, kh, kw});
    const Tensor given = Blur(kernel).transfer({6, 7}, at::kDouble);
    EXPECT_TRUE(at::allclose(given[0][0], transfer_by_definition(kernel, 6, 7), 1e-12, 1e-12))
        << kh << " x " << kw;
  }
}

TEST(Transfer, wants_a_grid_of_as_many_axes_as_the_kernel) {
  EXPECT_THROW(Blur(at::ones({1, 1, 3, 3})).transfer({8}), ShapeError);
}

TEST(Boundary, that_a_caller_cannot_use_is_named_beside_those_it_can) {
  const Blur blur(at::ones({1, 1, 1, 1}));
  EXPECT_NO_THROW(require_boundary(blur, {Boundary::circular, Boundary::reflect}));
  EXPECT_EQ(message_of<ConfigError>([&] { require_boundary(blur, Boundary::circular); }),
            "the boundary of the blur must be circular, got reflect");
  EXPECT_EQ(message_of<ConfigError>([&] {
              require_boundary(blur, {Boundary::circular, Boundary::zero});
            }),
            "the boundary of the blur must be circular or zero, got reflect");
}

TEST(Boundary, is_known_by_its_name) {
  const auto all = enumerators(Boundary::zero);
  EXPECT_EQ(all.size(), 5u);
  for (const auto& [name, boundary] : all) EXPECT_EQ(name, name_of(boundary));
}

TEST(Functional, without_a_prox_says_so) {
  class ValueOnly final : public Functional {};
  EXPECT_EQ(message_of<Error>([] { ValueOnly().prox(at::ones({1}), 1); }),
            "this functional has no prox; a solver that needs one cannot use it");
}

}  // namespace
}  // namespace pellucid
