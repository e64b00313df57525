// function: `pipeline/function` at work: the nodes between two ports, run on tensors in memory.
#pragma once

#include <memory>

#include "run/node_call.h"

namespace pellucid {

/// The model of a function node whose side inputs, for the rows of a block, are in `in`. Each call
/// computes variants of one item: side tensors, objects and draws are that item's.
std::shared_ptr<Object> make_function(const RunEnvironment& environment, std::size_t node,
                                      const Inputs& in, const Rows& rows);

}  // namespace pellucid
