// What isolation costs: a pointwise node on blocks of 16 MiB in a process of its own, against the same
// node in this process.
//
// Floor: a block is copied into memory that both processes map, and what is computed is copied back,
// so two copies. Must reach: at most 3 times the time of two copies more than in one process.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include "plugin/registry.h"
#include "run/run.h"

namespace {

namespace fs = std::filesystem;

constexpr int kBlocks = 32;
constexpr std::size_t kBlockBytes = std::size_t{16} << 20;

/// Seconds that the node takes for a block.
double seconds_per_block(const fs::path& folder, const std::string& isolate) {
  const std::string text = "pellucid: 1\nsettings: {threads: 1, block: 4, isolate: " + isolate +
                           "}\n"
                           "nodes:\n"
                           "  x: {use: trial/ramp, with: {items: " +
                           std::to_string(4 * kBlocks) +
                           ", shape: [1, 1024, 1024]}}\n"
                           "  y: {use: trial/affine, in: {x: x}}\n"
                           "  total: {use: trial/total, in: {x: y}}\n";
  pellucid::RunRequest request;
  request.documents = pellucid::read_pipeline_text(text, "bench.yaml", folder);
  request.options.folder = folder / "run";
  pellucid::run_pipeline(
      request, pellucid::Registry(pellucid::Registry::search_path({PELLUCID_TRIAL_PLUGINS})));
  const auto record = nlohmann::json::parse(std::ifstream(folder / "run" / "run.json"));
  fs::remove_all(folder / "run");
  for (const auto& node : record["nodes"])
    if (node["name"] == "y") return node["seconds"].get<double>() / node["blocks"].get<double>();
  return 0;
}

double seconds_of_a_copy() {
  const at::Tensor from = at::ones({static_cast<std::int64_t>(kBlockBytes / 4)});
  at::Tensor to = at::zeros_like(from);
  double best = 1e9;
  for (int repeat = 0; repeat < 20; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    std::memcpy(to.mutable_data_ptr(), from.const_data_ptr(), kBlockBytes);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, spent.count());
  }
  return best;
}

}  // namespace

int main() {
  at::set_num_threads(1);
  const fs::path folder = fs::temp_directory_path() / "pellucid-bench-isolation";
  fs::remove_all(folder);
  fs::create_directories(folder);
  double together = 1e9, isolated = 1e9;
  for (int repeat = 0; repeat < 3; ++repeat) {
    together = std::min(together, seconds_per_block(folder, "[]"));
    isolated = std::min(isolated, seconds_per_block(folder, "[y]"));
  }
  fs::remove_all(folder);
  const double floor = 2 * seconds_of_a_copy();
  const double cost = isolated - together;
  std::printf("a block of 16 MiB: %.2f ms isolated, %.2f ms in one process (%.2f times); ",
              1e3 * isolated, 1e3 * together, isolated / together);
  std::printf("two copies %.2f ms\n", 1e3 * floor);
  std::printf("isolation: %.2f times the time of two copies; at most 3 allowed\n", cost / floor);
  return cost <= 3 * floor ? 0 : 1;
}
