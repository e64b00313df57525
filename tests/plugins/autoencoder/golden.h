// golden: recorded results of a reference program, tests/data/vble.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>
#include <pellucid/weights.h>

namespace pellucid::testing {

class Golden {
 public:
  explicit Golden(const std::string& file)
      : path_(std::filesystem::path(PELLUCID_SOURCE_DIR) / "tests/data/vble" / file),
        all_(read_weights(path_)) {}

  /// "train_f64/y".
  Tensor operator()(std::string dataset) const {
    const Tensor* found = find(dataset);
    if (!found) throw Error("'" + path_.string() + "' has no '" + dataset + "'");
    return found->clone();
  }
  bool has(const std::string& dataset) const { return find(dataset) != nullptr; }
  double number(const std::string& dataset) const {
    return (*this)(dataset).to(at::kDouble).item<double>();
  }

  /// The tensors below a group, with `prefix` before what stands below it.
  Weights below(const std::string& group, const std::string& prefix = "") const {
    Weights chosen;
    chosen.file = path_;
    const std::string start = dotted(group) + ".";
    for (const auto& [key, tensor] : all_.tensors)
      if (key.rfind(start, 0) == 0)
        chosen.tensors[prefix + key.substr(start.size())] = tensor.clone();
    return chosen;
  }

 private:
  static std::string dotted(std::string name) {
    for (char& c : name)
      if (c == '/') c = '.';
    return name;
  }
  const Tensor* find(const std::string& dataset) const {
    const auto found = all_.tensors.find(dotted(dataset));
    return found == all_.tensors.end() ? nullptr : &found->second;
  }

  std::filesystem::path path_;
  Weights all_;
};

inline double largest(const Tensor& x) { return x.abs().max().item<double>(); }

inline double difference(const Tensor& a, const Tensor& b) {
  return largest(a.detach().to(at::kDouble) - b.to(at::kDouble));
}

inline double relative_difference(const Tensor& a, const Tensor& b) {
  return difference(a, b) / largest(b.to(at::kDouble));
}

}  // namespace pellucid::testing
