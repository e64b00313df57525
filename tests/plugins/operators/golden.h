// golden: recorded results of a reference program for operators.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <pellucid/dataset.h>

namespace pellucid::testing {

/// Skips where there are no recorded data.
class GoldenOperators : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* shared = std::getenv("PELLUCID_SHARED");
    if (shared) file_ = std::filesystem::path(shared) / "golden/vble/operators.h5";
    if (!std::filesystem::exists(file_)) GTEST_SKIP() << "no reference data";
  }

  Tensor read(const std::string& dataset) const {
    const DatasetReader reader({file_, dataset});
    return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
  }

  std::filesystem::path file_;
};

}  // namespace pellucid::testing
