#include "combination.h"

#include <algorithm>

namespace pellucid {

Held held(const Inputs& in, const In<LinearOperator>& port) {
  const LinearOperator& a = in[port];
  return {in.find(port.name)->object, &a};
}

const Ports& Combination::ports() {
  static const Ports all{A, B, C, D};
  return all;
}

void Combination::bind(const Inputs& in) {
  parts_.clear();
  for (const In<LinearOperator>& port : {A, B, C, D})
    if (!port.optional || in.has(port)) parts_.push_back({port.name, held(in, port)});
}

bool Combination::leaves_samples_out() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return pellucid::leaves_samples_out(*part.a); });
}

std::optional<std::vector<std::int64_t>> Combination::halo(const Spec& x) const {
  std::vector<std::int64_t> largest(x.shape.size(), 0);
  for (const Part& part : parts_) {
    const auto reach = part.a->halo(x);
    if (!reach || reach->size() != largest.size()) return std::nullopt;
    for (std::size_t axis = 0; axis < largest.size(); ++axis)
      largest[axis] = std::max(largest[axis], (*reach)[axis]);
  }
  return largest;
}

std::int64_t Combination::working_bytes(const Spec& x) const {
  std::int64_t most = 0;
  for (const Part& part : parts_) most = std::max(most, part.a->working_bytes(x));
  return most;
}

void Combination::require_one_each(const std::string& name, std::size_t count) const {
  if (count != parts_.size())
    throw ConfigError("'" + name + "' must have a number for each of the " +
                      std::to_string(parts_.size()) + " operators, got " + std::to_string(count));
}

Spec Combination::common_domain(const std::function<Spec(std::size_t)>& y) const {
  std::optional<Error> reason;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    try {
      return parts_[i].a->domain(y(i));
    } catch (const ConfigError& error) {
      if (!reason) reason = error;
    }
  }
  throw ConfigError(reason ? reason->sentence() : "there is no operator");
}

}  // namespace pellucid
