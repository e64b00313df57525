// Model: any callable from tensors to tensors, a part of a pipeline included.
#pragma once

#include <pellucid/component.h>

namespace pellucid {

class PELLUCID_EXPORT Model : public Object {
 public:
  ~Model() override;

  /// Spec of one row of the value, given that of one row of the argument.
  virtual Spec range(const Spec& argument) const = 0;
  /// Values of a batch whose rows are all variants of one item; other inputs, objects and draws are
  /// those of that item.
  virtual Tensor operator()(const Tensor& batch, std::int64_t item) const = 0;
};

}  // namespace pellucid
