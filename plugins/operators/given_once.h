// given_once: what may be a setting or an input of an operator.
#pragma once

#include <string>

#include <pellucid/error.h>

namespace pellucid {

/// Exactly one of the setting and the input must be there. Throws ConfigError: `what` ("the kernel
/// is") given twice or missing, and `sources` ("the setting or the input 'kernel'").
inline void require_given_once(const std::string& what, bool setting, bool input,
                               const std::string& sources) {
  if (setting == input)
    throw ConfigError(what + (setting ? " given twice: remove " : " missing: give ") + sources);
}

}  // namespace pellucid
