#include "isolation/recipe.h"

#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace pellucid {
namespace {

/// Never destroyed: objects may outlive whatever is.
struct Recipes {
  std::mutex mutex;
  std::unordered_map<const Component*, std::shared_ptr<Recipe>> all;
  std::int64_t last = 0;
};

Recipes& recipes() {
  static auto* const known = new Recipes;
  return *known;
}

void change(const Component& object, const std::function<void(Recipe&)>& action) {
  std::shared_ptr<Recipe>
      before;  // others may be reading it; it may be the last that holds objects
  const std::lock_guard lock(recipes().mutex);
  const auto found = recipes().all.find(&object);
  if (found == recipes().all.end()) return;
  before = found->second;
  auto changed = std::make_shared<Recipe>(*before);
  action(*changed);
  found->second = std::move(changed);
}

}  // namespace

std::shared_ptr<Component> with_recipe(std::unique_ptr<Component> object, Recipe recipe) {
  if (!object) return nullptr;
  const auto forget = [](Component* made) {
    std::shared_ptr<Recipe> last;  // its inputs may be the last that hold other objects
    {
      const std::lock_guard lock(recipes().mutex);
      const auto found = recipes().all.find(made);
      last = std::move(found->second);
      recipes().all.erase(found);
    }
    delete made;
  };
  {
    const std::lock_guard lock(recipes().mutex);
    recipe.number = ++recipes().last;
    recipes().all[object.get()] = std::make_shared<Recipe>(std::move(recipe));
  }
  return {object.release(), forget};
}

std::shared_ptr<const Recipe> recipe_of(const Component& object) {
  const std::lock_guard lock(recipes().mutex);
  const auto found = recipes().all.find(&object);
  return found == recipes().all.end() ? nullptr : found->second;
}

void note_bound(const Component& object, const Inputs& in) {
  change(object, [&](Recipe& recipe) {
    recipe.bound = in;
    recipe.prepared.reset();
  });
}

void note_prepared(const Component& object, const Inputs& in, const CallFacts& facts) {
  change(object, [&](Recipe& recipe) { recipe.prepared = Recipe::Prepared{in, facts}; });
}

}  // namespace pellucid
