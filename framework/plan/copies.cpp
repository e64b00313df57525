#include "plan/copies.h"

#include <utility>

#include "plan/draft.h"
#include "plan/edges.h"

namespace pellucid {

std::optional<Recipe> recipe_for(const PlannedNode& node) {
  if (!node.copied) return std::nullopt;
  Recipe recipe;
  recipe.node = node.name;
  recipe.use = node.use;
  recipe.where = node.where;
  recipe.plugin_file = node.plugin_file;
  recipe.component = node.component->name;
  recipe.settings = node.settings;
  return recipe;
}

std::shared_ptr<Component> remembered(const std::optional<Recipe>& recipe,
                                      std::unique_ptr<Component> component) {
  if (!recipe) return component;
  return with_recipe(std::move(component), *recipe);
}

void find_copies(Draft& draft) {
  std::vector<PlannedNode>& nodes = draft.plan.nodes;
  std::vector<bool> used(nodes.size(), false), used_here(nodes.size(), false);
  for (std::size_t i = nodes.size(); i-- > 0;) {  // consumers first
    PlannedNode& node = nodes[i];
    if (!node.component) continue;
    const bool object = is_object(node.component->kind);
    node.used_here = !object || (!node.isolated && (used_here[i] || !used[i]));
    for (const PlannedInput& input : node.inputs) {
      if (is_data(input.type)) continue;
      used[input.node] = true;
      if (node.isolated || node.copied) nodes[input.node].copied = true;
      if (!node.isolated && node.used_here) used_here[input.node] = true;
    }
  }
}

}  // namespace pellucid
