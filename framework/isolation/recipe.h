// Recipe: how an object of a pipeline was made, so that another process can make a copy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <pellucid/component.h>
#include <pellucid/value.h>

#include "isolation/call_site.h"

namespace pellucid {

struct Recipe {
  std::string node;  ///< for errors
  std::string use;
  SourceLocation where;
  std::filesystem::path plugin_file;
  std::string component;  ///< name in the plugin
  Value settings;

  std::int64_t number = 0;  ///< tells it from all others of this process
  std::optional<Inputs> bound;
  struct Prepared {
    Inputs in;
    CallFacts facts;
  };
  std::optional<Prepared> prepared;
};

/// The object, whose recipe is known as long as it lives.
std::shared_ptr<Component> with_recipe(std::unique_ptr<Component> object, Recipe recipe);
/// Null where none is known.
std::shared_ptr<const Recipe> recipe_of(const Component& object);
/// Nothing where it has no recipe.
void note_bound(const Component& object, const Inputs& in);
void note_prepared(const Component& object, const Inputs& in, const CallFacts& facts);

}  // namespace pellucid
