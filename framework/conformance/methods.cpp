#include "conformance/methods.h"

#include <ATen/core/Tensor.h>
#include <pellucid/model.h>
#include <pellucid/operator.h>
#include <pellucid/prior.h>

namespace pellucid::conformance {
namespace {

using Edge = Inputs::Edge;

constexpr double kNoiseLevel = 0.1;  // that denoisers are told
constexpr double kProxStep = 0.3;

Spec with_items(Spec spec, std::int64_t items) {
  spec.items = items;
  return spec;
}

Spec one_value(const Spec& x) { return {x.items, at::kFloat, "", {}, {}, {}, {}}; }

}  // namespace

std::vector<Method> methods_of(const Object& object, const Edge& x) {
  const Spec& spec = tensor_spec(x);
  std::vector<Method> all;
  const auto drawn = [](const std::string& name, const Spec& like) {
    return Edge{name, like, normal_like(like, name), nullptr};
  };

  if (const auto* a = dynamic_cast<const Operator*>(&object)) {
    const Spec y = a->range(spec);
    all.push_back({"forward", y, {x}, [](const Object& o, const std::vector<Tensor>& in) {
                     return dynamic_cast<const Operator&>(o).apply(in[0]);
                   }});
    if (dynamic_cast<const LinearOperator*>(a))
      all.push_back({"adjoint", spec, {drawn("y", y)}, [](const Object& o, const auto& in) {
                       return dynamic_cast<const LinearOperator&>(o).apply_adjoint(in[0]);
                     }});
    else
      all.push_back({"vjp", spec, {x, drawn("v", y)}, [](const Object& o, const auto& in) {
                       return dynamic_cast<const Operator&>(o).vjp(in[0], in[1]);
                     }});
  } else if (const auto* prior = dynamic_cast<const LatentPrior*>(&object)) {
    std::vector<Edge> latents;
    std::size_t index = 0;
    for (const Latent& latent : prior->latents(spec)) {
      const Spec promised = with_items(latent.spec, spec.items);
      latents.push_back(drawn(latent.name, promised));
      all.push_back({"encode." + latent.name, promised, {x}, [index](const Object& o, auto& in) {
                       return dynamic_cast<const LatentPrior&>(o).encode(in[0]).at(index);
                     }});
      all.push_back({"scale." + latent.name, promised, {}, [index](const Object& o, auto& in) {
                       return dynamic_cast<const LatentPrior&>(o).start_scales(in).at(index);
                     }});
      ++index;
    }
    for (Method& method : all)
      if (method.arguments.empty()) method.arguments = latents;
    const std::vector<std::int64_t> size = last_sizes(spec.shape, 2);
    all.push_back({"decode", spec, latents, [size](const Object& o, const auto& in) {
                     return dynamic_cast<const LatentPrior&>(o).decode(in, size);
                   }});
    Spec energy = one_value(spec);
    energy.dtype = spec.dtype;
    all.push_back({"energy", energy, latents, [](const Object& o, const auto& in) {
                     return dynamic_cast<const LatentPrior&>(o).energy(in);
                   }});
  } else if (dynamic_cast<const Denoiser*>(&object)) {
    all.push_back({"denoise", spec, {x}, [](const Object& o, const auto& in) {
                     return dynamic_cast<const Denoiser&>(o).denoise(in[0], kNoiseLevel);
                   }});
  } else if (const auto* g = dynamic_cast<const Functional*>(&object)) {
    Spec value = one_value(spec);
    value.dtype = c10::toRealValueType(spec.dtype);
    if (g->has_value())
      all.push_back({"value", value, {x}, [](const Object& o, const auto& in) {
                       return dynamic_cast<const Functional&>(o).value(in[0]);
                     }});
    if (g->has_gradient())
      all.push_back({"gradient", spec, {x}, [](const Object& o, const auto& in) {
                       return dynamic_cast<const Functional&>(o).gradient(in[0]);
                     }});
    if (g->has_prox())
      all.push_back({"prox", spec, {x}, [](const Object& o, const auto& in) {
                       return dynamic_cast<const Functional&>(o).prox(in[0], kProxStep);
                     }});
  } else if (const auto* model = dynamic_cast<const Model*>(&object)) {
    const Spec row = with_items(spec, 1);
    all.push_back(
        {"value",
         with_items(model->range(row), spec.items),
         {x},
         [](const Object& o, const auto& in) { return dynamic_cast<const Model&>(o)(in[0], 0); }});
  }
  return all;
}

}  // namespace pellucid::conformance
