// settings: values that a schema admits, and values at its ends and beyond them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <pellucid/schema.h>

namespace pellucid::conformance {

/// Settings that give what is required, from the middle of its range, and nothing else.
Value plain_settings(const std::vector<Field>& fields);
/// The settings, one thing at a time changed: every other name of an enumeration, alternative of a
/// choice and truth, every number of a short range, every optional setting given.
std::vector<Value> variations(const std::vector<Field>& fields, const Value& settings);

/// A value for one setting, and what is to become of it.
struct Probe {
  std::string path;   ///< "kernel.gaussian.std"
  std::string value;  ///< as text
  std::string law;    ///< "in [0, 10]"
  Value settings;
  bool admitted = true;  ///< by the declaration
  bool computed = true;  ///< small enough to be computed with
};
std::vector<Probe> probes(const std::vector<Field>& fields, const Value& settings);

}  // namespace pellucid::conformance
