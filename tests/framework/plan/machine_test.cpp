#include "plan/machine.h"

#include <unistd.h>

#include <fstream>
#include <map>

#include <gtest/gtest.h>

#include "base/temporary_folder.h"

namespace pellucid {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

/// A machine made of files and an environment.
class MachineModel {
 public:
  MachineModel() {
    machine_.proc = folder_ / "proc";
    machine_.cgroups = folder_ / "cgroup";
    machine_.processors = 16;
    machine_.environment = [this](const std::string& name) {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::string() : found->second;
    };
    write("proc/meminfo", "MemTotal: 67108864 kB\nMemAvailable:   33554432 kB\n");
  }

  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path file = folder_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void set(const std::string& name, const std::string& value) { environment_[name] = value; }
  int threads() const { return available_threads(machine_); }
  std::int64_t memory() const { return available_memory(machine_); }

  Machine machine_;

 private:
  TemporaryFolder folder_;
  std::map<std::string, std::string> environment_;
};

TEST(Machine, lends_all_where_nothing_limits) {
  const MachineModel machine;
  EXPECT_EQ(machine.threads(), 16);
  EXPECT_EQ(machine.memory(), 32768 * kMiB);
}

TEST(Machine, obeys_quotas_of_control_groups_version_2_up_to_the_root) {
  MachineModel machine;
  machine.write("proc/self/cgroup", "0::/user/job\n");
  machine.write("cgroup/user/job/cpu.max", "max 100000\n");
  machine.write("cgroup/user/cpu.max", "250000 100000\n");
  machine.write("cgroup/user/job/memory.max", "1073741824\n");
  machine.write("cgroup/user/memory.max", "max\n");
  EXPECT_EQ(machine.threads(), 3);
  EXPECT_EQ(machine.memory(), 1024 * kMiB);
}

TEST(Machine, obeys_quotas_of_control_groups_version_1) {
  MachineModel machine;
  machine.write("proc/self/cgroup", "7:cpu,cpuacct:/job\n3:memory:/job\n1:name=systemd:/x\n");
  machine.write("cgroup/cpu/job/cpu.cfs_quota_us", "400000\n");
  machine.write("cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  machine.write("cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  machine.write("cgroup/cpu/cpu.cfs_period_us", "100000\n");
  machine.write("cgroup/memory/job/memory.limit_in_bytes", "536870912\n");
  machine.write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(machine.threads(), 4);
  EXPECT_EQ(machine.memory(), 512 * kMiB);
}

TEST(Machine, obeys_slurm) {
  MachineModel machine;
  machine.set("SLURM_CPUS_PER_TASK", "6");
  machine.set("SLURM_MEM_PER_CPU", "1000");
  EXPECT_EQ(machine.threads(), 6);
  EXPECT_EQ(machine.memory(), 6000 * kMiB);
  machine.set("SLURM_MEM_PER_NODE", "2000");
  EXPECT_EQ(machine.memory(), 2000 * kMiB);
}

TEST(Machine, takes_no_nonsense_from_the_environment) {
  MachineModel machine;
  machine.set("SLURM_CPUS_PER_TASK", "many");
  machine.set("SLURM_MEM_PER_NODE", "0");
  EXPECT_EQ(machine.threads(), 16);
  EXPECT_EQ(machine.memory(), 32768 * kMiB);
}

TEST(Machine, has_at_least_one_thread) {
  MachineModel machine;
  machine.write("proc/self/cgroup", "0::/\n");
  machine.write("cgroup/cpu.max", "10000 100000\n");
  EXPECT_EQ(machine.threads(), 1);
}

TEST(Machine, counts_what_files_of_a_folder_occupy) {
  const TemporaryFolder folder;
  EXPECT_EQ(occupied_disk(folder / "nothing"), 0);
  std::filesystem::create_directories(folder / "deep");
  std::ofstream(folder / "deep/file") << std::string(1 << 20, 'x');
  ::sync();
  EXPECT_GE(occupied_disk(folder.path()), kMiB);
  EXPECT_LT(occupied_disk(folder.path()), 2 * kMiB);
}

}  // namespace
}  // namespace pellucid
