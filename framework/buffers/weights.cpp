// Weights: one face for the three formats of WeightFile.

#include <pellucid/weights.h>

#include <string_view>

#include "buffers/checksum.h"
#include "buffers/contiguous_file.h"
#include "buffers/weight_file.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> keys_of(const std::map<std::string, Tensor>& tensors) {
  std::vector<std::string> keys;
  for (const auto& [key, tensor] : tensors) keys.push_back(key);
  return keys;
}

/// Formats are told by how a file begins; its name only has to be right where that says nothing.
WeightFile open_weights(const fs::path& path) {
  const File file(path, File::Mode::read);
  std::string start(static_cast<std::size_t>(std::min<std::int64_t>(file.size(), 264)), '\0');
  file.read(start.data(), static_cast<std::int64_t>(start.size()), 0);
  const std::string_view begin(start);
  if (begin.starts_with("\x89HDF\r\n\x1a\n")) return open_hdf5_weights(path);
  if (begin.starts_with("PK\x03\x04")) return open_pytorch_weights(path);
  if (begin.starts_with("\x80\x02"))
    throw Error("the file '" + path.string() +
                "' is in PyTorch's format of before 1.6; load it there and "
                "save it again with torch.save");
  if (path.extension() == ".safetensors") return open_safetensors_weights(path);
  throw Error("the file '" + path.string() +
              "' holds no weights: it is neither HDF5, nor safetensors, nor "
              "PyTorch's zip format, or it is truncated");
}

}  // namespace

const Tensor& Weights::at(const std::string& key) const {
  const auto found = tensors.find(key);
  if (found != tensors.end()) return found->second;
  const std::string nearest = nearest_name(key, keys_of(tensors));
  throw ConfigError("the weights in '" + file.string() + "' have no tensor '" + key + "'" +
                    (nearest.empty() ? "; they have " + std::to_string(tensors.size()) + " others"
                                     : "; did you mean '" + nearest + "'?"));
}

const Tensor& Weights::at(const std::string& key, at::IntArrayRef shape) const {
  const Tensor& tensor = at(key);
  if (tensor.sizes() != shape)
    throw ShapeError("the tensor '" + key + "' of '" + file.string() + "' should have the shape " +
                     shape_text(shape) + ", it has " + shape_text(tensor.sizes()));
  return tensor;
}

Weights read_weights(const fs::path& file) {
  const WeightFile stored = open_weights(file);
  if (stored.entries.empty()) throw Error("the file '" + file.string() + "' holds no tensors");
  Weights weights;
  weights.file = file;
  weights.attributes = stored.attributes;
  for (const auto& [key, entry] : stored.entries) {
    const Tensor tensor = entry.load();
    const std::int64_t bad = first_nonfinite(tensor);
    if (bad >= 0)
      throw Error("the tensor '" + key + "' of '" + file.string() +
                  "' has a value that is not finite, its element " + std::to_string(bad));
    weights.tensors[key] = tensor;
  }
  return weights;
}

std::map<std::string, std::vector<std::int64_t>> weight_shapes(const fs::path& file) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& [key, entry] : open_weights(file).entries) shapes[key] = entry.shape;
  return shapes;
}

void write_weights(const fs::path& file, const Weights& weights) {
  std::vector<ArrayLayout> arrays;
  std::vector<Tensor> tensors;
  for (const auto& [key, tensor] : weights.tensors) {
    if (key.empty() || key.find('/') != std::string::npos)
      throw Error("a tensor of '" + file.string() + "' cannot be called '" + key +
                  "': keys are not empty and have no slash");
    tensors.push_back(tensor.detach().cpu().contiguous());
    arrays.push_back({"/" + key,
                      tensor.scalar_type(),
                      tensor.sizes().vec(),
                      {{"checksum", checksum_text(checksum(tensors.back()))}}});
  }
  Attributes attributes;
  for (const auto& [name, text] : weights.attributes) attributes[name] = text;

  const fs::path part = file.string() + ".part";
  try {
    const ContiguousFile written = ContiguousFile::create(part, arrays, attributes);
    for (std::size_t i = 0; i < tensors.size(); ++i)
      written.write_bytes(i, 0, tensors[i].numel(), tensors[i].const_data_ptr());
    written.sync();
    replace_file(part, file);
  } catch (...) {
    std::error_code ignored;
    fs::remove(part, ignored);
    throw;
  }
}

}  // namespace pellucid
