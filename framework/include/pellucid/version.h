// Versions of Pellucid and of its pipeline language.
#pragma once

namespace pellucid {

inline constexpr const char* kVersion = "0.1.0";
/// The number after `pellucid:` in a pipeline file.
inline constexpr int kLanguageVersion = 1;

}  // namespace pellucid
