// results: what a component gave, compared with what it promised and with other results.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <variant>

#include <pellucid/ports.h>

namespace pellucid::conformance {

/// What a component gave, by output; of an object, by method: "forward", "adjoint".
using Results = std::map<std::string, std::variant<Tensor, Table>>;

/// A fault that a call brought to light: what was expected, and what was found.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What `infer`, `range` and their like announce.
using Promises = std::map<std::string, std::variant<Spec, TableSpec>>;

/// Throws Fault where results are not of the promised dtype, shape, columns and items.
void require_promised(const Promises& promised, const Results& results, const Block& block,
                      std::int64_t items);

/// How results differ by more than `tolerance` of each output's largest value; empty where they do
/// not.
std::string difference(const Results& expected, const Results& found, double tolerance);

/// "'y' is not finite at [0, 3, 1]"; empty where all tensors are finite. Tables are not looked at.
std::string nonfinite(const Results& results);

}  // namespace pellucid::conformance
