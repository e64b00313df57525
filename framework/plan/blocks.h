// blocks: what a node works on at once, in a stream cut into blocks or tiles.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace pellucid {

/// How the streams of a run are cut.
struct Cut {
  std::int64_t block_items = 1;
  std::vector<std::int64_t> tile;  ///< as in the settings; empty: items are not cut
};

/// Items of the largest tensor edge among those that count items; 0 where there is none.
std::int64_t largest_item_bytes(const Plan& plan);

/// Items and tile of a block: from the settings, or as many items as fill `block_bytes`.
Cut cut_of(const Plan& plan);

/// Tiles of the items of a stream, without halo, along the cut axes; empty where a tile holds the
/// whole item of every edge. `fault`, where it is given, gets the node that cannot be cut, and why.
struct TileFault {
  std::size_t node = 0;
  std::string sentence;
};
std::vector<Region> tiles_of(const Plan& plan, const PlannedStream& stream,
                             const std::vector<std::int64_t>& tile,
                             std::optional<TileFault>* fault);

/// How far each node of a tiled stream looks, and how far its outputs are needed beyond a tile.
struct Reach {
  std::vector<std::int64_t> halo;
  std::vector<std::int64_t> margin;
};
std::vector<Reach> reach_of(const Plan& plan, const PlannedStream& stream, std::size_t cut_axes);

/// Spec of one block of an edge: `count` items (one of an edge with one), and along the last axes
/// the sizes of a tile where there is one.
Spec block_spec(const Spec& edge, std::int64_t count, const std::vector<std::int64_t>& sizes);

/// Tensor edges that a stream's nodes touch: what they give, and what they are given.
std::vector<const Spec*> tensor_edges_of(const Plan& plan, const PlannedStream& stream);

}  // namespace pellucid
