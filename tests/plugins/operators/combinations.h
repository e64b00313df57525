// combinations: what tests of operators made of other operators share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <pellucid/operator.h>
#include <pellucid/testing.h>

namespace pellucid::testing {

using Linear = std::shared_ptr<const LinearOperator>;

/// The combination `use` of up to four parts.
inline Linear combined(const std::string& use, const std::vector<Linear>& parts,
                       const Settings& settings) {
  const char* const ports[] = {"A", "B", "C", "D"};
  std::vector<Given> inputs;
  for (std::size_t i = 0; i < parts.size(); ++i) inputs.push_back({ports[i], {}, {}, parts[i]});
  return load_linear_operator(use, settings, inputs);
}

inline Linear identity() { return load_linear_operator("operators/identity"); }

/// With a random kernel.
inline Linear blur(std::int64_t h, std::int64_t w) {
  return load_linear_operator("operators/convolution", {{"method", "direct"}},
                              {{"kernel", at::rand({1, 1, h, w}, at::kDouble)}});
}

}  // namespace pellucid::testing
