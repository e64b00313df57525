// combination: what operators made of other operators have in common.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pellucid/operator.h>
#include <pellucid/ports.h>

#include "masking.h"

namespace pellucid {

/// An operator that is an input of another one, which keeps it alive.
using Held = std::shared_ptr<const LinearOperator>;

Held held(const Inputs& in, const In<LinearOperator>& port);

/// An operator and the port it came in by.
struct Part {
  std::string name;
  Held a;
};

/// The operators at these ports, in their order, without those that are not connected.
std::vector<Part> parts_of(const Inputs& in, std::initializer_list<In<LinearOperator>> ports);

/// What all parts are applied to, if part number i gave `y(i)`: the domain of the first part that
/// can tell it. Throws the first one's reason where none can.
Spec common_domain(const std::vector<Part>& parts, const std::function<Spec(std::size_t)>& y);

/// The largest halo along each axis; empty where a part has none.
std::optional<std::vector<std::int64_t>> largest_halo(const std::vector<Part>& parts,
                                                      const Spec& x);

/// The most that any part takes, one after the other.
std::int64_t largest_working_bytes(const std::vector<Part>& parts, const Spec& x);

}  // namespace pellucid
