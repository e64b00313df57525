// Streaming a dataset of four times the memory budget through a pointwise node into another file,
// against a plain loop of H5Dread, the same arithmetic and H5Dwrite over the same blocks with the same
// syncs. Pellucid checks every value for finiteness and journals a checksum of every block.
//
// Floor: each byte is read from and written to the page cache once. Must reach: 0.8 of the plain loop.

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <vector>

#include <ATen/ATen.h>

#include "plugin/registry.h"
#include "run/run.h"

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr hsize_t kItems = 256;
constexpr hsize_t kSide = 1024;  // 4 MiB an item, 1 GiB in all; the budget is 256 MiB
constexpr hsize_t kBlock = 4;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void sync_file(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY);
  ::fdatasync(file);
  ::close(file);
}

hid_t create(const fs::path& path, hid_t& file) {
  file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t shape[] = {kItems, 1, kSide, kSide};
  const hid_t space = H5Screate_simple(4, shape, nullptr);
  const hid_t set =
      H5Dcreate2(file, "x", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Sclose(space);
  return set;
}

void transfer(hid_t set, hsize_t first, float* data, bool write) {
  const hsize_t offset[] = {first, 0, 0, 0};
  const hsize_t size[] = {kBlock, 1, kSide, kSide};
  const hid_t in_file = H5Dget_space(set);
  const hid_t in_memory = H5Screate_simple(4, size, nullptr);
  H5Sselect_hyperslab(in_file, H5S_SELECT_SET, offset, nullptr, size, nullptr);
  if (write) H5Dwrite(set, H5T_NATIVE_FLOAT, in_memory, in_file, H5P_DEFAULT, data);
  else H5Dread(set, H5T_NATIVE_FLOAT, in_memory, in_file, H5P_DEFAULT, data);
  H5Sclose(in_memory);
  H5Sclose(in_file);
}

double plain_loop(const fs::path& from, const fs::path& to) {
  fs::remove(to);
  const auto begin = Clock::now();
  const hid_t source = H5Fopen(from.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t in = H5Dopen2(source, "x", H5P_DEFAULT);
  hid_t target = 0;
  const hid_t out = create(to, target);
  auto synced = Clock::now();
  at::Tensor x = at::empty({kBlock, 1, kSide, kSide});
  for (hsize_t first = 0; first < kItems; first += kBlock) {
    transfer(in, first, x.data_ptr<float>(), false);
    at::Tensor y = x * 2.0 + 0.0;
    transfer(out, first, y.data_ptr<float>(), true);
    if (seconds_since(synced) > 5) {
      H5Fflush(target, H5F_SCOPE_LOCAL);
      sync_file(to);
      synced = Clock::now();
    }
  }
  H5Dclose(out);
  H5Fclose(target);
  sync_file(to);
  H5Dclose(in);
  H5Fclose(source);
  return seconds_since(begin);
}

double pellucid_run(const fs::path& folder, const fs::path& from,
                    const pellucid::Registry& registry) {
  fs::remove_all(folder);
  pellucid::RunRequest request;
  request.documents = pellucid::read_pipeline_text(
      "pellucid: 1\n"
      "settings: {memory: 256 MiB, threads: 2}\n"
      "nodes:\n"
      "  x: {use: io/dataset, with: {path: \"" +
          from.string() +
          ":/x\", axes: nchw}}\n"
          "  y: {use: trial/affine, in: {x: x}}\n"
          "  save: {use: io/save, in: {y: y}, with: {to: y.h5}}\n",
      "bench.yaml", folder.parent_path());
  request.options.folder = folder;
  const auto begin = Clock::now();
  pellucid::run_pipeline(std::move(request), registry);
  return seconds_since(begin);
}

}  // namespace

int main() {
  const fs::path folder = fs::temp_directory_path() / "pellucid-bench-streaming";
  fs::remove_all(folder);
  fs::create_directories(folder);
  {
    hid_t file = 0;
    const hid_t set = create(folder / "x.h5", file);
    at::Tensor x = at::rand({kBlock, 1, kSide, kSide});
    for (hsize_t first = 0; first < kItems; first += kBlock)
      transfer(set, first, x.data_ptr<float>(), true);
    H5Dclose(set);
    H5Fclose(file);
  }
  const pellucid::Registry registry(
      pellucid::Registry::search_path({fs::path(PELLUCID_TRIAL_PLUGINS)}));
  std::vector<double> ratios;
  for (int round = 0; round < 5; ++round) {
    const double plain = plain_loop(folder / "x.h5", folder / "plain.h5");
    const double ours = pellucid_run(folder / "run", folder / "x.h5", registry);
    std::printf("plain loop %.2f s, pellucid %.2f s, throughput ratio %.2f\n", plain, ours,
                plain / ours);
    ratios.push_back(plain / ours);
  }
  std::sort(ratios.begin(), ratios.end());
  const double median = ratios[ratios.size() / 2];
  std::printf("streaming: median throughput ratio %.2f of the plain loop; must reach 0.80\n",
              median);
  fs::remove_all(folder);
  return median >= 0.8 ? 0 : 1;
}
