#include "buffers/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <pellucid/error.h>

#include "base/bytes.h"
#include "base/disk.h"

namespace pellucid {
namespace {

std::string quoted(const std::filesystem::path& path) {
  std::string text = path.string();
  return text.insert(0, 1, '\'').append(1, '\'');
}

/// What went wrong, in the words of the system or, where there is something to do about it, in
/// ours.
std::string reason(int error, const std::filesystem::path& path) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "the disk is full (" + bytes_text(free_disk(path)) +
             " free); free some space, or choose another disk with --run or --scratch";
    case EFBIG:
      return "the file would be larger than the system allows (see `ulimit -f`)";
    case EIO:
      return "the disk reports an error; see the system's log";
    case EACCES:
    case EPERM:
      return "permission denied";
    case EROFS:
      return "the file system is read-only";
    default:
      return std::strerror(error);
  }
}

[[noreturn]] void fail(const std::string& act, const std::filesystem::path& path, int error) {
  throw Error("cannot " + act + " " + quoted(path) + ": " + reason(error, path));
}

int flags_of(File::Mode mode) {
  switch (mode) {
    case File::Mode::read:
      return O_RDONLY;
    case File::Mode::update:
      return O_RDWR;
    case File::Mode::append:
      return O_RDWR | O_CREAT | O_APPEND;
    case File::Mode::create:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

const char* act_of(File::Mode mode) {
  return mode == File::Mode::create || mode == File::Mode::append ? "create" : "open";
}

template <class Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace

File::File(std::filesystem::path path, Mode mode) : path_(std::move(path)) {
  descriptor_ = retried([&] { return ::open(path_.c_str(), flags_of(mode) | O_CLOEXEC, 0666); });
  if (descriptor_ < 0) fail(act_of(mode), path_, errno);
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::int64_t File::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) < 0) fail("look at", path_, errno);
  return status.st_size;
}

void File::read(void* bytes, std::int64_t count, std::int64_t offset) const {
  auto* to = static_cast<char*>(bytes);
  while (count > 0) {
    const ssize_t done =
        retried([&] { return ::pread(descriptor_, to, static_cast<std::size_t>(count), offset); });
    if (done < 0)
      fail("read " + bytes_text(count) + " at " + std::to_string(offset) + " of", path_, errno);
    if (done == 0)
      throw Error(quoted(path_) + " is truncated: " + bytes_text(count) + " are missing at byte " +
                  std::to_string(offset));
    to += done;
    count -= done;
    offset += done;
  }
}

void File::write(const void* bytes, std::int64_t count, std::int64_t offset) const {
  const auto* from = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t done = retried(
        [&] { return ::pwrite(descriptor_, from, static_cast<std::size_t>(count), offset); });
    if (done < 0) fail("write " + bytes_text(count) + " to", path_, errno);
    from += done;
    count -= done;
    offset += done;
  }
}

void File::append(const std::string& bytes) const {
  const std::int64_t before = size();
  const ssize_t done = retried([&] { return ::write(descriptor_, bytes.data(), bytes.size()); });
  if (done == static_cast<ssize_t>(bytes.size())) return;
  const int error = done < 0 ? errno : ENOSPC;
  if (done > 0) resize(before);
  fail("append to", path_, error);
}

void File::resize(std::int64_t bytes) const {
  if (retried([&] { return ::ftruncate(descriptor_, bytes); }) < 0) fail("resize", path_, errno);
}

void File::reserve(std::int64_t bytes) const {
  if (size() < bytes) resize(bytes);
  if (bytes == 0 || retried([&] { return ::fallocate(descriptor_, 0, 0, bytes); }) == 0) return;
  const int error = errno;
  const std::int64_t free = free_disk(path_);
  const bool unsupported = error == EOPNOTSUPP || error == ENOSYS;
  if (unsupported && free >= bytes) return;
  if (unsupported || error == ENOSPC || error == EDQUOT)
    throw Error("not enough space for " + quoted(path_) + ": it needs " + bytes_text(bytes) +
                ", the disk has " + bytes_text(free) +
                " free; free some space, or choose another disk with --run or --scratch");
  fail("reserve " + bytes_text(bytes) + " for", path_, error);
}

void File::sync() const {
  if (retried([&] { return ::fdatasync(descriptor_); }) < 0) fail("sync", path_, errno);
}

void sync_folder(const std::filesystem::path& folder) {
  const std::filesystem::path place = folder.empty() ? "." : folder;
  const int descriptor = ::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("open the folder", place, errno);
  const int result = retried([&] { return ::fsync(descriptor); });
  const int error = errno;
  ::close(descriptor);
  // Some network file systems know no sync of folders, and need none.
  if (result < 0 && error != EINVAL && error != ENOTSUP) fail("sync the folder", place, error);
}

void replace_file(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (std::rename(from.c_str(), to.c_str()) < 0) fail("rename " + quoted(from) + " to", to, errno);
  sync_folder(to.parent_path());
}

std::string read_text(const std::filesystem::path& path) {
  const File file(path, File::Mode::read);
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(text.data(), static_cast<std::int64_t>(text.size()), 0);
  return text;
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path part = path.string() + "." + std::to_string(::getpid()) + ".new";
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  try {
    const File file(part, File::Mode::create);
    file.write(text.data(), static_cast<std::int64_t>(text.size()), 0);
    file.sync();
    replace_file(part, path);
  } catch (...) {
    std::filesystem::remove(part, ignored);
    throw;
  }
}

}  // namespace pellucid
