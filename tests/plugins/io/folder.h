// folder: a temporary folder that a test has for itself.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace pellucid {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "pellucid-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::string text(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace pellucid
