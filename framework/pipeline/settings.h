// Settings that stand under `settings:` and in nodes alike.
#pragma once

#include <string>

#include <pellucid/value.h>

#include "pipeline/document.h"

namespace pellucid {

/// Throws ConfigError: "expected EXPECTED, found ...", where the value stands.
[[noreturn]] void expect(const std::string& expected, const Value& found);

/// `nonfinite: stop | allow`. Throws ConfigError.
OnNonfinite on_nonfinite_of(const Value& value);

/// `on_item_error: stop | skip`. Throws ConfigError.
OnItemError on_item_error_of(const Value& value);

}  // namespace pellucid
