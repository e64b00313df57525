#include "plan/machine.h"

#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include "base/bytes.h"
#include "plan/plan.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

std::string first_line_of(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

/// A whole number, which must be all of the text; empty otherwise ("max", "", "1G").
std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, number);
  if (fault != std::errc{} || stop != end) return std::nullopt;
  return number;
}

/// Folders of the process's control group for a controller (empty: cgroup v2), from its own up to
/// the root: each of them limits.
std::vector<fs::path> control_groups(const Machine& machine, const std::string& controller) {
  std::ifstream lines(machine.proc / "self/cgroup");
  std::vector<fs::path> folders;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controller.empty() ? names != ",," : names.find("," + controller + ",") == names.npos)
      continue;
    const fs::path root = controller.empty() ? machine.cgroups : machine.cgroups / controller;
    fs::path folder = fs::path(line.substr(second + 1)).relative_path();
    for (; !folder.empty(); folder = folder.parent_path()) folders.push_back(root / folder);
    folders.push_back(root);
  }
  return folders;
}

/// Processors that the quotas of the control groups come to, rounded up.
std::optional<int> processor_quota(const Machine& machine) {
  std::optional<int> least;
  const auto limit = [&least](std::optional<std::int64_t> quota,
                              std::optional<std::int64_t> period) {
    if (!quota || !period || *quota <= 0 || *period <= 0) return;
    const int processors = static_cast<int>((*quota + *period - 1) / *period);
    least = std::min(least.value_or(processors), processors);
  };
  for (const fs::path& folder : control_groups(machine, "")) {
    std::istringstream words(first_line_of(folder / "cpu.max"));
    std::string quota, period;
    words >> quota >> period;
    limit(whole_number(quota), whole_number(period));
  }
  for (const fs::path& folder : control_groups(machine, "cpu"))
    limit(whole_number(first_line_of(folder / "cpu.cfs_quota_us")),
          whole_number(first_line_of(folder / "cpu.cfs_period_us")));
  return least;
}

/// The number of "MemAvailable:    123456 kB", in bytes.
std::optional<std::int64_t> memory_entry(const Machine& machine, const std::string& name) {
  std::ifstream lines(machine.proc / "meminfo");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key;
    std::int64_t kilobytes = 0;
    if (words >> key >> kilobytes && key == name + ":") return kilobytes << 10;
  }
  return std::nullopt;
}

/// What Slurm gave to this task, in bytes; 0 means all of the node.
std::optional<std::int64_t> slurm_memory(const Machine& machine) {
  const auto mebibytes = [&machine](const char* name) {
    const auto number = whole_number(machine.environment(name));
    return number && *number > 0 ? number : std::nullopt;
  };
  if (const auto whole = mebibytes("SLURM_MEM_PER_NODE")) return *whole * kMiB;
  const auto each = mebibytes("SLURM_MEM_PER_CPU");
  const auto processors = mebibytes("SLURM_CPUS_PER_TASK");
  if (each) return *each * kMiB * processors.value_or(1);
  return std::nullopt;
}

int processors_allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

Machine Machine::this_one() {
  Machine machine;
  machine.processors = processors_allowed();
  machine.environment = [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value ? value : "");
  };
  return machine;
}

int available_threads(const Machine& machine) {
  int threads = machine.processors;
  if (const auto quota = processor_quota(machine)) threads = std::min(threads, *quota);
  if (const auto task = whole_number(machine.environment("SLURM_CPUS_PER_TASK")); task && *task > 0)
    threads = static_cast<int>(std::min<std::int64_t>(threads, *task));
  return std::max(1, threads);
}

std::int64_t available_memory(const Machine& machine) {
  std::int64_t bytes = memory_entry(machine, "MemAvailable").value_or(kMiB << 10);
  const auto limit = [&bytes](std::optional<std::int64_t> most) {
    if (most && *most > 0) bytes = std::min(bytes, *most);
  };
  for (const fs::path& folder : control_groups(machine, ""))
    limit(whole_number(first_line_of(folder / "memory.max")));
  for (const fs::path& folder : control_groups(machine, "memory"))
    limit(whole_number(first_line_of(folder / "memory.limit_in_bytes")));
  limit(slurm_memory(machine));
  return bytes;
}

int available_threads() { return available_threads(Machine::this_one()); }
std::int64_t available_memory() { return available_memory(Machine::this_one()); }

SourceFile source_file(const fs::path& path) {
  SourceFile file;
  file.path = path;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return file;
  file.bytes = status.st_size;
  file.modified = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return file;
}

std::int64_t resident_memory() {
  std::ifstream stream("/proc/self/statm");
  std::int64_t all = 0, resident = 0;
  stream >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

std::int64_t occupied_disk(const fs::path& folder) {
  std::error_code fault;
  std::int64_t bytes = 0;
  if (folder.empty() || !fs::is_directory(folder, fault)) return 0;
  for (fs::recursive_directory_iterator entry(folder, fault), end; !fault && entry != end;
       entry.increment(fault)) {
    struct stat status {};
    // 512 bytes: what stat counts blocks in, whatever the file system's own are.
    if (lstat(entry->path().c_str(), &status) == 0 && S_ISREG(status.st_mode))
      bytes += static_cast<std::int64_t>(status.st_blocks) * 512;
  }
  return bytes;
}

}  // namespace pellucid
