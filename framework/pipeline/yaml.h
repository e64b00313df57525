// YAML: the one place that knows yaml-cpp.
#pragma once

#include <cstddef>
#include <optional>

#include <pellucid/value.h>

#include "pipeline/findings.h"
#include "pipeline/source.h"

namespace pellucid {

/// A pipeline that would grow beyond all bounds: by aliases, or by variables that stand in each
/// other. Thrown where the bound is met.
class TooLarge : public ConfigError {
 public:
  using ConfigError::ConfigError;
};

/// Memory that the values of a pipeline may take, all files and points of a sweep together.
class Budget {
 public:
  /// Counts a value that is about to be made, or a copy of it. Throws TooLarge.
  void charge(const Value& value, const SourceLocation& where);
  /// Counts text that is about to be made. Throws TooLarge.
  void charge(std::size_t bytes, const SourceLocation& where);

 private:
  static constexpr std::size_t kMost = std::size_t{128} << 20;
  std::size_t left_ = kMost;
};

/// Reads a text that passed `check_text`. Nothing where it cannot be understood as YAML.
std::optional<Value> read_yaml(const Source& source, Budget& budget, Findings& findings);

}  // namespace pellucid
