// adam: all parameters of a network as one vector, and Adam steps on it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <pellucid/spec.h>

#include "parameters.h"

namespace pellucid {

/// Adam (D. Kingma, J. Ba, arXiv 1412.6980; betas 0.9 and 0.999, epsilon 1e-8) on the parameters
/// of which it takes possession: from then on they are leaves that record gradients, views of one
/// vector. Also keeps their exponential moving average, with the decay min(decay, (1 + t) / (10 +
/// t)) after t steps. Steps are the same to the bit for any number of threads.
class Adam {
 public:
  explicit Adam(std::vector<Tensor> parameters);

  void zero_gradients();
  /// Scales the gradient to a length of at most `clip` (0: no limit), and steps. Returns the length
  /// before.
  double step(double rate, double clip, double decay);

  /// What the next step depends on, by name, to be stored; `restore` takes it back.
  std::map<std::string, Tensor> state() const;
  void restore(const std::map<std::string, Tensor>& state);

  /// Puts the average in the place of the parameters until the next call.
  void swap_average();

 private:
  Tensor values_, gradient_, mean_, square_, average_;
  std::int64_t steps_ = 0;
};

}  // namespace pellucid
