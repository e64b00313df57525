#include "random_mask.h"

#include <ATen/ATen.h>

namespace pellucid {

const Schema<RandomMask>& RandomMask::schema() {
  static const Schema<RandomMask> rows{
      {"missing", &RandomMask::missing, "1", "probability that a place is missing",
       within(0.0, 1.0)},
      {"size", &RandomMask::size, "px",
       "height and width, one for both, or depth, height and width", at_least(1), count(1, 3),
       required()},
  };
  return rows;
}

Spec RandomMask::spec() const {
  Spec spec;
  spec.axes = size.size() == 3 ? "czyx" : "chw";
  spec.shape = {1};
  if (size.size() == 1) spec.shape.push_back(size.front());
  spec.shape.insert(spec.shape.end(), size.begin(), size.end());
  spec.unit = "1";
  return spec;
}

Tensor RandomMask::operator()(const Random& random, at::IntArrayRef shape) const {
  return random.uniform(shape, at::kDouble) >= missing;
}

}  // namespace pellucid
