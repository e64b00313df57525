// masking: operators that leave samples of y out.
#pragma once

#include <pellucid/operator.h>

namespace pellucid {

/// What an operator is besides, if there are samples of y that it does not measure: they are 0
/// whatever x is, and so hold no noise.
class Masking {
 public:
  virtual ~Masking() = default;
  /// False where every sample of y is measured.
  virtual bool leaves_samples_out() const = 0;
  /// y where it is measured, 0 elsewhere.
  virtual Tensor masked(const Tensor& y) const = 0;
};

inline bool leaves_samples_out(const Operator& a) {
  const auto* const masking = dynamic_cast<const Masking*>(&a);
  return masking && masking->leaves_samples_out();
}

/// y without the samples that `a` leaves out; y itself where it leaves out none.
inline Tensor masked_by(const Operator& a, const Tensor& y) {
  return leaves_samples_out(a) ? dynamic_cast<const Masking&>(a).masked(y) : y;
}

}  // namespace pellucid
