// The HDF5 C API as far as Pellucid needs it, each call wrapped once: identifiers close themselves,
// failures throw Error with the file and HDF5's own reason, and HDF5 prints nothing.
#pragma once

#include <hdf5.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "buffers/array_layout.h"

namespace pellucid::hdf5 {

/// Held around every use of this header: not every HDF5 is built thread-safe, and those that are
/// keep their error printing per thread.
class Session {
 public:
  Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

 private:
  std::lock_guard<std::recursive_mutex> lock_;
};

/// An identifier that closes itself.
class Id {
 public:
  using Close = herr_t (*)(hid_t);

  Id() = default;
  Id(hid_t id, Close close) : id_(id), close_(close) {}
  Id(Id&& other) noexcept;
  Id& operator=(Id&& other) noexcept;
  ~Id();

  operator hid_t() const { return id_; }

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// `result`, unless it is negative: then throws Error "cannot ACT in 'FILE': HDF5's reason".
template <class Result>
Result checked(Result result, const std::string& act, const std::filesystem::path& file);

/// A new file in the earliest format, replacing an old one.
Id create_file(const std::filesystem::path& path);
/// An existing file, read-only and without HDF5's own file locks. Throws Error: no such file, not
/// HDF5, truncated.
Id open_file(const std::filesystem::path& path);

/// The type under which elements are stored. Throws Error for a dtype that HDF5 cannot hold.
Id stored_type(const ElementType& element);

/// How the elements of a stored type come into memory.
struct ReadAs {
  at::ScalarType dtype;
  Id memory;       ///< for H5Dread
  bool as_stored;  ///< the bytes in the file are those in memory
};
/// Empty for a type that is not numbers.
std::optional<ReadAs> read_as(hid_t stored);
/// Numbers, or texts of fixed length; empty for other types.
std::optional<ElementType> element_type(hid_t stored);
/// "text of variable length", "compound", ...: for messages.
std::string type_text(hid_t stored);

Id simple_space(at::IntArrayRef shape);
std::vector<std::int64_t> shape_of(hid_t dataset);

void write_attributes(hid_t object, const Attributes& attributes,
                      const std::filesystem::path& file);
/// Texts, real numbers and integers; attributes of other types are left out.
Attributes read_attributes(hid_t object, const std::filesystem::path& file);

/// Absolute paths of all datasets, sorted.
std::vector<std::string> dataset_paths(hid_t file);
/// Throws Error with the nearest names where there is none, or where it is a group.
Id open_dataset(hid_t file, const std::string& path, const std::filesystem::path& name);
/// The dataset, made with the groups above it.
Id create_dataset(hid_t file, const std::string& path, hid_t type, hid_t space, hid_t creation,
                  const std::filesystem::path& name);

/// Where the dataset's bytes stand in the file; empty where they are not one contiguous stretch of
/// this file, or there are none.
std::optional<std::int64_t> contiguous_offset(hid_t dataset);

}  // namespace pellucid::hdf5
