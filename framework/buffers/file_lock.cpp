#include "buffers/file_lock.h"

#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <pellucid/error.h>

namespace pellucid {
namespace {

std::string this_process() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return "process " + std::to_string(::getpid()) + " on " + host.data();
}

std::string holder_of(const File& file) {
  std::string holder(static_cast<std::size_t>(file.size()), '\0');
  file.read(holder.data(), static_cast<std::int64_t>(holder.size()), 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "another process" : holder;
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder)
    : file_(folder / "lock", File::Mode::append) {
  int result = ::flock(file_.descriptor(), LOCK_EX | LOCK_NB);
  while (result < 0 && errno == EINTR) result = ::flock(file_.descriptor(), LOCK_EX | LOCK_NB);
  if (result < 0 && errno == EWOULDBLOCK)
    throw Error("the folder '" + folder.string() + "' is in use by " + holder_of(file_) +
                "; wait for it, stop it, or choose another folder with --run");
  if (result < 0)
    throw Error("cannot lock '" + file_.path().string() + "': " + std::strerror(errno));
  file_.resize(0);
  file_.append(this_process() + "\n");
}

FolderLock::~FolderLock() {
  // The name stays: removing it would let two processes lock two files of the same name.
  if (file_.is_open() && ::ftruncate(file_.descriptor(), 0) < 0) return;
}

}  // namespace pellucid
