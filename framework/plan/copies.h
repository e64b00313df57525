// copies: objects that other processes make copies of remember how they were made.
#pragma once

#include <memory>

#include "isolation/recipe.h"
#include "plan/plan.h"

namespace pellucid {

/// The component, with its recipe where it is an object that isolated nodes use.
std::shared_ptr<Component> remembered(const PlannedNode& node,
                                      std::unique_ptr<Component> component);

/// What a node says of how its component is made, and nothing else.
PlannedNode node_words(const PlannedNode& node);

}  // namespace pellucid
