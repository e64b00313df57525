// direct_convolution: convolution and its adjoint as sums over the kernel, row by row.
#pragma once

#include <pellucid/operator.h>

namespace pellucid {

/// A kernel (channels or 1, kernel size...), float64: `kernel` itself, or its product with `row`,
/// which then alone is longer than 1 along the last axis.
struct DirectKernel {
  Tensor kernel;
  Tensor row = {};

  std::vector<std::int64_t> size() const;
};

/// Sizes of the convolution of an image of `sizes`: `sizes`, or where the boundary is valid less by
/// the kernel's size - 1.
std::vector<std::int64_t> convolved_sizes(at::IntArrayRef sizes, at::IntArrayRef kernel_size,
                                          Boundary boundary);

/// y[n] = sum_k kernel[k] x[n + c - k] with c = size / 2 (for a valid boundary size - 1).
/// x: (rows, channels, sizes...) with 2 or 3 sizes; y: of the convolved sizes, contiguous, written.
/// Memory: some rows a thread.
void convolve(const Tensor& x, const DirectKernel& kernel, Boundary boundary, const Tensor& y);

/// The adjoint of `convolve`: writes x. Memory: y extended by the kernel, where the boundary is
/// reflect or replicate.
void correlate(const Tensor& y, const DirectKernel& kernel, Boundary boundary, const Tensor& x);

}  // namespace pellucid
