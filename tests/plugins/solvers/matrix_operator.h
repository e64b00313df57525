// matrix_operator: a linear operator that is a matrix, so that solutions can be had another way.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <pellucid/operator.h>

namespace pellucid::testing {

class MatrixOperator final : public LinearOperator {
 public:
  /// `matrix` is (numbers of y, numbers of an item of x); `back` is what stands for its adjoint.
  MatrixOperator(Tensor matrix, std::string axes, std::vector<std::int64_t> shape, Tensor back = {})
      : matrix_(std::move(matrix)),
        back_(back.defined() ? back : matrix_.conj().transpose(0, 1)),
        axes_(std::move(axes)),
        shape_(std::move(shape)) {}

  Spec range(const Spec& x) const override {
    Spec y = x;
    y.axes = "w";
    y.shape = {matrix_.size(0)};
    return y;
  }
  Spec domain(const Spec& y) const override {
    Spec x = y;
    x.axes = axes_;
    x.shape = shape_;
    return x;
  }
  // Item by item, because a product of matrices may round otherwise for more columns.
  Tensor forward(const Tensor& x) const override {
    const Tensor y = at::empty({x.size(0), matrix_.size(0)}, x.options());
    for (std::int64_t i = 0; i < x.size(0); ++i) y[i].copy_(at::mv(matrix_, x[i].flatten()));
    return y;
  }
  Tensor adjoint(const Tensor& y) const override {
    std::vector<std::int64_t> shape = shape_;
    shape.insert(shape.begin(), y.size(0));
    const Tensor x = at::empty(shape, y.options());
    for (std::int64_t i = 0; i < y.size(0); ++i) x[i].copy_(at::mv(back_, y[i]).view(shape_));
    return x;
  }

 private:
  Tensor matrix_, back_;
  std::string axes_;
  std::vector<std::int64_t> shape_;
};

}  // namespace pellucid::testing
