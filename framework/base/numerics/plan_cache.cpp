// Measured plans as small files: one a choice, written whole and then linked into place, so that
// whoever comes first decides for all.

#include "base/numerics/plan_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>

#include <pellucid/error.h>

#include "base/folder_lock.h"
#include "base/log.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

std::mutex folder_mutex;
fs::path choices_folder;
std::atomic<std::uint64_t> folder_generation{0};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::optional<std::string> text_of_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

/// A name must not outlive a power cut without its contents.
bool is_on_disk(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool done = ::fdatasync(descriptor) == 0;
  ::close(descriptor);
  return done;
}

fs::path written_beside(const fs::path& file, const std::string& text) {
  fs::path draft = file;
  draft += ".new-" + std::to_string(::getpid());
  std::ofstream out(draft, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out && is_on_disk(draft)) return draft;
  std::error_code ignored;
  fs::remove(draft, ignored);
  return {};
}

bool replace(const fs::path& file, const std::string& text) {
  const fs::path draft = written_beside(file, text);
  if (draft.empty()) return false;
  std::error_code failure;
  fs::rename(draft, file, failure);
  return !failure;
}

/// What stands in `file` afterwards: `text`, or that of a process which was faster.
std::optional<std::string> first_come(const fs::path& file, const std::string& text) {
  const fs::path draft = written_beside(file, text);
  if (draft.empty()) return std::nullopt;
  ::link(draft.c_str(), file.c_str());
  std::error_code ignored;
  fs::remove(draft, ignored);
  return text_of_file(file);
}

/// The accepted text from the cache, made there if need be; empty where the cache cannot be used.
std::string from_cache(const std::string& name, const std::string& machine,
                       const std::function<bool(const std::string&)>& accept,
                       const std::function<std::string()>& make) {
  const fs::path root = cache_folder();
  if (root.empty()) return {};
  const fs::path folder = root / "plans" / machine;
  const fs::path file = folder / name;
  if (const auto text = text_of_file(file); text && accept(*text)) return *text;

  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) return {};
  const auto lock = FolderLock::wait(folder);
  if (!lock) return {};
  if (const auto text = text_of_file(file); text && accept(*text)) return *text;
  const std::string made = make();
  if (!replace(file, made) || !accept(made)) return {};
  return made;
}

}  // namespace

void set_choices_folder(const fs::path& folder) {
  const std::lock_guard guard(folder_mutex);
  choices_folder = folder;
  ++folder_generation;
}

fs::path cache_folder() {
  if (const std::string own = environment("PELLUCID_CACHE"); !own.empty()) return own;
  if (const std::string all = environment("XDG_CACHE_HOME"); !all.empty())
    return fs::path(all) / "pellucid";
  if (const std::string home = environment("HOME"); !home.empty())
    return fs::path(home) / ".cache" / "pellucid";
  return {};
}

std::uint64_t plan_cache::generation() { return folder_generation; }

bool plan_cache::obtain(const std::string& name, const std::string& machine,
                        const std::function<bool(const std::string&)>& accept,
                        const std::function<std::string()>& make) {
  const fs::path choices = [] {
    const std::lock_guard guard(folder_mutex);
    return choices_folder;
  }();
  const auto require_accepted = [&](const std::string& text) {
    if (!accept(text))
      throw Error("the FFT plan '" + name + "' in '" + choices.string() +
                  "' does not fit this machine; run without --choices to measure new plans");
  };
  if (!choices.empty()) {
    if (const auto text = text_of_file(choices / name)) {
      require_accepted(*text);
      return true;
    }
  }

  const std::string text = from_cache(name, machine, accept, make);
  if (text.empty()) {
    static std::once_flag told;
    std::call_once(told, [] {
      log_warning("FFT plans cannot be kept in '" + cache_folder().string() +
                  "', so plans that need no measuring are used; set PELLUCID_CACHE to a writable "
                  "folder for faster ones");
    });
    return false;
  }
  if (choices.empty()) return true;
  std::error_code ignored;
  fs::create_directories(choices, ignored);
  const auto kept = first_come(choices / name, text);
  if (!kept)
    log_warning("the FFT plan '" + name + "' could not be copied to '" + choices.string() + "'");
  else if (*kept != text) require_accepted(*kept);
  return true;
}

}  // namespace pellucid
