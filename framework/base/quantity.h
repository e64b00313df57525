// Quantities: arithmetic and units in the text of a value.
#pragma once

#include <string>
#include <vector>

namespace pellucid {

/// Whether `text` can be read as a number but is more than a bare one: "7.65/255", "-(1+2)",
/// "4 GiB". Where such a text is substituted into a larger one it counts as a whole.
bool is_compound_quantity(const std::string& text);

/// Whether `text` can be read as a number, with or without arithmetic and unit.
bool is_quantity(const std::string& text);

/// Names of the units that a number wanted in `unit` may carry: itself and all of its kind.
std::vector<std::string> units_like(const std::string& unit);

}  // namespace pellucid
