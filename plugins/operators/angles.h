// angles: the directions of parallel rays, as settings or an input say them.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include <pellucid/ports.h>
#include <pellucid/schema.h>

namespace pellucid {

struct EvenAngles {
  static constexpr const char* name = "even";
  static constexpr const char* summary = "evenly spaced";
  std::int64_t count = 180;
  double range = 180;  // deg
  double start = 0;    // deg

  static const Schema<EvenAngles>& schema();
};

struct ListedAngles {
  static constexpr const char* name = "list";
  static constexpr const char* summary = "one by one";
  std::vector<double> degrees;

  static const Schema<ListedAngles>& schema();
};

using Angles = std::variant<EvenAngles, ListedAngles>;

/// In radians.
std::vector<double> radians_of(const Angles& angles);

/// The spec of an input that is the same for all items. Throws ShapeError where it is not real, or
/// of several items.
const Spec& single(const Inputs& in, const In<Tensor>& port);

/// The angles that an input holds, in radians; without a unit they are in degrees. Throws Error for
/// one that is not finite.
std::vector<double> radians_of(const Inputs& in, const In<Tensor>& port);

}  // namespace pellucid
