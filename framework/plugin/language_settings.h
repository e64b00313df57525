// language_settings: what may stand under `settings:`, as plain data for descriptions and the
// schema.
#pragma once

#include <string>
#include <vector>

namespace pellucid {

struct LanguageSetting {
  std::string key;
  std::string type;      ///< in words: "size, or auto"
  std::string standard;  ///< the default, as it would be written
  std::string summary;
  std::string schema;  ///< JSON Schema of a value that is no substitution
};

const std::vector<LanguageSetting>& language_settings();

}  // namespace pellucid
