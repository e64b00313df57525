#include "parameters.h"

#include <algorithm>
#include <map>

#include <ATen/ATen.h>

namespace pellucid {
namespace {

/// What older state dicts called a tensor, in the words of newer ones.
std::string renewed(std::string key) {
  const auto replace = [&key](const std::string& old, const std::string& now) {
    if (const auto at = key.find(old); at != std::string::npos) key.replace(at, old.size(), now);
  };
  if (key.rfind("module.", 0) == 0) key.erase(0, 7);
  replace(".downsample.", ".skip.");
  for (const std::string kind : {"matrix", "bias", "factor"}) {
    const std::string many = kind == "matrix" ? "matrices" : kind == "bias" ? "biases" : "factors";
    replace("entropy_bottleneck._" + many + ".", "entropy_bottleneck." + many + ".");
    for (const char digit : {'0', '1', '2', '3', '4'})
      replace("entropy_bottleneck._" + kind + digit, "entropy_bottleneck." + many + "." + digit);
  }
  return key;
}

/// Constants that the layers know, and tables of the entropy coder: files carry them, nobody reads
/// them.
bool is_constant(const std::string& key) {
  static const std::vector<std::string> endings{"._offset",     "._quantized_cdf",
                                                "._cdf_length", ".num_batches_tracked",
                                                ".scale_table", ".scale_bound",
                                                ".bound",       ".pedestal",
                                                ".target",      ".mask"};
  return std::any_of(endings.begin(), endings.end(), [&key](const std::string& ending) {
    return key.size() >= ending.size() &&
           key.compare(key.size() - ending.size(), ending.size(), ending) == 0;
  });
}

template <class T>
std::map<std::string, T> below_state_dict(std::map<std::string, T> all) {
  const std::string group = "state_dict.";
  std::map<std::string, T> below;
  for (const auto& [key, value] : all)
    if (key.rfind(group, 0) == 0) below[key.substr(group.size())] = value;
  return below.empty() ? all : below;
}

}  // namespace

Weights read_network(const std::filesystem::path& file) {
  Weights weights = read_weights(file);
  weights.tensors = below_state_dict(std::move(weights.tensors));
  return weights;
}

at::ScalarType precision_of(const Weights& weights) {
  for (const auto& [key, tensor] : weights.tensors)
    if (tensor.scalar_type() == at::kDouble) return at::kDouble;
  return at::kFloat;
}

std::map<std::string, std::vector<std::int64_t>> network_shapes(const std::filesystem::path& file) {
  return below_state_dict(weight_shapes(file));
}

Parameters::Parameters(Weights weights, at::ScalarType dtype) : dtype_(dtype) {
  weights_.file = weights.file;
  weights_.attributes = std::move(weights.attributes);
  for (auto& [key, tensor] : weights.tensors) {
    const std::string now = renewed(key);
    if (!weights_.tensors.emplace(now, tensor).second)
      throw ConfigError("'" + weights_.file.string() + "' holds '" + now +
                        "' under an old and a new name; keep one of them");
  }
}

Parameters::Parameters(std::function<Random(const std::string&)> draw) : draw_(std::move(draw)) {}

Tensor Parameters::take(const std::string& key, at::IntArrayRef shape,
                        const std::function<Tensor(const Random&)>& made) {
  const Tensor tensor = draw_ ? made(draw_(key)) : weights_.at(key, shape).to(dtype_);
  all_.push_back({key, tensor.contiguous()});
  return all_.back().tensor;
}

void Parameters::require_all_taken() const {
  std::string extra;
  for (const auto& [key, tensor] : weights_.tensors) {
    const bool taken = std::any_of(all_.begin(), all_.end(),
                                   [&key](const Named& named) { return named.key == key; });
    if (!taken && !is_constant(key)) extra += (extra.empty() ? "'" : ", '") + key + "'";
  }
  if (!extra.empty())
    throw ConfigError("'" + weights_.file.string() +
                      "' holds tensors that this architecture does not have: " + extra);
}

}  // namespace pellucid
