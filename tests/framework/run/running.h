// What tests of runs share: a folder that goes away, pipelines as text, results as tensors.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <pellucid/dataset.h>

#include "plugin/registry.h"
#include "run/run.h"

namespace pellucid::testing {

namespace fs = std::filesystem;

class RunTest : public ::testing::Test {
 protected:
  RunTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              (std::string("pellucid-") + info->test_suite_name() + "-" + info->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~RunTest() override { fs::remove_all(folder_); }

  const fs::path& folder() const { return folder_; }

  static Registry registry() {
    return Registry(Registry::search_path({fs::path(PELLUCID_TRIAL_PLUGINS)}));
  }

  RunRequest request(const std::string& nodes, const std::string& settings = "{}",
                     const std::vector<std::string>& overrides = {}) const {
    RunRequest made;
    made.documents = read_pipeline_text("pellucid: 1\nsettings: " + settings + "\n" + nodes,
                                        "test.yaml", folder_, {overrides});
    made.options.folder = folder_ / "run";
    return made;
  }

  RunReport run(const std::string& nodes, const std::string& settings = "{}",
                const std::vector<std::string>& overrides = {}) const {
    return run_pipeline(request(nodes, settings, overrides), registry());
  }

  Tensor result(const std::string& dataset, const fs::path& run = "run") const {
    const DatasetReader reader({folder_ / run / "result.h5", dataset});
    return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
  }

  /// The record of a run.
  nlohmann::json record(const fs::path& run = "run") const {
    return nlohmann::json::parse(std::ifstream(folder_ / run / "run.json"));
  }

  /// Runs until the journal has `lines` lines with `word`, then stops as Ctrl-C does.
  static RunReport interrupt(RunRequest request, const std::string& word, std::int64_t lines) {
    std::atomic<bool> flag{false};
    std::atomic<bool> over{false};
    request.interrupt = &flag;
    std::thread watch([&, journal = request.options.folder / "journal"] {
      for (; !over && !flag; std::this_thread::sleep_for(std::chrono::milliseconds(1)))
        flag = count_of(word, journal) >= lines;
    });
    const auto join = [&] {
      over = true;
      watch.join();
    };
    try {
      RunReport report = run_pipeline(std::move(request), registry());
      join();
      return report;
    } catch (...) {
      join();
      throw;
    }
  }

  /// How often a word stands in a file.
  static std::int64_t count_of(const std::string& word, const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    std::int64_t count = 0;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
      ++count;
    return count;
  }

 private:
  fs::path folder_;
};

/// Items 0 .. items - 1 of `trial/ramp`.
inline Tensor ramp(std::int64_t items, std::int64_t h = 16, std::int64_t w = 16) {
  const Tensor one =
      at::arange(h * w, at::kFloat).div(static_cast<double>(h * w)).view({1, 1, h, w});
  return one + at::arange(items, at::kFloat).view({items, 1, 1, 1});
}

}  // namespace pellucid::testing
