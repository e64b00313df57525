// Files written and read with the plain C API of HDF5, as other programs would.
#pragma once

#include <hdf5.h>

#include <filesystem>
#include <string>
#include <vector>

namespace pellucid::testing {

/// All elements of a dataset, as the given type of memory. Empty where anything fails.
template <class T>
std::vector<T> plain_read(const std::filesystem::path& path, const std::string& dataset,
                          hid_t type) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) return {};
  const hid_t set = H5Dopen2(file, dataset.c_str(), H5P_DEFAULT);
  const hid_t space = H5Dget_space(set);
  std::vector<T> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)) *
                        (H5Tget_size(type) / sizeof(T)));
  if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) values.clear();
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
  return values;
}

/// A text attribute of variable length.
inline std::string plain_text(const std::filesystem::path& path, const std::string& object,
                              const std::string& name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t attribute =
      H5Aopen_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute);
  char* text = nullptr;
  H5Aread(attribute, type, &text);
  const std::string copy = text == nullptr ? "" : text;
  H5free_memory(text);
  H5Tclose(type);
  H5Aclose(attribute);
  H5Fclose(file);
  return copy;
}

/// A file to be written by hand; closes what it opened.
class PlainFile {
 public:
  explicit PlainFile(const std::filesystem::path& path)
      : file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
  ~PlainFile() { H5Fclose(file); }

  /// `creation` as from H5Pcreate; `type` both in the file and in memory unless `memory` differs.
  void write(const std::string& name, const std::vector<hsize_t>& shape, hid_t type,
             const void* bytes, hid_t creation = H5P_DEFAULT, hid_t memory = -1) const {
    const hid_t space =
        shape.empty() ? H5Screate(H5S_SCALAR)
                      : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t set =
        H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (bytes != nullptr)
      H5Dwrite(set, memory < 0 ? type : memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
    H5Dclose(set);
    H5Sclose(space);
  }

  void attribute(const std::string& object, const std::string& name,
                 const std::string& text) const {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, text.size());
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t set = H5Oopen(file, object.c_str(), H5P_DEFAULT);
    const hid_t attribute = H5Acreate2(set, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, text.data());
    H5Aclose(attribute);
    H5Oclose(set);
    H5Sclose(space);
    H5Tclose(type);
  }

  const hid_t file;
};

}  // namespace pellucid::testing
