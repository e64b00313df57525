// methods: what can be asked of an object, whatever kind it is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <pellucid/component.h>

#include "conformance/case.h"

namespace pellucid::conformance {

/// A method of an object as a function of the items of its arguments.
struct Method {
  std::string name;
  Spec promised;
  std::vector<Inputs::Edge> arguments;
  std::function<Tensor(const Object&, const std::vector<Tensor>&)> call;
};

/// All that an object promises for x, each with arguments to call it with: x itself, and draws of
/// what it gives.
std::vector<Method> methods_of(const Object& object, const Inputs::Edge& x);

}  // namespace pellucid::conformance
