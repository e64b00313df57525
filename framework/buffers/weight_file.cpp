#include "buffers/weight_file.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>

#include <nlohmann/json.hpp>

#include <pellucid/spec.h>

#include "buffers/checksum.h"
#include "buffers/file.h"
#include "buffers/hdf5.h"
#include "buffers/pickle.h"
#include "buffers/zip.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

std::string the_file(const fs::path& path) { return "the file '" + path.string() + "'"; }

std::string number_text(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.17g", number);
  return text.data();
}

std::string text_of(const Attribute& attribute) {
  if (const auto* text = std::get_if<std::string>(&attribute)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&attribute)) return std::to_string(*integer);
  std::string text;
  for (const double number : std::get<std::vector<double>>(attribute))
    text += (text.empty() ? "" : ", ") + number_text(number);
  return text;
}

/// An HDF5 file that several entries read from.
struct OpenHdf5 {
  ~OpenHdf5() {
    const hdf5::Session session;
    file = {};
  }
  hdf5::Id file;
};

at::Tensor load_hdf5(const OpenHdf5& open, const std::string& dataset, const fs::path& path) {
  const hdf5::Session session;
  const hdf5::Id set = hdf5::open_dataset(open.file, dataset, path);
  const hdf5::Id type(H5Dget_type(set), H5Tclose);
  const auto as = hdf5::read_as(type);
  const at::Tensor tensor = at::empty(hdf5::shape_of(set), at::TensorOptions(as->dtype));
  if (tensor.numel() > 0)
    hdf5::checked(
        H5Dread(set, as->memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.mutable_data_ptr()),
        "read '" + dataset + "'", path);
  const Attributes attributes = hdf5::read_attributes(set, path);
  const auto sum = attributes.find("checksum");
  if (sum != attributes.end() && text_of(sum->second) != checksum_text(checksum(tensor)))
    throw Error("the tensor '" + dataset.substr(1) + "' of '" + path.string() +
                "' is damaged: its checksum does not agree");
  return tensor;
}

struct SafetensorType {
  const char* name;
  at::ScalarType dtype;
};
constexpr std::array<SafetensorType, 13> kSafetensorTypes{{
    {"BOOL", at::kBool},
    {"U8", at::kByte},
    {"I8", at::kChar},
    {"I16", at::kShort},
    {"I32", at::kInt},
    {"I64", at::kLong},
    {"U16", at::kUInt16},
    {"U32", at::kUInt32},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"F32", at::kFloat},
    {"F64", at::kDouble},
    {"C64", at::kComplexFloat},
}};

/// Refuses a header in which a key stands twice; JSON readers keep the last one in silence.
nlohmann::json parse_without_duplicates(const std::string& text, const fs::path& path) {
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    if (event == nlohmann::json::parse_event_t::object_start) keys.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) keys.pop_back();
    if (event == nlohmann::json::parse_event_t::key &&
        !keys.back().insert(value.get<std::string>()).second)
      throw Error(the_file(path) + " has the key '" + value.get<std::string>() + "' twice");
    return true;
  };
  try {
    return nlohmann::json::parse(text, watch);
  } catch (const nlohmann::json::exception&) {
    throw Error(the_file(path) + " is no safetensors file: its header is not JSON");
  }
}

std::int64_t numel_of(const std::vector<std::int64_t>& shape, const std::string& key,
                      const fs::path& path) {
  std::int64_t numel = 1;
  for (const std::int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(numel, size, &numel))
      throw Error("the tensor '" + key + "' of '" + path.string() + "' has the impossible shape " +
                  shape_text(shape));
  return numel;
}

