// Weights: named tensors from HDF5, safetensors and PyTorch files.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <pellucid/spec.h>

namespace pellucid {

/// The named tensors of a file, with its text attributes.
struct Weights {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> attributes;

  /// The tensor of a key; throws ConfigError naming the key, the nearest one, and the file.
  PELLUCID_EXPORT const Tensor& at(const std::string& key) const;
  /// Shape must agree; throws ShapeError with key, expected and found.
  PELLUCID_EXPORT const Tensor& at(const std::string& key, at::IntArrayRef shape) const;
  std::filesystem::path file;
};

/// Reads `.h5`/`.hdf5` (one dataset a key, groups joined by dots or as stored), `.safetensors`, and
/// `.pth`/`.pt`/`.tar`/`.pth.tar` (zip format of PyTorch >= 1.6: a state dict, or a dict that holds
/// one under "state_dict" or "model"; only tensors, numbers, texts and containers are unpickled,
/// any other global is refused by name). Throws Error for a truncated or foreign file, a non-finite
/// tensor, a duplicate key.
PELLUCID_EXPORT Weights read_weights(const std::filesystem::path& file);

/// The keys and shapes without the numbers: for `infer`, and for messages.
PELLUCID_EXPORT std::map<std::string, std::vector<std::int64_t>> weight_shapes(
    const std::filesystem::path& file);

/// Writes HDF5, one dataset a key, with a checksum attribute; written whole, then renamed.
PELLUCID_EXPORT void write_weights(const std::filesystem::path& file, const Weights& weights);

}  // namespace pellucid
