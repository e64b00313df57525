#include "combination.h"

#include <algorithm>

namespace pellucid {

Held held(const Inputs& in, const In<LinearOperator>& port) {
  const LinearOperator& a = in[port];
  return {in.find(port.name)->object, &a};
}

std::vector<Part> parts_of(const Inputs& in, std::initializer_list<In<LinearOperator>> ports) {
  std::vector<Part> parts;
  for (const In<LinearOperator>& port : ports)
    if (!port.optional || in.has(port)) parts.push_back({port.name, held(in, port)});
  return parts;
}

Spec common_domain(const std::vector<Part>& parts, const std::function<Spec(std::size_t)>& y) {
  std::optional<Error> reason;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    try {
      return parts[i].a->domain(y(i));
    } catch (const ConfigError& error) {
      if (!reason) reason = error;
    }
  }
  throw ConfigError(reason ? reason->sentence() : "there is no operator");
}

std::optional<std::vector<std::int64_t>> largest_halo(const std::vector<Part>& parts,
                                                      const Spec& x) {
  std::vector<std::int64_t> largest(x.shape.size(), 0);
  for (const Part& part : parts) {
    const auto reach = part.a->halo(x);
    if (!reach || reach->size() != largest.size()) return std::nullopt;
    for (std::size_t axis = 0; axis < largest.size(); ++axis)
      largest[axis] = std::max(largest[axis], (*reach)[axis]);
  }
  return largest;
}

std::int64_t largest_working_bytes(const std::vector<Part>& parts, const Spec& x) {
  std::int64_t most = 0;
  for (const Part& part : parts) most = std::max(most, part.a->working_bytes(x));
  return most;
}

}  // namespace pellucid
