// function: `pipeline/function` at work: the nodes between two ports, run on tensors in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "run/node_call.h"

namespace pellucid {

/// The object at an input of a node, as it is for one row of a block.
using ObjectOfRow =
    std::function<std::shared_ptr<const Component>(const PlannedInput& input, std::int64_t row)>;

/// The model of a function node whose side inputs, for the rows of a block, are in `in`. Each call
/// computes variants of one item: side tensors, objects (asked for where there is `object_of_row`)
/// and draws are that item's.
std::shared_ptr<Object> make_function(const RunEnvironment& environment, std::size_t node,
                                      const Inputs& in, const Rows& rows,
                                      const ObjectOfRow& object_of_row = {});

}  // namespace pellucid
