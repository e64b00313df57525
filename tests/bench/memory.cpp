// Peak resident memory of runs over 4 GiB with `memory: 512 MiB`: at most 512 MiB above an empty run,
// and within 25 % of what `check` predicts.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace {

namespace fs = std::filesystem;

std::string output_of(const std::string& command) {
  std::string text;
  FILE* const pipe = ::popen(command.c_str(), "r");
  char buffer[4096];
  while (const std::size_t read = std::fread(buffer, 1, sizeof buffer, pipe))
    text.append(buffer, read);
  ::pclose(pipe);
  return text;
}

double peak_mib(const std::string& command) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", ("exec " + command).c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  rusage use{};
  ::wait4(child, &status, 0, &use);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::fprintf(stderr, "%s failed\n", command.c_str());
    std::exit(2);
  }
  return static_cast<double>(use.ru_maxrss) / 1024;
}

struct Case {
  const char* name;
  const char* nodes;
};

}  // namespace

int main() {
  const Case cases[] = {
      {"empty run", "  x: {use: trial/ramp, with: {items: 1}}\n"},
      {"pointwise",
       "  x: {use: trial/ramp, with: {items: 1024, shape: [1, 1024, 1024]}}\n"
       "  y: {use: trial/affine, in: {x: x}}\n"
       "  t: {use: trial/total, in: {x: y}}\n"},
      {"64-channel 5x5 convolution",
       "  x: {use: trial/ramp, with: {items: 4096, shape: [1, 512, 512]}}\n"
       "  y: {use: trial/conv64, in: {x: x}}\n"
       "  t: {use: trial/total, in: {x: y}}\n"},
      {"3-D Fourier transform",
       "  x: {use: trial/ramp, with: {items: 256, shape: [64, 256, 256]}}\n"
       "  y: {use: trial/spectrum, in: {x: x}}\n"
       "  t: {use: trial/total, in: {x: y}}\n"},
      {"eight nodes with a fork",
       "  x: {use: trial/ramp, with: {items: 1024, shape: [1, 1024, 1024]}}\n"
       "  a: {use: trial/affine, in: {x: x}}\n"
       "  b: {use: trial/affine, in: {x: x}}\n"
       "  c: {use: trial/affine, in: {x: a, bias: b}}\n"
       "  d: {use: trial/box3, in: {x: c}}\n"
       "  e: {use: trial/affine, in: {x: d, bias: a}}\n"
       "  f: {use: trial/noise, in: {x: e}}\n"
       "  t: {use: trial/total, in: {x: f}}\n"},
  };
  const fs::path folder = fs::temp_directory_path() / "pellucid-bench-memory";
  fs::remove_all(folder);
  fs::create_directories(folder);
  double empty = 0;
  bool reached = true;
  for (const Case& one : cases) {
    const fs::path file = folder / "pipeline.yaml";
    // Two items a block for the convolution: 64 channels of 512 x 512 are 64 MiB an item.
    std::ofstream(file) << "pellucid: 1\nsettings: {memory: 512 MiB, threads: 2, block: "
                        << (std::string(one.name).rfind("64", 0) == 0 ? "2" : "16 MiB")
                        << "}\nnodes:\n"
                        << one.nodes;
    const std::string options = " " + file.string() + " --run " + (folder / "run").string() +
                                " --plugin-path " + PELLUCID_TRIAL_PLUGINS;
    const auto plan =
        nlohmann::json::parse(output_of(std::string(PELLUCID_COMMAND) + " check --json" + options));
    const double predicted = plan.at("predicted_resident").get<double>() / (1 << 20);
    const double peak =
        peak_mib(std::string(PELLUCID_COMMAND) + " run --quiet --overwrite" + options);
    if (empty == 0) empty = peak;
    const double off = peak / predicted - 1;
    std::printf(
        "%-28s peak %6.0f MiB, predicted %6.0f MiB (%+.0f %%), empty run + 512 MiB = %.0f MiB\n",
        one.name, peak, predicted, 100 * off, empty + 512);
    std::fflush(stdout);
    if (peak > empty + 512 || std::abs(off) > 0.25) reached = false;
    fs::remove_all(folder / "run");
  }
  std::printf("memory: %s\n", reached ? "all within bounds" : "MISSED");
  fs::remove_all(folder);
  return reached ? 0 : 1;
}
