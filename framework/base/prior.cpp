// Priors: what they do unless they say otherwise.
#include <pellucid/prior.h>

#include <pellucid/model.h>

namespace pellucid {
namespace {

[[noreturn]] void absent(const char* what) {
  throw Error(std::string("this functional has no ") + what +
              "; a solver that needs one cannot use it");
}

}  // namespace

std::optional<Tensor> LatentPrior::deviation(const std::vector<Tensor>&, at::IntArrayRef) const {
  return std::nullopt;
}

Denoiser::~Denoiser() = default;
Model::~Model() = default;

Tensor Functional::value(const Tensor&) const { absent("value"); }
Tensor Functional::gradient(const Tensor&) const { absent("gradient"); }
Tensor Functional::prox(const Tensor&, double) const { absent("prox"); }

}  // namespace pellucid
