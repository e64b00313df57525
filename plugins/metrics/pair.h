// pair: an image and its reference, as metrics take them: checked while planning, cut while running.
#pragma once

#include <pellucid/spec.h>

namespace pellucid {

/// 'x' and 'reference' agree in axes, shape and unit; the last `dimensions` axes are spatial.
/// Throws ShapeError: what is needed and what came.
void require_pair(const Spec& x, const Spec& reference, std::int64_t dimensions);

/// The last `dimensions` axes have `least` samples or more inside of a border. Throws ShapeError;
/// `why` says what needs that many, as in "a window of 11".
void require_room(const Spec& x, std::int64_t dimensions, std::int64_t least, std::int64_t border,
                  const std::string& why);

/// Of two edges, each of which has this many items or one for all of the other's.
std::int64_t paired_items(std::int64_t x, std::int64_t reference);

/// An item of a block, or the only one there is.
Tensor item_of(const Tensor& images, std::int64_t item);

/// A view without `border` samples on each side of the last `dimensions` axes.
Tensor inside(const Tensor& image, std::int64_t border, std::int64_t dimensions);

}  // namespace pellucid
