// direct_convolution: convolution and its adjoint, one tap of the kernel after the other.
#pragma once

#include <pellucid/operator.h>

namespace pellucid {

/// y[n] = sum_k kernel[k] x[n + c - k] with c = size / 2. x, y: (rows, channels, sizes...); kernel:
/// (channels or 1, kernel size...). Memory: y, and x extended by the kernel.
Tensor convolved(const Tensor& x, const Tensor& kernel, Boundary boundary);

/// The adjoint of `convolved`.
Tensor correlated(const Tensor& y, const Tensor& kernel, Boundary boundary);

}  // namespace pellucid
