// machine: what the machine lends to this process; affinity, cgroups and Slurm are obeyed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace pellucid {

/// Where to look, so that tests can show other machines.
struct Machine {
  std::filesystem::path proc = "/proc";
  std::filesystem::path cgroups = "/sys/fs/cgroup";
  /// Value of an environment variable; empty where it is not set.
  std::function<std::string(const std::string&)> environment;
  int processors = 1;  ///< that the process may run on

  static Machine this_one();
};

int available_threads(const Machine& machine);
std::int64_t available_memory(const Machine& machine);

/// Bytes that this process holds in memory now.
std::int64_t resident_memory();

/// Bytes that the files in a folder occupy; 0 where it does not exist.
std::int64_t occupied_disk(const std::filesystem::path& folder);

}  // namespace pellucid
