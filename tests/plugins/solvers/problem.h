// problem: what tests of solvers share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

#include "plugins/solvers/matrix_operator.h"

namespace pellucid::testing {

inline constexpr Out<Tensor> kX{"x", ""};
inline constexpr Out<Table> kHistory{"history", ""};

/// What the solver `use` makes of measurements (items, numbers), or of images.
inline Outputs solved(const std::string& use, const Tensor& y,
                      const std::shared_ptr<const Component>& a, const Settings& settings,
                      const Tensor& init) {
  const auto axes_of = [](const Tensor& given) { return given.dim() == 2 ? "w" : ""; };
  std::vector<Given> inputs{{"y", y, axes_of(y)}, {"A", {}, {}, a}};
  if (init.defined()) inputs.push_back({"init", init, axes_of(init)});
  return run_stage(use, settings, inputs);
}

inline double largest(const Tensor& t) { return t.abs().max().item<double>(); }

}  // namespace pellucid::testing
