// Sweep: axes of override sets, and their product.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <pellucid/value.h>

#include "pipeline/override.h"

namespace pellucid {

/// One choice of an axis.
struct SweepChoice {
  std::string label;   ///< as people read it: "0.5", "{gaussian: {std: 3}}", "weak"
  std::string folder;  ///< as a part of a folder's name, different from its neighbours'
  std::vector<Override> overrides;
};

struct SweepAxis {
  std::string name;       ///< "lambda", or "axis 2" where its choices set different things
  bool is_named = false;  ///< whether points are labelled "lambda=0.5" or just "weak"
  std::vector<SweepChoice> choices;
};

/// One point of the product.
struct SweepPoint {
  std::string label;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<Override> overrides;
};

/// Reads `sweep:`. `variables` gives what stands behind a substitution that is a whole axis.
std::vector<SweepAxis> read_sweep(const Value& sweep, Variables& variables, Findings& findings);

/// All points, the last axis fastest; one point without label where there are no axes.
std::vector<SweepPoint> points_of(const std::vector<SweepAxis>& axes);

}  // namespace pellucid
