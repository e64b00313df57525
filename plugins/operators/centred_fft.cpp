#include "centred_fft.h"

#include <cmath>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

enum class Move { middle_to_front, front_to_middle };

/// Turns each of the last axes around by half its length, all in one pass.
Tensor turned(const Tensor& x, const Sizes& sizes, Move move) {
  Tensor out = at::empty(x.sizes(), x.options().memory_format(at::MemoryFormat::Contiguous));
  for (std::size_t corner = 0; corner < std::size_t{1} << sizes.size(); ++corner) {
    Tensor from = x, to = out;
    for (std::size_t a = 0; a < sizes.size(); ++a) {
      const auto axis = static_cast<std::int64_t>(a) - static_cast<std::int64_t>(sizes.size());
      const std::int64_t half = sizes[a] / 2, rest = sizes[a] - half;
      const std::int64_t length = move == Move::middle_to_front ? half : rest;
      const std::int64_t other = sizes[a] - length;
      // The first `length` samples go to the end, the others to the front.
      const bool first = (corner >> a & 1) == 0;
      from = first ? from.narrow(axis, 0, length) : from.narrow(axis, length, other);
      to = first ? to.narrow(axis, other, length) : to.narrow(axis, 0, other);
    }
    to.copy_(from);
  }
  return out;
}

}  // namespace

CentredFft::CentredFft(const Sizes& sizes, at::ScalarType complex)
    : fft_(sizes, complex), length_(std::sqrt(double(c10::multiply_integers(sizes)))) {}

Tensor CentredFft::forward(const Tensor& x) const {
  const Tensor spectrum = fft_.forward(turned(x, fft_.sizes(), Move::middle_to_front));
  return turned(spectrum, fft_.sizes(), Move::front_to_middle).mul_(1 / length_);
}

Tensor CentredFft::inverse(const Tensor& spectrum) const {
  const Tensor x = fft_.inverse(turned(spectrum, fft_.sizes(), Move::middle_to_front));
  return turned(x, fft_.sizes(), Move::front_to_middle).mul_(length_);
}

}  // namespace pellucid