WeightFile::Entry safetensor(const std::shared_ptr<File>& file, std::int64_t data,
                             const std::string& key, const nlohmann::json& header) {
  const std::string type = header.at("dtype").get<std::string>();
  const auto known = std::find_if(kSafetensorTypes.begin(), kSafetensorTypes.end(),
                                  [&](const SafetensorType& t) { return t.name == type; });
  if (known == kSafetensorTypes.end())
    throw Error("the tensor '" + key + "' of '" + file->path().string() + "' is of type '" + type +
                "', which libtorch does not compute with");
  const auto shape = header.at("shape").get<std::vector<std::int64_t>>();
  const auto range = header.at("data_offsets").get<std::array<std::int64_t, 2>>();
  const auto element = static_cast<std::int64_t>(c10::elementSize(known->dtype));
  std::int64_t bytes = 0;
  const bool fits = !__builtin_mul_overflow(numel_of(shape, key, file->path()), element, &bytes) &&
                    range[0] >= 0 && range[1] >= range[0] && range[1] - range[0] == bytes;
  if (!fits || range[1] > file->size() - data)
    throw Error("the tensor '" + key + "' does not lie within " + the_file(file->path()) +
                ", which is damaged or truncated");
  const auto load = [file, start = data + range[0], bytes, shape, dtype = known->dtype] {
    const at::Tensor tensor = at::empty(shape, at::TensorOptions(dtype));
    file->read(tensor.mutable_data_ptr(), bytes, start);
    return tensor;
  };
  return {known->dtype, shape, load};
}

/// The folder in which all entries of a PyTorch archive stand, with its slash.
std::string archive_root(const ZipReader& zip, const fs::path& path) {
  for (const auto& [name, entry] : zip.entries())
    if (name == "data.pkl" || name.ends_with("/data.pkl"))
      return name.substr(0, name.size() - std::string("data.pkl").size());
  throw Error(the_file(path) + " is a zip archive but not one of PyTorch: it has no data.pkl");
}

at::Tensor load_pytorch(const ZipReader& zip, const std::string& entry,
                        const Pickle::TensorPlace& place) {
  std::int64_t span = 1;
  for (std::size_t axis = 0; axis < place.shape.size(); ++axis)
    span = place.shape[axis] == 0 ? 0 : span + (place.shape[axis] - 1) * place.stride[axis];
  const bool empty = std::find(place.shape.begin(), place.shape.end(), 0) != place.shape.end();
  const at::TensorOptions options(place.storage.dtype);
  if (empty) return at::empty(place.shape, options);
  const at::Tensor flat = at::empty({span}, options);
  const auto element = static_cast<std::int64_t>(flat.element_size());
  zip.read(entry, flat.mutable_data_ptr(), span * element, place.offset * element);
  return flat.as_strided(place.shape, place.stride).contiguous();
}

const Pickle::Dictionary* dictionary_under(const Pickle::Dictionary& dictionary,
                                           const std::string& wanted) {
  for (const auto& [key, value] : dictionary.values) {
    const auto* name = key->as<std::string>();
    if (name != nullptr && *name == wanted) return value->as<Pickle::Dictionary>();
  }
  return nullptr;
}

void add_attribute(WeightFile& weights, const std::string& name, const Pickle::Value& value) {
  if (const auto* text = value.as<std::string>()) weights.attributes[name] = *text;
  if (const auto* truth = value.as<bool>()) weights.attributes[name] = *truth ? "true" : "false";
  if (const auto* integer = value.as<std::int64_t>())
    weights.attributes[name] = std::to_string(*integer);
  if (const auto* real = value.as<double>()) weights.attributes[name] = number_text(*real);
}

}  // namespace

void WeightFile::add(const std::string& key, Entry entry, const fs::path& file) {
  if (!entries.emplace(key, std::move(entry)).second)
    throw Error(the_file(file) + " has the key '" + key + "' twice");
}

