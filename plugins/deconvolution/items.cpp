#include "items.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include <pellucid/value.h>

namespace pellucid {

Tensor planes_of(const Tensor& item, std::size_t axes) {
  std::vector<std::int64_t> sizes = last_sizes(item.sizes(), axes);
  const std::int64_t samples = std::max<std::int64_t>(1, c10::multiply_integers(sizes));
  sizes.insert(sizes.begin(), item.numel() / samples);
  return item.reshape(sizes);
}

void require_like_x(const Spec& given, const std::string& name, const Spec& x) {
  if (given.shape != x.shape || given.dtype != x.dtype ||
      (given.items != 1 && given.items != x.items))
    throw ShapeError("'" + name + "' must be as the estimate, " + x.text() +
                     ", or one item of it, got " + given.text());
}

void require_finite(const Tensor& item, const std::string& name, std::int64_t number) {
  if (!item.isfinite().all().item<bool>())
    throw Error("'" + name + "' must be finite, found inf or nan in item " +
                std::to_string(number));
}

void require_not_negative(const Tensor& item, const std::string& name, std::int64_t number,
                          const std::string& advice) {
  if (item.numel() == 0) return;
  const double least = item.min().item<double>();
  if (least < 0)
    throw Error(name + " of item " + std::to_string(number) + " must not be negative, found " +
                Value(least).text() + "; " + advice);
}

void require_kernel(const Tensor& kernel, std::size_t axes, std::int64_t number) {
  require_finite(kernel, "kernel", number);
  require_not_negative(kernel, "the kernel", number, "set what is below 0 to 0");
  if (planes_of(kernel, axes).flatten(1).sum(1).min().item<double>() == 0)
    throw Error("the kernel of item " + std::to_string(number) + " is 0 everywhere");
}

}  // namespace pellucid
