#include "base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <pellucid/error.h>

namespace pellucid {
namespace {

namespace fs = std::filesystem;

std::string this_process() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return "process " + std::to_string(::getpid()) + " on " + host.data();
}

std::string holder_of(int descriptor) {
  std::array<char, 512> text{};
  const ssize_t count = ::pread(descriptor, text.data(), text.size(), 0);
  const std::string holder(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  return holder.empty() ? "another process" : holder.substr(0, holder.find('\n'));
}

int open_lock(const fs::path& folder) {
  return ::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
}

/// 0, or the error.
int lock(int descriptor, int how) {
  while (::flock(descriptor, how) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

[[noreturn]] void fail(const fs::path& folder, int error) {
  throw Error("cannot lock '" + (folder / "lock").string() + "': " + std::strerror(error));
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder) : descriptor_(open_lock(folder)) {
  if (descriptor_ < 0) fail(folder, errno);
  const int error = lock(descriptor_, LOCK_EX | LOCK_NB);
  if (error == 0) {
    sign();
    return;
  }
  const std::string holder = holder_of(descriptor_);
  ::close(descriptor_);
  if (error != EWOULDBLOCK) fail(folder, error);
  throw Error("the folder '" + folder.string() + "' is in use by " + holder +
              "; wait for it, stop it, or choose another folder with --run");
}

FolderLock::FolderLock(int descriptor) : descriptor_(descriptor) { sign(); }

std::optional<FolderLock> FolderLock::wait(const fs::path& folder) {
  const int descriptor = open_lock(folder);
  if (descriptor < 0) return std::nullopt;
  if (lock(descriptor, LOCK_EX) == 0) return FolderLock(descriptor);
  ::close(descriptor);
  return std::nullopt;
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FolderLock::~FolderLock() {
  if (descriptor_ < 0) return;
  // The name stays: removing it would let two processes lock two files of the same name.
  unsign();
  ::close(descriptor_);
}

// Who holds it is told to people only, so a full disk does not keep anybody from holding it.
void FolderLock::sign() const {
  unsign();
  const std::string text = this_process() + "\n";
  if (::pwrite(descriptor_, text.data(), text.size(), 0) < 0) return;
}

void FolderLock::unsign() const {
  if (::ftruncate(descriptor_, 0) < 0) return;
}

}  // namespace pellucid
