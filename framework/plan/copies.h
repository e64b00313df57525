// copies: objects that other processes make copies of remember how they were made.
#pragma once

#include <memory>
#include <optional>

#include "isolation/recipe.h"
#include "plan/plan.h"

namespace pellucid {

/// How the node's object is made, where isolated nodes use it; else nothing.
std::optional<Recipe> recipe_for(const PlannedNode& node);

/// The component, with its recipe where it has one.
std::shared_ptr<Component> remembered(const std::optional<Recipe>& recipe,
                                      std::unique_ptr<Component> component);

}  // namespace pellucid