WeightFile open_hdf5_weights(const fs::path& path) {
  const hdf5::Session session;
  WeightFile weights;
  const auto open = std::make_shared<OpenHdf5>();
  open->file = hdf5::open_file(path);
  for (const auto& [name, value] : hdf5::read_attributes(open->file, path))
    weights.attributes[name] = text_of(value);
  for (const std::string& dataset : hdf5::dataset_paths(open->file)) {
    const hdf5::Id set = hdf5::open_dataset(open->file, dataset, path);
    const hdf5::Id type(H5Dget_type(set), H5Tclose);
    const auto as = hdf5::read_as(type);
    if (!as)
      throw Error("the dataset '" + dataset + "' of '" + path.string() + "' holds " +
                  hdf5::type_text(type) + "; weights are numbers");
    std::string key = dataset.substr(1);
    std::replace(key.begin(), key.end(), '/', '.');
    weights.add(key,
                {as->dtype, hdf5::shape_of(set),
                 [open, dataset, path] { return load_hdf5(*open, dataset, path); }},
                path);
  }
  return weights;
}

WeightFile open_safetensors_weights(const fs::path& path) {
  const auto file = std::make_shared<File>(path, File::Mode::read);
  std::uint64_t length = 0;
  if (file->size() < 8) throw Error(the_file(path) + " is no safetensors file: it is too short");
  file->read(&length, 8, 0);
  if (length > static_cast<std::uint64_t>(file->size() - 8))
    throw Error(the_file(path) +
                " is no safetensors file, or it is truncated: its header should have " +
                std::to_string(length) + " bytes");
  std::string text(length, '\0');
  file->read(text.data(), static_cast<std::int64_t>(length), 8);
  const std::int64_t data = 8 + static_cast<std::int64_t>(length);
  WeightFile weights;
  try {
    const nlohmann::json headers = parse_without_duplicates(text, path);
    for (const auto& [key, header] : headers.items()) {
      if (key == "__metadata__")
        weights.attributes = header.get<std::map<std::string, std::string>>();
      else weights.add(key, safetensor(file, data, key, header), path);
    }
  } catch (const nlohmann::json::exception&) {
    throw Error(the_file(path) +
                " is no safetensors file: its header lacks dtype, shape or offsets");
  }
  return weights;
}

WeightFile open_pytorch_weights(const fs::path& path) {
  const auto zip = std::make_shared<ZipReader>(path);
  const std::string root = archive_root(*zip, path);
  if (zip->has(root + "byteorder") && zip->read(root + "byteorder") != "little")
    throw Error(the_file(path) + " was written on a big-endian machine; save it again on another");
  const std::string bytes = zip->read(root + "data.pkl");
  std::optional<Pickle> pickle;
  try {
    pickle.emplace(bytes);
  } catch (const Error& error) {
    throw Error(the_file(path) + " cannot be read as weights: " + error.sentence());
  }
  const auto* top = pickle->root().as<Pickle::Dictionary>();
  if (top == nullptr)
    throw Error(the_file(path) +
                " holds no dictionary of tensors; save the state dict alone: "
                "torch.save(model.state_dict(), name)");

  const Pickle::Dictionary* state = dictionary_under(*top, "state_dict");
  if (state == nullptr) state = dictionary_under(*top, "model");
  if (state == nullptr) state = top;
  WeightFile weights;
  for (const auto& [key, value] : state->values) {
    const auto* name = key->as<std::string>();
    const auto* place = value->as<Pickle::TensorPlace>();
    if (name == nullptr || place == nullptr) continue;
    const std::string entry = root + "data/" + place->storage.key;
    const auto element = static_cast<std::int64_t>(c10::elementSize(place->storage.dtype));
    if (place->storage.numel > zip->bytes(entry) / element)
      throw Error(the_file(path) + " is damaged: the storage of '" + *name +
                  "' is shorter than said");
    weights.add(*name,
                {place->storage.dtype, place->shape,
                 [zip, entry, place = *place] { return load_pytorch(*zip, entry, place); }},
                path);
  }
  for (const auto* dictionary : {top, state})
    for (const auto& [key, value] : dictionary->values)
      if (const auto* name = key->as<std::string>()) add_attribute(weights, *name, *value);
  return weights;
}

}  // namespace pellucid
