// complex_fields: what operators on complex images demand of them.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <pellucid/spec.h>

namespace pellucid {

/// complex64 or complex128.
inline void require_complex(const Spec& spec) {
  if (spec.dtype != at::kComplexFloat && spec.dtype != at::kComplexDouble)
    throw ShapeError("values must be complex64 or complex128, got " + dtype_name(spec.dtype) +
                     " (" + spec.text() + "); operators/complex makes complex values of real ones");
}

}  // namespace pellucid
