// WeightFile: the named tensors of a file before their numbers are read; one way for each format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace pellucid {

struct WeightFile {
  struct Entry {
    at::ScalarType dtype = at::kFloat;
    std::vector<std::int64_t> shape;
    std::function<at::Tensor()> load;  ///< keeps the file open; contiguous
  };
  std::map<std::string, Entry> entries;
  std::map<std::string, std::string> attributes;

  /// Throws Error for a key that is there already.
  void add(const std::string& key, Entry entry, const std::filesystem::path& file);
};

/// Each throws Error: truncated, foreign, a type that has no place in weights.
WeightFile open_hdf5_weights(const std::filesystem::path& path);
WeightFile open_safetensors_weights(const std::filesystem::path& path);
WeightFile open_pytorch_weights(const std::filesystem::path& path);

}  // namespace pellucid
