// items: what iterative methods ask of an item, and how they take it.
#pragma once

#include <cstdint>
#include <string>

#include <pellucid/spec.h>

namespace pellucid {

/// The images of an item, those of its last `axes` axes: (planes, sizes...).
Tensor planes_of(const Tensor& item, std::size_t axes);

/// Throws ShapeError where the input `name` is not as the estimate x in shape and dtype, or has other
/// than one item or as many.
void require_like_x(const Spec& given, const std::string& name, const Spec& x);

// The following throw Error, with the item's `number`.

/// A value of the input `name` is inf or nan.
void require_finite(const Tensor& item, const std::string& name, std::int64_t number);
/// A value is negative; `advice` says what to do.
void require_not_negative(const Tensor& item, const std::string& name, std::int64_t number,
                          const std::string& advice);
/// A tap of a kernel, or one of each channel (channels, sizes...), is not finite or negative, or a
/// kernel is 0 everywhere.
void require_kernel(const Tensor& kernel, std::size_t axes, std::int64_t number);

}  // namespace pellucid
